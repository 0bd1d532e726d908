"""The subcommands that look at pipelines as a whole: list, rename, remove. What they need is imported when used."""

from __future__ import annotations

import argparse
import json
import sys

from tasks.command.subcommand import Subcommand, argument
from tasks.errors import UserError, printable
from tasks.paths import Project
from tasks.root import find_root


def list_all(options: argparse.Namespace) -> int:
    """`modelwright list`."""
    from tasks.command.overview import overview, show_overview

    rows = overview(Project(root=find_root()))
    if options.json:
        print(json.dumps([row.as_dict() for row in rows], ensure_ascii=False))  # noqa: T201
    else:
        show_overview(rows)
    return 0


def rename_one(options: argparse.Namespace) -> int:
    """`modelwright rename`."""
    from tasks.drafting.rename import rename_pipeline

    print(printable("\n".join(rename_pipeline(Project(root=find_root()), options.old, options.new))))  # noqa: T201
    return 0


def remove_one(options: argparse.Namespace) -> int:
    """`modelwright remove`: shows what goes, and asks, unless it was told not to."""
    from tasks.drafting.remove import remove_pipeline, what_goes

    project = Project(root=find_root())
    print(printable("\n".join(what_goes(project, options.pipeline))))  # noqa: T201
    if not options.yes:
        if not sys.stdin.isatty():
            raise UserError("nothing was removed; give --yes where nobody can be asked")
        if input("remove all this? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was removed")  # noqa: T201
            return 0
    print("removed; " + printable("\n".join(remove_pipeline(project, options.pipeline))))  # noqa: T201
    return 0


COMMANDS = {
    "list": Subcommand(
        run=list_all,
        asks_stages=True,
        help="say of each pipeline its state, champion and last metric",
        detail=", and what it learns from",
        arguments=(argument("--json", action="store_true", help="print one JSON list, and nothing else"),),
        examples=("modelwright list",),
    ),
    "rename": Subcommand(
        run=rename_one,
        help="give a pipeline another name everywhere",
        detail=": block, suite, results, experiment and registered model",
        arguments=(
            argument("old", help="the name that it has"),
            argument("new", help="the name that it is to have: lower-case letters, digits, - and _"),
        ),
        examples=("modelwright rename churn leavers",),
    ),
    "remove": Subcommand(
        run=remove_one,
        help="take a pipeline out; the registry keeps its versions",
        detail=", and block, suite and results go",
        arguments=(
            argument("pipeline", help="a pipeline of params.yaml, or what is left of one that was taken out by hand"),
            argument("--yes", action="store_true", help="do not ask"),
        ),
        examples=("modelwright remove churn",),
    ),
}
