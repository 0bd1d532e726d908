"""The subcommands about a project as a whole: new, upgrade. What they need is imported when used."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tasks.command.subcommand import JSON, Subcommand, argument, show_json
from tasks.errors import printable


def new_one(options: argparse.Namespace) -> int:
    """`modelwright new`."""
    from tasks.scaffold.new_project import new_project

    made = new_project(options.folder)
    if options.json:
        show_json({"project": str(made.project.root), "repository": made.repository and str(made.repository)})
        return 0
    lines = [f"made the project {options.folder}"]
    if made.repository:
        lines.append(f"it is part of the git repository {made.repository}, so no other was made")
    lines += ["", f"Next: cd {shlex.quote(str(options.folder))}", "      modelwright init NAME SOURCE"]
    print(printable("\n".join(lines)))  # noqa: T201
    return 0


def upgrade_one(options: argparse.Namespace) -> int:
    """`modelwright upgrade`: says what runs again and why, then writes, unless it was told not to."""
    from tasks.command.console import show_status
    from tasks.paths import Project
    from tasks.root import find_root
    from tasks.scaffold.upgrade import plan_upgrade

    upgrade = plan_upgrade(Project(root=find_root()))
    names = [path.name for path in upgrade.texts]
    if not options.dry_run:
        upgrade.write()
    if options.json:
        versions = {"before": upgrade.before, "after": upgrade.after}
        show_json({**versions, "runs_again": upgrade.reasons, "files": names})
        return 0
    stages = "these stages run again, and what follows from them:" if upgrade.reasons else "no stage runs again"
    print(printable(f"{upgrade.heading}; {stages}"))  # noqa: T201
    for pipeline, reasons in upgrade.reasons.items():
        show_status(pipeline, reasons)
    kept = ["dvc.yaml stays as you edited it: it has all that is needed"] if upgrade.keeps_stages else []
    written = f"{'would write' if options.dry_run else 'wrote'} {', '.join(names)}" if names else "nothing to write"
    print("\n".join([*kept, written]))  # noqa: T201
    return 0


COMMANDS = {
    "new": Subcommand(
        run=new_one,
        help="make a project of your own in a new folder",
        detail=", without the tool's code in it",
        arguments=(argument("folder", type=Path, help="a folder that is not there yet, or is empty"), JSON),
        examples=("modelwright new shop && cd shop",),
    ),
    "upgrade": Subcommand(
        run=upgrade_one,
        help="take a project to the installed version of the tool",
        detail=", and say what runs again and why",
        arguments=(argument("--dry-run", action="store_true", help="say it, and write nothing"), JSON),
        examples=("modelwright upgrade --dry-run",),
    ),
}
