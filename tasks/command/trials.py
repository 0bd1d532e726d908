"""The subcommands that try, or look at what was tried: tune, compare, leaderboard, review, ui. What they need is
imported when used."""

from __future__ import annotations

import argparse

from tasks.command.subcommand import JSON, ONE_PIPELINE, Subcommand, argument


def tune(options: argparse.Namespace) -> int:
    """`modelwright tune`."""
    from tasks.command.tune import tune

    return tune(options)


def compare(options: argparse.Namespace) -> int:
    """`modelwright compare`."""
    from tasks.command.compare import compare

    return compare(options)


def leaderboard(options: argparse.Namespace) -> int:
    """`modelwright leaderboard`."""
    from tasks.command.leaderboard import leaderboard

    return leaderboard(options)


def review(options: argparse.Namespace) -> int:
    """`modelwright review`."""
    from tasks.command.review import review

    return review(options)


def ui(options: argparse.Namespace) -> int:
    """`modelwright ui`."""
    from tasks.command.ui import ui

    return ui(options)


_PIPELINE = argument("pipeline", help="a pipeline of params.yaml")

COMMANDS = {
    "tune": Subcommand(
        run=tune,
        asks_stages=True,
        help="try other values of a pipeline's settings",
        detail=", judged on folds of its training rows, and say what is better",
        arguments=(
            ONE_PIPELINE,
            argument("--trials", type=int, metavar="N", help="trials in all, with those of before (tune.trials: 40)"),
            argument("--minutes", type=float, metavar="M", help="begin no trial after so many minutes"),
            argument("--jobs", type=int, default=1, metavar="N", help="processes that make trials side by side (1)"),
            argument("--show", action="store_true", help="print what would be tried, and try nothing"),
            argument("--apply", action="store_true", help="write the best values into params.yaml, and show the diff"),
            argument("--fresh", action="store_true", help="begin anew, and forget the trials of before"),
            JSON,
        ),
        examples=("modelwright tune churn --minutes 30", "modelwright tune churn --apply"),
    ),
    "compare": Subcommand(
        run=compare,
        help="set runs and versions side by side on the same test rows",
        detail=": metric, difference and interval, and what differs",
        arguments=(
            _PIPELINE,
            argument(
                "runs",
                nargs="*",
                metavar="RUN",
                help="the baseline, then one or more: a version (3, @champion) or a run (its id, or its name); "
                "the last two runs, if left out",
            ),
            argument("--last", type=int, metavar="N", help="the last N runs, the oldest of them as the baseline"),
            JSON,
        ),
        examples=("modelwright compare churn @champion @challenger",),
    ),
    "leaderboard": Subcommand(
        run=leaderboard,
        help="list all that was tried, the best first",
        detail=", with intervals and versions",
        arguments=(_PIPELINE, argument("--last", type=int, metavar="N", help="the last N runs alone"), JSON),
        examples=("modelwright leaderboard churn --last 20",),
    ),
    "review": Subcommand(
        run=review,
        asks_stages=True,
        help="say what a change does, as Markdown for a pull request",
        detail=": what runs again, metrics against a commit, the gate's rules",
        arguments=(
            argument("pipelines", nargs="*", metavar="PIPELINE", help="pipelines of params.yaml; all, if left out"),
            argument("--against", required=True, metavar="REF", help="a branch, a tag or a commit of git"),
            argument("--pictures", metavar="ADDRESS", help="where reports/ can be had, for the link to the pictures"),
            argument("--output", metavar="FILE", help="write it to a file, and print nothing"),
            JSON,
        ),
        examples=("modelwright review --against origin/main",),
    ),
    "ui": Subcommand(
        run=ui,
        asks_stages=True,
        help="serve a page of the project, and MLflow's, until Ctrl-C",
        detail=": what is out of date, champions with their history, runs, drift",
        arguments=(
            argument("pipeline", nargs="?", help="open MLflow's pages on its training runs, and serve these alone"),
            argument(
                "--port",
                type=int,
                metavar="N",
                help="the port; 4747 (of MLflow's pages 5000), or a free one, if left out",
            ),
            argument("--open", action="store_true", help="open the browser, too"),
        ),
        examples=("modelwright ui", "modelwright ui churn"),
    ),
}
