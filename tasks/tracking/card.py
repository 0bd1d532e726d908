"""What people must know of a version before they use it: the sections of a model card that no metric fills.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019. What nobody has written is named as a gap, with the
setting that fills it: a card that says nothing would look as if all had been thought of.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tasks.energy import Energy
from tasks.measures import Measure
from tasks.params.register import GROUP_MEASURES
from tasks.promotion.gate_rule import GateRule
from tasks.promotion.latency import Latency, Timing
from tasks.tracking.markdown import as_code, as_text, listed
from tasks.wording import counted, number, percent

NO_MEASURES: Mapping[str, Measure] = MappingProxyType({})


def intended_use(passport: Mapping[str, Any]) -> str:
    """For what it is, for what it is not, and whom to ask."""
    card = _written(passport)
    return listed(
        [
            _line("for", card.get("intended_use"), "intended_use"),
            _line("not for", card.get("not_for"), "not_for"),
            _line("who to ask", card.get("owner"), "owner"),
        ]
    )


def limits(passport: Mapping[str, Any], measures: Mapping[str, Measure] = NO_MEASURES) -> str:
    """Whom it was not looked at for, how far groups of people are apart by the `measures` of the version, what other
    rows may do to it, what was set aside, and what people say of it."""
    card, rows = _written(passport), passport["rows"]
    sensitive = [as_code(column["name"]) for column in passport["columns"] if column["role"] == "sensitive"]
    people = (
        f"groups of people: by {', '.join(sensitive)}, from which it does not learn{_apart(measures)}"
        if sensitive
        else "groups of people: no column has the role `sensitive`, so whether it treats them alike was not looked at"
    )
    set_aside = [
        f"{stage} set {num:,} of {of:,} rows aside ({percent(num / of)})"
        for stage, num, of in _set_aside(rows)
        if num and of
    ]
    known = _line("known limits", card.get("limitations"), "limitations")
    return listed([known, people, *_other_rows(measures), *set_aside])


def how_sure(passport: Mapping[str, Any], measures: Mapping[str, Measure]) -> str:
    """What intervals or sets of classes promise and what they kept on the test rows, in one sentence."""
    conformal = passport["parameters"].get("evaluate", {}).get("conformal")
    kept = measures.get("coverage")
    if conformal is None or kept is None:
        return "how far off an answer may be: **it does not say**; `evaluate.conformal` in params.yaml makes it say so"
    value, low, high = (None if end is None else f"{100 * end:.1f}" for end in (kept.value, kept.low, kept.high))
    ends = "" if low is None or high is None else f" ({low} to {high} %)"
    size, width = measures.get("set_size"), measures.get("interval_width")
    what = f"an interval, {number(width.value)} wide on average" if width else "a set of classes"
    what = f"{what}, {number(size.value)} on average" if size else what
    return (
        f"how far off an answer may be: each comes with {what}, which held the truth of **{value} %**{ends} of the "
        f"test rows; promised are {100 * conformal['coverage']:g} % of rows like those of validation"
        f"{_kinds(conformal['by'])}"
    )


def _kinds(by: str | None) -> str:
    match by:
        case None:
            return ""
        case "class":
            return ", of each class"
        case "answer":
            return ", in each fifth of the answers"
        case _:
            return f", for each value of {as_code(by)} that has enough of them"


def cost(latency: Latency | None, energy: Energy | None, measures: Mapping[str, Measure] = NO_MEASURES) -> list[str]:
    """How large it is by the `measures` of the version, how fast it answers, and what energy its training and its
    answers took."""
    lines = ["training: " + (_energy(energy) if energy else "**not counted**: the run has no such figure")]
    lines = [*_sizes(measures), *lines]
    if latency is None:
        return [*lines, "answers: **not measured**; `register.latency: true` in params.yaml does it"]
    taken = Energy(watt_hours=latency.energy_wh, source=latency.energy_source)
    return [
        *lines,
        f"one row: {_timing(latency.one_row)}, on {latency.machine}",
        f"{counted(latency.batch.num_rows, 'row')}: {_timing(latency.batch)}",
        f"1,000 answers: {_energy(taken)}",
    ]


def _sizes(measures: Mapping[str, Measure]) -> list[str]:
    size, files = measures.get("num_parameters"), measures.get("size_mib")
    lines = [] if size is None else [f"size: {size.value:,.0f} {as_text(size.of or '')}"]
    return [*lines, *([] if files is None else [f"files: {number(files.value)} MiB"])]


def _timing(timing: Timing) -> str:
    return f"{number(timing.p50_ms)} ms, and 95 % of {timing.num_calls:,} within {number(timing.p95_ms)} ms"


def _energy(energy: Energy) -> str:
    return f"{number(energy.watt_hours)} Wh ({energy.source})"


def _apart(measures: Mapping[str, Measure]) -> str:
    """How far the groups are apart, in a list within the line; that nobody knows, where no two could be compared."""
    lines = [_measure(name, measures[name]) for name in GROUP_MEASURES if name in measures]
    if not lines:
        return "; no two groups have test rows enough to be compared"
    return "; furthest apart on the test rows:" + "".join(f"\n    - {line}" for line in lines)


def _measure(name: str, measure: Measure) -> str:
    return f"{name}: **{number(measure.value)}**{interval_text(measure)}, {as_text(measure.of or '')}"


def interval_text(figure: Measure | GateRule) -> str:
    """The interval in brackets; nothing where nobody knows it."""
    low, high = figure.low, figure.high
    return "" if low is None or high is None else f" ({number(low)} to {number(high)})"


def _other_rows(measures: Mapping[str, Measure]) -> list[str]:
    """What disturbed rows cost it, whether the test rows are like the training rows, and how much its sets or intervals
    hold."""
    lines = ["disturbed rows: **not measured**; `evaluate.robustness.enabled: true` in params.yaml does it"]
    if loss := measures.get("robustness_loss"):
        figure = f"**{number(loss.value)}**{interval_text(loss)}"
        lines = [f"disturbed rows: it gets worse by {figure} where it loses most, with {as_text(loss.of or '')}"]
    if drift := measures.get("drifted_columns"):
        which = f"**{drift.value:.0f}**: {as_text(drift.of)}" if drift.of else "none"
        lines.append(f"columns whose test rows are surely distributed otherwise than the training rows: {which}")
    if coverage := measures.get("coverage"):
        figure = f"**{number(coverage.value)}**{interval_text(coverage)}"
        lines.append(f"its intervals, or sets of classes, hold the truth in {figure} of the test rows")
    return lines


def _set_aside(rows: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    validate, clean = rows.get("validate", {}), rows.get("clean", {})
    return [
        ("validate", validate.get("num_quarantined", 0), validate.get("num_rows", 0)),
        ("clean", clean.get("num_quarantined", 0), clean.get("num_rows_in", 0)),
    ]


def _written(passport: Mapping[str, Any]) -> Mapping[str, Any]:
    card: Mapping[str, Any] = passport["parameters"].get("register", {}).get("card", {})
    return card


def _line(what: str, text: str | None, setting: str) -> str:
    if text is None:
        return f"{what}: **not stated**; `register.card.{setting}` in params.yaml says it"
    return f"{what}: {as_text(text)}"
