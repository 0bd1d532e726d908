"""The subcommands that look at pipelines as a whole: list, rename, remove. What they need is imported when used."""

from __future__ import annotations

import argparse
import sys

from tasks.command.subcommand import JSON, Subcommand, argument, show_json
from tasks.errors import UserError, printable
from tasks.paths import Project
from tasks.root import find_root


def list_all(options: argparse.Namespace) -> int:
    """`modelwright list`."""
    from tasks.command.overview import overview, show_overview

    rows = overview(Project(root=find_root()))
    if options.json:
        show_json({"pipelines": [row.as_dict() for row in rows]})
    else:
        show_overview(rows)
    return 0


def rename_one(options: argparse.Namespace) -> int:
    """`modelwright rename`."""
    from tasks.drafting.rename import rename_pipeline

    notes = rename_pipeline(Project(root=find_root()), options.old, options.new)
    if options.json:
        show_json({"old": options.old, "new": options.new, "notes": notes})
    else:
        print(printable("\n".join(notes)))  # noqa: T201
    return 0


def remove_one(options: argparse.Namespace) -> int:
    """`modelwright remove`: shows what goes, and asks, unless it was told not to."""
    from tasks.drafting.remove import remove_pipeline, what_goes

    project = Project(root=find_root())
    goes = what_goes(project, options.pipeline)
    if options.json:
        if not options.yes:
            raise UserError("nothing was removed; give --yes with --json, as nobody is asked then")
        show_json({"pipeline": options.pipeline, "removed": goes, "notes": remove_pipeline(project, options.pipeline)})
        return 0
    print(printable("\n".join(goes)))  # noqa: T201
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
        arguments=(JSON,),
        examples=("modelwright list",),
    ),
    "rename": Subcommand(
        run=rename_one,
        help="give a pipeline another name everywhere",
        detail=": block, suite, results, experiment and registered model",
        arguments=(
            argument("old", help="the name that it has"),
            argument("new", help="the name that it is to have: lower-case letters, digits, - and _"),
            JSON,
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
            JSON,
        ),
        examples=("modelwright remove churn",),
    ),
}
