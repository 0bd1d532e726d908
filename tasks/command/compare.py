"""`modelwright compare`: runs and versions side by side, on the same test rows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tasks.command.console import IN_A_LINE, Terminal
from tasks.command.subcommand import show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root
from tasks.wording import number, signed

if TYPE_CHECKING:
    from tasks.trials.contrast import Contrast
    from tasks.trials.trial import Trial, Trials


def compare(options: argparse.Namespace) -> int:
    """Sets the first against the others, and says what may be said of the difference."""
    from tasks.memo.chain import announced
    from tasks.params.file import load_pipeline
    from tasks.trials.contrast import Contrasting
    from tasks.trials.trial import trials_of

    project = Project(root=find_root())
    pipeline = load_pipeline(project.params, options.pipeline)
    with announced("comparing"):
        baseline, others = _chosen(trials_of(project, options.pipeline), options)
        contrasts = Contrasting(project.pipeline(options.pipeline), pipeline, baseline).with_each(others)
    metric = pipeline.register_.metric
    if options.json:
        show_json(_as_dict(metric, baseline, contrasts))
    else:
        show(metric, baseline, contrasts)
    return 0


def _chosen(trials: Trials, options: argparse.Namespace) -> tuple[Trial, list[Trial]]:
    """The baseline and those that are set against it."""
    if options.runs:
        named = [trials.named(text) for text in options.runs]
        if options.last is not None or len(named) < 2:
            raise UserError(
                "compare: name two runs or versions, or give --last N; `modelwright leaderboard` lists them"
            )
    else:
        num_trials = 2 if options.last is None else options.last
        if num_trials < 2:
            raise UserError(f"compare: --last {num_trials}: it takes two to compare")
        named = [*reversed(trials.newest_first[:num_trials])]
    if len({trial.training.run_id for trial in named}) < 2:
        raise UserError(
            f"{trials.pipeline}: {named[0].label} is all that was named, and it takes two to compare; change a setting "
            f"and run again, or see `modelwright leaderboard {trials.pipeline}`"
        )
    return named[0], named[1:]


def _as_dict(metric: str, baseline: Trial, contrasts: list[Contrast]) -> dict[str, Any]:
    return {
        "metric": metric,
        "baseline": baseline.as_dict(),
        "compared": [contrast.as_dict(metric) for contrast in contrasts],
    }


def show(metric: str, baseline: Trial, contrasts: list[Contrast]) -> None:
    """A table of figures, then what differs."""
    console = Terminal()
    console.print(Text(f"baseline: {_titled(baseline)}"))
    console.print(Text(f"{metric} on the same test rows, with the 95 % interval of the gain; + is better\n"))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("against it", metric, "baseline", "gain", "interval", "rows", ""):
        table.add_column(head, overflow="fold")
    for contrast in contrasts:
        table.add_row(*map(Text, _cells(metric, contrast)))
    console.print(table)
    for contrast in contrasts:
        _show_differences(console, baseline, contrast)


def _titled(trial: Trial) -> str:
    return f"{trial.label}, {trial.training.name!r}, {trial.when}"


def _cells(metric: str, contrast: Contrast) -> list[str]:
    comparison, gain = contrast.comparison, contrast.gain(metric)
    if comparison is None or gain is None:
        return [contrast.trial.label, "", "", "", "", "", contrast.outcome]
    return [
        contrast.trial.label,
        number(comparison.challenger),
        number(comparison.champion),
        signed(gain),
        f"{signed(comparison.low)} to {signed(comparison.high)}",
        f"{comparison.num_rows:,}",
        contrast.outcome,
    ]


def listed_under(what: str, differences: Sequence[str]) -> str:
    """In one line as long as they are few, and under each other then."""
    lines = differences if len(differences) > IN_A_LINE else ["; ".join(differences) or "the same"]
    return "\n".join(f"  {what if not number else '':11}{line}" for number, line in enumerate(lines))


def _show_differences(console: Terminal, baseline: Trial, contrast: Contrast) -> None:
    console.print(Text(f"\n{_titled(contrast.trial)}, against {baseline.label}", style="bold"))
    for what, lines in contrast.differences.items():
        console.print(Text(listed_under(what, lines)))
    if contrast.scored_today:
        why = "they were judged on other test rows, or on which is not known: both answered today's, now"
        console.print(Text(f"  {'note':11}{why}", style="dim"))
    for note in contrast.comparison.notes if contrast.comparison else ():
        console.print(Text(f"  {'note':11}{note.replace('the champion', baseline.label)}", style="dim"))
