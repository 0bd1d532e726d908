"""A review as Markdown, for a comment on a pull request: what a reader needs first, the rest folded away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tasks.params.register import LOWER_IS_BETTER
from tasks.review.content import MetricChange, PipelineReview, Review
from tasks.tracking.markdown import as_code
from tasks.tracking.markdown import as_text as text_of_pages
from tasks.wording import counted, number, signed

MARK = "<!-- modelwright review -->"
"""The first line: the comment is found again by it, and written anew."""

_MOST_REASONS = 6


def as_text(text: str) -> str:
    """As MLflow's pages have it; and nobody is called by a name that stands in data."""
    return text_of_pages(text).replace("@", "@<!-- -->")


def as_markdown(review: Review, pictures: str | None = None) -> str:
    """The comment. `pictures` is the address at which reports/ can be had, if it can."""
    changed = [pipeline for pipeline in review.pipelines if pipeline.is_changed]
    same = [as_code(pipeline.name) for pipeline in review.pipelines if not pipeline.is_changed]
    lines = [MARK, "## Modelwright", ""]
    short = review.commit[:10]
    base = short if review.commit.startswith(review.against) else f"{as_code(review.against)} ({short})"
    lines += [f"Against {base}: {_summary(len(changed), review.refused)}", ""]
    for pipeline in changed:
        lines += [*_pipeline(pipeline, pictures), ""]
    lines += [f"Nothing changes for {', '.join(same)}.", ""] if same else []
    lines += [f"No more in params.yaml: {', '.join(map(as_code, review.removed))}.", ""] if review.removed else []
    return "\n".join(lines).rstrip() + "\n"


def _summary(num_changed: int, refused: Sequence[str]) -> str:
    if not num_changed:
        return "no pipeline does other work."
    count = f"{counted(num_changed, 'pipeline does', 'pipelines do')} other work"
    refusal = f"; **the gate says no to {', '.join(map(as_code, refused))}**" if refused else ""
    return f"{count}{refusal}."


def _pipeline(pipeline: PipelineReview, pictures: str | None) -> Iterator[str]:
    verdict = {True: "the gate lets it pass", False: "the gate says no", None: "not judged"}[pipeline.passed]
    yield f"### {as_text(pipeline.name)}: {verdict}"
    yield ""
    if pipeline.problem:
        yield f"What is out of date cannot be told: {as_text(pipeline.problem)}"
        yield ""
    for sentence in pipeline.refusal:
        yield f"- {as_text(sentence)}"
    yield from _metrics(pipeline)
    yield from _rules(pipeline)
    yield from (f"> {as_text(note)}" for note in pipeline.notes)
    if pipeline.edited:
        yield ""
        yield f"Settings: {_cut(pipeline.edited)}"
    yield from _plan("What is done otherwise, and why", pipeline.plan)
    yield from _plan("Still out of date", pipeline.waiting)
    if pipeline.pictures:
        yield ""
        yield _pictures(pipeline.pictures, pictures)


def _metrics(pipeline: PipelineReview) -> Iterator[str]:
    if not pipeline.metrics:
        return
    decisive = [change for change in pipeline.metrics if change.comparison]
    yield from _table(decisive or list(pipeline.metrics[:1]))
    if pipeline.reason:
        yield ""
        yield f"No paired difference: {as_text(pipeline.reason)}."
    for note in dict.fromkeys(
        note for change in decisive for note in (change.comparison.notes if change.comparison else ())
    ):
        yield ""
        yield f"> {as_text(note.replace('the champion', 'the base'))}"
    others = [change for change in pipeline.metrics if change not in decisive]
    if others and decisive:
        yield ""
        yield f"<details><summary>{len(others)} more metrics</summary>"
        yield ""
        yield from _table(others)
        yield ""
        yield "</details>"


def _table(changes: Sequence[MetricChange]) -> Iterator[str]:
    yield "| metric | base | now | gain (+ is better) | |"
    yield "| --- | --- | --- | --- | --- |"
    for change in changes:
        base = "none" if change.before is None else _value(change.before, change.before_interval)
        now = _value(change.after, change.after_interval)
        yield f"| {change.name} | {base} | {now} | {_gain(change)} | {_outcome(change)} |"


def _value(value: float, interval: tuple[float, float] | None) -> str:
    return number(value) + (f" ({number(interval[0])} to {number(interval[1])})" if interval else "")


def _gain(change: MetricChange) -> str:
    comparison = change.comparison
    before, after = (comparison.champion, comparison.challenger) if comparison else (change.before, change.after)
    if before is None:
        return ""
    gain = before - after if change.name in LOWER_IS_BETTER else after - before
    return signed(gain) + (f" ({signed(comparison.low)} to {signed(comparison.high)})" if comparison else "")


def _outcome(change: MetricChange) -> str:
    comparison = change.comparison
    if comparison is None:
        return ""
    outcome = "surely better" if comparison.low > 0 else "surely worse" if comparison.high < 0 else "no sure difference"
    return f"{outcome}, {comparison.num_rows:,} same test rows"


def _rules(pipeline: PipelineReview) -> Iterator[str]:
    if pipeline.rules is None:
        return
    yield ""
    if not pipeline.rules:
        yield "The gate has no rules (`register.gate`)."
        return
    yield "| gate | |"
    yield "| --- | --- |"
    for rule in pipeline.rules:
        yield f"| {'kept' if rule.passed else '**broken**'} | {as_text(rule.sentence())} |"


def _plan(title: str, stages: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if not stages:
        return
    yield ""
    yield f"<details><summary>{title}: {', '.join(stages)}</summary>"
    yield ""
    for stage, reasons in stages.items():
        yield f"- **{stage}**: {_cut(reasons)}"
    yield ""
    yield "</details>"


def _cut(reasons: Sequence[str]) -> str:
    more = f"; and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
    return f"{'; '.join(map(as_text, reasons[:_MOST_REASONS]))}{more}"


def _pictures(names: Sequence[str], address: str | None) -> str:
    listed = ", ".join(as_code(name) for name in names)
    return (
        f"Pictures, with the report: [{counted(len(names), 'file')}]({address}) ({listed})"
        if address
        else f"Pictures: {listed}"
    )
