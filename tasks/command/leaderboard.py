"""`modelwright leaderboard`: all that was tried, the best first."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from rich.text import Text

from tasks.command.console import Terminal
from tasks.errors import UserError
from tasks.paths import Project
from tasks.reports import number
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.trials.board import RankedTrial


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
    from tasks.trials.board import board
    from tasks.trials.trial import trials_of

    if options.last is not None and options.last < 1:
        raise UserError(f"leaderboard: --last {options.last}: give 1 or more, or leave it out for all")
    project = Project(root=find_root())
    pipeline = load_pipeline(project.params, options.pipeline)
    with announced("ranking"):
        trials = trials_of(project, options.pipeline).newest_first[: options.last]
        places = board(trials, pipeline, lambda trial: answers_of(project, trial.training))
    metric = pipeline.register_.metric
    if options.json:
        print(json.dumps({"metric": metric, "trials": [place.as_dict() for place in places]}))  # noqa: T201
    else:
        show(metric, places)
    return 0


def show(metric: str, places: list[RankedTrial]) -> None:
    """A line a trial; the last column is cut where the terminal is too narrow for it."""
    console = Terminal()
    heads = ["rank", metric, "95 % interval", "rows", "against the best", "", "when", "what was tried"]
    rows = [heads, *map(_cells, places)]
    widths = [max(len(row[number]) for row in rows) + 2 for number in range(len(heads) - 1)]
    room = max(_LEAST_ROOM, console.width - sum(widths))
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        name = row[-1] if len(row[-1]) <= room else f"{row[-1][: room - 3]}..."
        console.print(Text("".join([*cells, name]), style="bold" if row is heads else ""))
    if any(place.rank is None for place in places):
        console.print(Text(_WITHOUT_RANK, style="dim"))


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
