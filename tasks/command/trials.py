"""The subcommands that look at what was tried: compare, leaderboard, ui. What they need is imported when used."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def compare(options: argparse.Namespace) -> int:
    """`modelwright compare`."""
    from tasks.command.compare import compare

    return compare(options)


def leaderboard(options: argparse.Namespace) -> int:
    """`modelwright leaderboard`."""
    from tasks.command.leaderboard import leaderboard

    return leaderboard(options)


def ui(options: argparse.Namespace) -> int:
    """`modelwright ui`."""
    from tasks.command.ui import ui

    return ui(options)


def _argument(*names: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, settings


_PIPELINE = _argument("pipeline", help="a pipeline of params.yaml")
_JSON = _argument("--json", action="store_true", help="print one JSON object, and nothing else")

COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str, tuple[Any, ...]]] = {
    "compare": (
        compare,
        "set runs and versions side by side: metric, difference and interval on the same test rows, and what differs",
        (
            _PIPELINE,
            _argument(
                "runs",
                nargs="*",
                metavar="RUN",
                help="the baseline, then one or more: a version (3, @champion) or a run (its id, or its name); "
                "the last two runs, if left out",
            ),
            _argument("--last", type=int, metavar="N", help="the last N runs, the oldest of them as the baseline"),
            _JSON,
        ),
    ),
    "leaderboard": (
        leaderboard,
        "list all that was tried, the best first, with intervals and versions",
        (_PIPELINE, _argument("--last", type=int, metavar="N", help="the last N runs alone"), _JSON),
    ),
    "ui": (
        ui,
        "open MLflow's pages on the training runs: a server on loopback until Ctrl-C, or the address of yours",
        (
            _argument("pipeline", nargs="?", help="whose runs to open on; all experiments, where there are several"),
            _argument("--port", type=int, metavar="N", help="the port; 5000, or a free one, if left out"),
            _argument("--open", action="store_true", help="open the browser, too"),
        ),
    ),
}
"""Each subcommand: the function that does it, its line of help, its arguments."""

EXAMPLES = {
    "compare": "for example: modelwright compare churn @champion @challenger",
    "leaderboard": "for example: modelwright leaderboard churn --last 20",
    "ui": "for example: modelwright ui churn",
}
