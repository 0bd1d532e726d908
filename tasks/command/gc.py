"""`modelwright gc`: removes what nothing needs any more, and never what a registered version came from."""

from __future__ import annotations

import argparse
import re
import time
from typing import TYPE_CHECKING, Any

from tasks.command.subcommand import JSON, Subcommand, argument, show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root
from tasks.wording import counted

if TYPE_CHECKING:
    from tasks.memo.unneeded import UnneededCache
    from tasks.tracking.unneeded_runs import UnneededRun, VersionOrigins

_SECONDS = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_KEEP = 20
_SHOWN = 10
"""Runs that are listed by name."""


def gc(options: argparse.Namespace) -> int:
    """`modelwright gc`: says what would go; with --yes it goes."""
    from tasks.memo.chain import announced
    from tasks.memo.unneeded import remove_unneeded, unneeded_cache
    from tasks.params.file import pipeline_names
    from tasks.tracking.unneeded_runs import remove_runs, unneeded_runs, version_origins

    if options.keep < 0:
        raise UserError(f"gc: --keep {options.keep}: give 0 or more")
    if options.yes and options.dry_run:
        raise UserError("gc: --yes and --dry-run: give one of the two")
    project = Project(root=find_root())
    before = time.time() - options.older_than
    with announced("looking for what nothing needs"):
        origins = version_origins(project)
        runs = unneeded_runs(project, pipeline_names(project.params), origins, before, options.keep)
        # The cache first, as it waits for nobody: where a run is at work, nothing goes at all.
        collect = remove_unneeded if options.yes else unneeded_cache
        cache = collect(project.root, before, origins.commits, origins.models)
        if options.yes:
            remove_runs(project, runs)
    if options.json:
        show_json(_as_dict(cache, runs, origins, removed=options.yes))
    else:
        _show(cache, runs, origins, removed=options.yes)
    return 0


def age(text: str) -> float:
    """The seconds of an age such as 90d, 12h or 2w."""
    parts = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; give one such as 90d, 12h or 2w")
    return int(parts[1]) * _SECONDS[parts[2]]


def _as_dict(
    cache: UnneededCache, runs: list[UnneededRun], origins: VersionOrigins, *, removed: bool
) -> dict[str, Any]:
    return {
        "removed": removed,
        "cache": {
            "objects": len(cache.objects),
            "objects_in_all": cache.num_objects,
            "steps": len(cache.steps),
            "damaged": len(cache.damaged),
            "bytes": cache.num_bytes,
            "shared": cache.shared and str(cache.shared),
        },
        "runs": [
            {"pipeline": run.pipeline, "run": run.run_id, "name": run.name, "bytes": run.num_bytes} for run in runs
        ],
        "versions_kept": origins.num_versions,
    }


def _show(cache: UnneededCache, runs: list[UnneededRun], origins: VersionOrigins, *, removed: bool) -> None:
    from rich.text import Text

    from tasks.command.console import Terminal

    console = Terminal()
    if cache.shared:
        console.print(Text(f"DVC's cache {cache.shared} lies outside of the project: others may use it, so it stays"))
    else:
        what = f"{len(cache.objects):,} of {cache.num_objects:,} objects that nothing needs"
        aside = f", {len(cache.damaged)} damaged ones that were put aside" if cache.damaged else ""
        console.print(Text(f"DVC's cache  {what}{aside}: {_size(cache.num_bytes)}"))
    console.print(
        Text(f"MLflow       {counted(len(runs), 'run')} of no version: {_size(sum(run.num_bytes for run in runs))}")
    )
    for run in runs[:_SHOWN]:
        console.print(Text(f"  {run.pipeline}  {run.run_id[:8]}  {run.name}", style="dim"))
    if len(runs) > _SHOWN:
        console.print(Text(f"  and {len(runs) - _SHOWN:,} more; --json has all", style="dim"))
    console.print(Text(f"kept         all {origins.num_versions:,} registered versions, and what they came from"))
    if not (runs or cache.objects or cache.damaged):
        console.print(Text("there is nothing to remove"))
    elif removed:
        console.print(Text("removed"))
    else:
        console.print(Text("nothing was removed; `modelwright gc --yes`, with the same options, does it"))


def _size(num_bytes: int) -> str:
    size = float(num_bytes)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


COMMANDS = {
    "gc": Subcommand(
        run=gc,
        help="remove what no branch, tag or registered version needs",
        detail=": objects of DVC's cache and old runs of MLflow; without --yes it only says what would go",
        arguments=(
            argument(
                "--older-than",
                type=age,
                default=90 * _SECONDS["d"],
                metavar="AGE",
                help="nothing that is younger goes: 90d (the default), 12h, 2w",
            ),
            argument(
                "--keep", type=int, default=_KEEP, metavar="N", help=f"the last N runs of a pipeline stay ({_KEEP})"
            ),
            argument("--dry-run", action="store_true", help="say what would go, as without --yes"),
            argument("--yes", action="store_true", help="remove it"),
            JSON,
        ),
        examples=("modelwright gc", "modelwright gc --older-than 30d --keep 5 --yes"),
    ),
}
