"""How the rows are split, as the findings about them ask for; and what that means, told at the finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.drafting.findings import Finding
from tasks.drafting.profile import Facts
from tasks.wording import counted

_SIZES = {"validation": 0.15, "test": 0.15}
_FEW_GROUPS = 40
"""With 40 groups, 0.15 of them by hash leave a part empty in 3 of 1,000 cases (2 * 0.85 ** 40); counts never do."""

_FEW_OF_A_CLASS = 40
"""With 40 rows of a class, shares by hash leave it out of a part in 3 of 1,000 cases, as with groups."""


@dataclass(frozen=True, kw_only=True)
class SplitChoice:
    """The section as it is written; `reason` stands beside it, where there is one."""

    settings: Mapping[str, Any]
    reason: str = ""

    @property
    def kind(self) -> str:
        return str(self.settings.get("kind", "hash"))

    @property
    def goes_by_time(self) -> bool:
        """Whether the newest rows are held out."""
        return self.kind == "time" or self.settings.get("validation_by") == "time"


@dataclass(frozen=True, kw_only=True)
class Splittable:
    """What a split is chosen by: `num_rows` and the rows of each class that can be used, and what tells rows apart."""

    num_rows: int
    classes: Mapping[str, int]
    key: tuple[str, ...]
    repeats_are_events: bool = False

    @property
    def by_key(self) -> dict[str, Any]:
        """The settings of a split by hash, sizes aside."""
        # Together, a table of few different rows would leave parts empty, and ask of each what the others never had.
        repeats = {"repeats": "apart"} if self.repeats_are_events else {}
        return {"seed": 0, "key": self.key, **repeats}


def choose_split(
    facts: Facts, source: Mapping[str, Any], findings: Sequence[Finding], rows: Splittable, test_is_later: bool
) -> SplitChoice:
    """As the data say, else by group, else by time, else by hash of the key.

    `test_is_later`: the data say which rows are for the test, and these are later than all others.
    """
    given: dict[str, Any] = {"validation": 0.15, "seed": 0, "key": rows.key}
    why = ""
    if test_is_later:
        given = {"validation": 0.15, "validation_by": "time"}
        why = "the test rows are later than all others, so the newest of the others validate"
    # What the publisher gave apart is the test that others report on.
    if any(key.startswith("test_") for key in source):
        return SplitChoice(settings={"kind": "given", **given}, reason=why)
    if "validation_path" in source:
        why = "the data bring rows to validate on, and none to test on: these are drawn from the others"
        return SplitChoice(settings={"kind": "given", "test": 0.15, "seed": 0, "key": rows.key}, reason=why)
    if column := _with_role(findings, "split"):
        return SplitChoice(settings={"kind": "given", "column": column, **given}, reason=why)
    # Before time: rows of one entity on both sides are a leak, an early test only a weaker one.
    if group := _with_role(findings, "group"):
        return _by_group(facts, group, rows.num_rows)
    when = _with_role(findings, "time")
    # A row without a time has no place in that order.
    if when and not facts.state(when).num_missing:
        return SplitChoice(settings={"kind": "time", **_SIZES}, reason=f"the latest rows by {when} are the test")
    return _by_hash(rows)


def counted_split(choice: SplitChoice, num_rows: int, key: Sequence[str]) -> SplitChoice:
    """The same with counts of rows in place of shares: no part is empty, and each has its rows of each class."""
    settings = {"seed": 0, "key": tuple(key)} if choice.kind == "hash" else {}
    why = f"{choice.reason}; " if choice.reason else ""
    return SplitChoice(
        settings={**choice.settings, **_counts(num_rows), **settings},
        reason=f"{why}so few rows are cut by counts, so that each part has what it needs",
    )


def drawn_by_key(choice: SplitChoice, key: Sequence[str]) -> SplitChoice:
    """The same parts as the data name, with validation rows by their key where they were the newest."""
    settings = {name: value for name, value in choice.settings.items() if name != "validation_by"}
    why = "the newest rows would lack a class that validation needs, so these are drawn: scores may be too good"
    return SplitChoice(settings={**settings, "seed": 0, "key": tuple(key)}, reason=why)


def reseeded(choice: SplitChoice, seed: int) -> SplitChoice:
    """The same with another seed, which is another cut."""
    return replace(choice, settings={**choice.settings, "seed": seed})


def with_consequences(findings: Iterable[Finding], choice: SplitChoice, facts: Facts) -> list[Finding]:
    """The findings about groups and time, each with what the split makes of it."""
    findings = list(findings)
    group = _with_role(findings, "group")
    consequences = {"group": _of_group(choice), "time": _of_time(choice, group, _with_role(findings, "time"), facts)}
    return [
        replace(finding, message=f"{finding.message} {consequences[finding.role]}")
        if finding.role in consequences
        else finding
        for finding in findings
    ]


def _by_hash(rows: Splittable) -> SplitChoice:
    if not rows.classes or min(rows.classes.values()) >= _FEW_OF_A_CLASS:
        return SplitChoice(settings={**_SIZES, **rows.by_key})
    rarest = min(rows.classes, key=lambda name: rows.classes[name])
    why = f"of {rarest} there are {counted(rows.classes[rarest], 'row')}: counts give some of each class to each part"
    return SplitChoice(settings={**_counts(rows.num_rows), **rows.by_key}, reason=why)


def _counts(num_rows: int) -> dict[str, int]:
    return {name: max(1, round(share * num_rows)) for name, share in _SIZES.items()}


def _by_group(facts: Facts, group: str, num_rows: int) -> SplitChoice:
    reason = f"rows of one {group} stay together"
    if facts.state(group).num_distinct >= _FEW_GROUPS:
        return SplitChoice(settings={"kind": "group", **_SIZES, "seed": 0}, reason=reason)
    why = f"{reason}; so few groups are cut by counts of rows, the nearest that whole groups make"
    return SplitChoice(settings={"kind": "group", **_counts(num_rows), "seed": 0}, reason=why)


def _of_group(choice: SplitChoice) -> str:
    if choice.kind == "group":
        return "Rows of one entity stay together in the split, so the scores are those for entities that are new."
    if choice.kind == "hash":
        return (
            "Kept together, they would leave a part without a class, so that the split goes by rows: the scores will "
            "be too good for entities that are new."
        )
    return (
        "The data say which rows are for the test: if rows of one entity are on both sides, the scores will be too "
        "good for entities that are new."
    )


def _of_time(choice: SplitChoice, group: str | None, when: str | None, facts: Facts) -> str:
    if choice.goes_by_time:
        return "The latest rows are the test, so the scores are those for what comes next."
    if choice.kind == "group":
        return (
            f"Rows of one {group} stay together, which goes before time: the test is no later than the rest; write "
            "split: {kind: time} if what comes next matters more."
        )
    if choice.kind == "hash" and when and not facts.state(when).num_missing:
        return (
            "Cut by it, a part would lack a class, so that the split goes by a hash, and tests on rows older than some "
            "it learnt from: the scores may be too good for tomorrow's."
        )
    if choice.kind == "hash" and when:
        return (
            f"It is missing in {counted(facts.state(when).num_missing, 'row')}, so that the split goes by a hash, and "
            "tests on "
            "rows older than some it learnt from: the scores may be too good for tomorrow's."
        )
    return "The data say which rows are for the test: if they are not the latest, the scores may be too good."


def _with_role(findings: Iterable[Finding], role: str) -> str | None:
    return next((finding.columns[0] for finding in findings if finding.role == role), None)
