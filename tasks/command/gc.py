"""`modelwright gc`: removes what nothing needs any more, and never what a version that stays came from."""

from __future__ import annotations

import argparse
import re
import time

from tasks.command.subcommand import JSON, Subcommand, argument, show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root

_SECONDS = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


def gc(options: argparse.Namespace) -> int:
    """`modelwright gc`: says what would go; with --yes it goes."""
    from tasks.command.gc_plan import collect, planned
    from tasks.command.gc_table import as_dict, show
    from tasks.memo.chain import announced

    if options.keep is not None and options.keep < 0:
        raise UserError(f"gc: --keep {options.keep}: give 0 or more")
    if options.yes and options.dry_run:
        raise UserError("gc: --yes and --dry-run: give one of the two")
    with announced("looking for what nothing needs"):
        remove = collect if options.yes else planned
        plan = remove(Project(root=find_root()), options.older_than, options.keep, time.time())
    if options.json:
        show_json(as_dict(plan, removed=options.yes))
    else:
        show(plan, removed=options.yes)
    return 0


def age(text: str) -> float:
    """The seconds of an age such as 90d, 12h or 2w."""
    parts = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; give one such as 90d, 12h or 2w")
    return int(parts[1]) * _SECONDS[parts[2]]


COMMANDS = {
    "gc": Subcommand(
        run=gc,
        help="remove what is past its retention, and what nothing needs",
        detail=": versions, runs, answers, and objects of DVC's cache; without --yes it only says what would go",
        arguments=(
            argument(
                "--older-than",
                type=age,
                metavar="AGE",
                help="of runs and caches: 30d, 12h, 2w instead of retention.runs_days; nothing that is younger goes",
            ),
            argument("--keep", type=int, metavar="N", help="the last N runs of a pipeline, instead of last_runs"),
            argument("--dry-run", action="store_true", help="say what would go, as without --yes"),
            argument("--yes", action="store_true", help="remove it"),
            JSON,
        ),
        examples=("modelwright gc", "modelwright gc --older-than 30d --keep 5 --yes"),
    ),
}
