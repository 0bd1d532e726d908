"""monitoring.html: how a version has been doing since it answers, on one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tasks.monitoring.chart import HEIGHT, WIDTH, metric_chart
from tasks.monitoring.look import Look
from tasks.monitoring.shadow import ShadowStanding
from tasks.pages.rendering import as_page, page_templates
from tasks.params.monitor import LossName, losses_of
from tasks.params.register import Bound
from tasks.wording import counted, number

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_WINDOWS = 60
"""Lines of the history that are shown; all windows lie beside the page."""

NO_BOUNDS: Mapping[LossName, Bound] = MappingProxyType({})

NO_WINDOW = (
    "no window yet: one is a day (UTC) that is over and has monitor.min_rows rows, or several that have them together"
)

STATES = {
    "healthy": "Rows, answers and their errors are as they were.",
    "drifted": "Rows or answers are surely others than those that the version was made for.",
    "degraded": "Answers have become worse, or break a bound.",
    "unknown": f"There is {NO_WINDOW}.",
}


@dataclass(frozen=True, kw_only=True)
class DriftedNow:
    """A column that the newest window calls changed: since which day windows have done so without a break, and how."""

    column: str
    since: str
    sentences: tuple[str, ...]
    p_value: float


def drifted_now(look: Look) -> Iterator[DriftedNow]:
    """The surest first."""
    if not look.rows:
        return
    for name in dict.fromkeys(change.column for change in look.rows[-1].changes):
        own = [change for change in look.rows[-1].changes if change.column == name]
        since = look.rows[-1]
        for window in reversed(look.rows):
            if name not in {change.column for change in window.changes}:
                break
            since = window
        sentences = tuple(dict.fromkeys(change.sentence for change in own))
        yield DriftedNow(column=name, since=f"{since.begin}", sentences=sentences, p_value=own[0].p_value)


def page_of(look: Look, bounds: Mapping[LossName, Bound] = NO_BOUNDS, shadow: ShadowStanding | None = None) -> str:
    """The page as HTML: styles and charts inside, values escaped, no script; the same look, the same text. `bounds` are
    what rules allow a metric."""
    environment = page_templates(_TEMPLATES)
    environment.filters.update(number=number)
    reference = look.reference
    charts = [
        metric_chart(name, reference.metrics[name], look.rows, look.labels, bounds.get(name))
        for name in losses_of("multiclass" if reference.classes else "regression")
    ]
    content = environment.get_template("monitoring.html").render(
        look=look,
        state=look.state,
        meaning=STATES[look.state],
        charts=[chart for chart in charts if chart is not None],
        width=WIDTH,
        height=HEIGHT,
        drifted=list(drifted_now(look)),
        rows=list(reversed(look.rows))[:_MOST_WINDOWS],
        labels=list(reversed(look.labels))[:_MOST_WINDOWS],
        fired=look.fired,
        shadow=shadow,
    )
    return as_page(content)


def lines_of(look: Look, shadow: ShadowStanding | None = None) -> Iterator[str]:
    """What a person sees in a terminal."""
    yield f"{look.model.shown}: {look.state}"
    new = look.new
    windows = counted(len(new), "new window") if new else "no new window"
    waiting = f"; {counted(look.num_waiting, 'row waits', 'rows wait')} for more" if look.num_waiting else ""
    if look.rows or look.labels:
        yield f"  {windows} of {len(look.rows)} of rows and {len(look.labels)} of labels{waiting}"
    else:
        yield f"  {NO_WINDOW}{waiting}"
    if look.rows:
        last = look.rows[-1]
        until = f"{last.begin} to {last.end}"
        figures = ", ".join(f"{one.metric} {number(one.value)}" for one in last.estimates)
        yield f"  {until}: {counted(last.num_rows, 'row')}" + (f"; estimated {figures}" if figures else "")
    if look.labels:
        known = look.labels[-1]
        figures = ", ".join(f"{one.metric} {number(one.value)}" for one in known.metrics)
        yield f"  labels of {known.begin} to {known.end}: {known.num_rows:,}; {figures}"
    for rule in look.fired:
        yield f"  {rule.rule}: {rule.sentence}"
    if shadow is not None:
        yield f"  challenger, {shadow.state}: {shadow.sentence}"
        yield from (f"  {remark}" for remark in shadow.remarks)
