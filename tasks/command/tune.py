"""`modelwright tune`: tries other values of a pipeline's settings, and says which are better and how surely."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tasks.command.console import IN_A_LINE, Terminal
from tasks.command.drafts import watched
from tasks.command.subcommand import show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root
from tasks.wording import counted, number, percent

if TYPE_CHECKING:
    from tasks.tuning.outcome import TuningOutcome
    from tasks.tuning.trials import TunedTrial

_SHOWN = 5
"""Settings whose importance is printed; the picture has all."""


def tune(options: argparse.Namespace) -> int:
    """Goes on with the search, or shows what it would try; writes the best to params.yaml where that is asked."""
    from tasks.command.subcommand import chosen_pipeline

    project = Project(root=find_root())
    pipeline = chosen_pipeline(project, options.pipeline)
    _check(options)
    if options.show:
        _show_space(project, pipeline, as_json=options.json)
        return 0
    from tasks.tuning.apply import apply
    from tasks.tuning.tune import TuningRequest, tune

    request = TuningRequest(trials=options.trials, minutes=options.minutes, jobs=options.jobs, fresh=options.fresh)
    with watched("tuning") as tell:
        outcome = tune(project, pipeline, request, tell)
    diff = apply(project, pipeline, outcome.changes) if options.apply and outcome.is_better else []
    if options.json:
        show_json({**outcome.as_dict(), "applied": diff})
        return 0
    show(project, outcome)
    if options.apply:
        _show_diff(diff)
    elif _is_worth_it(outcome):
        print(f"next: modelwright tune {pipeline} --apply  writes the best into params.yaml")  # noqa: T201
    return 0


def _check(options: argparse.Namespace) -> None:
    for name, least in (("trials", 1), ("minutes", 0), ("jobs", 1)):
        value = getattr(options, name)
        if value is not None and (value < least or value == 0):
            raise UserError(
                f"tune: --{name} {value:g}: give {'1 or more' if least else 'more than 0'}, or leave it out"
            )


def _show_space(project: Project, pipeline: str, *, as_json: bool) -> None:
    """What is tried, as it may stand in params.yaml."""
    from tasks.drafting.block import flow
    from tasks.params.file import load_pipeline
    from tasks.tuning.spaces import ranges_of, space_of

    config = load_pipeline(project.params, pipeline)
    # For its complaint, where there is nothing to try.
    space_of(config, pipeline)
    if as_json:
        show_json({"pipeline": pipeline, "ranges": ranges_of(config)})
        return
    where = "what params.yaml says" if config.tune.ranges else f"what {config.train.kind} has of its own"
    lines = [f"    tune: # {where}; in the block {pipeline} of params.yaml"]
    print("\n".join([*lines, *(f"      {name}: {flow(written)}" for name, written in ranges_of(config).items())]))  # noqa: T201


def show(project: Project, outcome: TuningOutcome) -> None:
    """Counts, the best beside params.yaml, how much the search flatters it."""
    console = Terminal()
    for line in lines_of(outcome):
        console.print(Text(line))
    if outcome.best is None:
        return
    folder = project.pipeline(outcome.pipeline).tuning_pictures
    console.print(Text(f"\npictures in {folder.relative_to(project.root)}", style="dim"))


def _is_worth_it(outcome: TuningOutcome) -> bool:
    """Whether to advise the best: not where its choice is worth nothing on folds that did not make it."""
    is_worth = outcome.is_better if outcome.nested is None else outcome.gain_of(outcome.nested) > 0
    return bool(outcome.changes) and is_worth


def lines_of(outcome: TuningOutcome) -> Iterator[str]:
    """What came of the search, a line a thing."""
    num_folds, num_rows = len(outcome.as_it_is), f"{outcome.num_rows:,}"
    newest = f"the newest {num_rows} rows before the test's"
    rows = newest if outcome.in_time else f"{num_folds} folds of {num_rows} training rows"
    if not outcome.trials:
        yield f"{outcome.pipeline}: no trial was done, as the time was over before one began; give more --minutes"
        yield f"  {_as_it_is(outcome)}, by {outcome.metric} on {rows}"
        return
    yield f"{outcome.pipeline}: {counted(len(outcome.trials), 'trial')} on {rows}, by {outcome.metric}"
    counts = [f"{count} {state}" for state, count in outcome.counts.items()]
    taken_up = f" ({outcome.num_taken_up} of a killed process taken up)" if outcome.num_taken_up else ""
    yield f"  {', '.join(counts)}{taken_up}"
    refused = next((trial for trial in outcome.trials if trial.state == "refused"), None)
    if refused is not None:
        yield f"  the first that was refused: {refused.why}"
    if outcome.in_time:
        yield "  these rows alone judge: on few rows a difference may be chance"
    yield f"\n  {_as_it_is(outcome)}"
    if outcome.best is None:
        return
    yield from _best(outcome.best, outcome)
    if outcome.nested is None or outcome.optimism is None:
        yield "  how much the search flatters it cannot be told: that takes two trials that finished on two folds"
    else:
        yield f"  chosen fairly    {number(outcome.nested)}  {_optimism(outcome)}"
    if outcome.importance:
        shares = [f"{name} {percent(share, 0)}" for name, share in [*outcome.importance.items()][:_SHOWN]]
        yield f"\n  what mattered: {', '.join(shares)}"


def _as_it_is(outcome: TuningOutcome) -> str:
    return f"{outcome.name_of_as_it_is:<16} {number(fmean(outcome.as_it_is))}"


def _optimism(outcome: TuningOutcome) -> str:
    """The over-fitting of the search in one sentence."""
    assert outcome.optimism is not None
    assert outcome.nested is not None
    gain = outcome.gain_of(outcome.nested)
    other = "params.yaml" if outcome.name_of_as_it_is == "as it is" else outcome.name_of_as_it_is
    verdict = f"better than {other} still" if gain > 0 else f"no better than {other}: more rows tell more"
    return f"by folds that did not choose it: the search flatters its best by {number(outcome.optimism)}; {verdict}"


def _best(best: TunedTrial, outcome: TuningOutcome) -> Iterator[str]:
    """The best trial and its values, in a line as long as they fit into one."""
    head = f"  best, trial {best.number:<4} {number(best.mean)}  "
    if not outcome.is_better:
        yield f"{head}no better than params.yaml"
        return
    if not outcome.changes:
        yield f"{head}as params.yaml says by now"
        return
    values = [f"{name} {_text(outcome.now[name])} -> {_text(value)}" for name, value in outcome.changes.items()]
    if len(values) <= IN_A_LINE:
        yield f"{head}{', '.join(values)}"
        return
    yield f"{head}{len(values)} settings:"
    yield from (f"    {value}" for value in values)


def _text(value: Any) -> str:
    from tasks.drafting.block import flow

    return flow(value)


def _show_diff(diff: list[str]) -> None:
    console = Terminal()
    if not diff:
        console.print(Text("\nparams.yaml stays as it is: nothing that was tried is better than what stands there"))
        return
    console.print(Text("\nparams.yaml:"))
    for line in diff[2:]:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        console.print(Text(line, style=style))
