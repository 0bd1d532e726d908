"""`modelwright leaderboard`: all that was tried, the best first."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from tasks.command.console import Terminal
from tasks.command.subcommand import show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root
from tasks.wording import counted, number

if TYPE_CHECKING:
    from tasks.tracking.tunings import TrackedTrial
    from tasks.trials.board import RankedTrial


_TUNED = 10
"""Trials of a search that are listed: it may have made hundreds."""

_LEAST_ROOM = 24
"""Signs of what was tried that are shown on any terminal."""

_WITHOUT_RANK = """
- has no rank: judged on other test rows than the newest run, or by an earlier Modelwright, which kept no answers;
  `modelwright compare` has registered versions answer today's test rows"""


def leaderboard(options: argparse.Namespace) -> int:
    """Ranks the trials of one pipeline by the metric that its versions are compared by."""
    from tasks.memo.chain import announced
    from tasks.params.file import load_pipeline
    from tasks.tracking.trainings import answers_of
    from tasks.tracking.tunings import tracked_trials
    from tasks.trials.board import board, tuned_first
    from tasks.trials.trial import trials_of

    if options.last is not None and options.last < 1:
        raise UserError(f"leaderboard: --last {options.last}: give 1 or more, or leave it out for all")
    project = Project(root=find_root())
    pipeline = load_pipeline(project.params, options.pipeline)
    metric = pipeline.register_.metric
    with announced("ranking"):
        tuned = tuned_first(tracked_trials(project, options.pipeline, metric), metric)
        try:
            trials = trials_of(project, options.pipeline).newest_first[: options.last]
        except UserError:
            # A search may come before the first training.
            if not tuned:
                raise
            trials = ()
        places = board(trials, pipeline, lambda trial: answers_of(project, trial.training))
    if options.json:
        rows = {"trials": [place.as_dict() for place in places], "tuned": [trial.as_dict() for trial in tuned]}
        show_json({"metric": metric, **rows})
        return 0
    if places:
        show(metric, places)
    if tuned:
        show_tuned(metric, tuned)
    return 0


def show(metric: str, places: list[RankedTrial]) -> None:
    """A line a trial."""
    console = Terminal()
    heads = ["rank", metric, "95 % interval", "rows", "against the best", "", "when", "what was tried"]
    _table(console, heads, [*map(_cells, places)])
    if any(place.rank is None for place in places):
        console.print(Text(_WITHOUT_RANK, style="dim"))


def show_tuned(metric: str, tuned: list[TrackedTrial]) -> None:
    """The best trials of `modelwright tune`, apart: they were judged on folds of training rows, and on no test row."""
    console = Terminal()
    console.print(
        Text(f"\n{counted(len(tuned), 'trial')} of `modelwright tune`, judged on training rows alone; the best first")
    )
    heads = [metric, "", "", "when", "what was tried"]
    _table(console, heads, [_tuned_cells(trial) for trial in tuned[:_TUNED]])
    if len(tuned) > _TUNED:
        console.print(Text(f"and {len(tuned) - _TUNED} more: `modelwright ui`, or --json", style="dim"))


def _table(console: Terminal, heads: list[str], lines: list[list[str]]) -> None:
    """The last column is cut where the terminal is too narrow for it."""
    rows = [heads, *lines]
    widths = [max(len(row[number]) for row in rows) + 2 for number in range(len(heads) - 1)]
    room = max(_LEAST_ROOM, console.width - sum(widths))
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        name = row[-1] if len(row[-1]) <= room else f"{row[-1][: room - 3]}..."
        console.print(Text("".join([*cells, name]), style="bold" if row is heads else ""))


def _tuned_cells(trial: TrackedTrial) -> list[str]:
    value = "-" if trial.value is None else number(trial.value)
    when = datetime.fromtimestamp(trial.started, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    return [value, f"trial {trial.number}", trial.state, when, trial.name]


def _cells(place: RankedTrial) -> list[str]:
    interval = "" if place.low is None or place.high is None else f"{number(place.low)} to {number(place.high)}"
    return [
        "-" if place.rank is None else str(place.rank),
        "-" if place.value is None else number(place.value),
        interval,
        "" if place.num_rows is None else f"{place.num_rows:,}",
        place.against_best,
        place.trial.label,
        place.trial.when,
        place.trial.training.name,
    ]
