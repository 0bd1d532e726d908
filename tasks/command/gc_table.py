"""What `modelwright gc` would remove, or removed: a table for people, and plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from tasks.command.console import Terminal
from tasks.command.gc_plan import RemovalPlan
from tasks.promotion.retention import NEEDS_IN_WORDS
from tasks.wording import counted

_SHOWN = 10
"""Runs that are listed by name."""


def as_dict(plan: RemovalPlan, *, removed: bool) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    cache, answers = plan.cache, plan.answers
    return {
        "removed": removed,
        "versions": [
            {"name": one.key[0], "version": one.key[1], "created": one.created, "bytes": one.num_bytes}
            for one in plan.versions
        ],
        "kept": [
            {"name": name, "version": number, "because": need} for (name, number), need in sorted(plan.kept.items())
        ],
        "faulty": sorted(plan.faulty),
        "models": [{"pipeline": one.pipeline, "model": one.model_id, "bytes": one.num_bytes} for one in plan.models],
        "runs": [
            {"pipeline": run.pipeline, "run": run.run_id, "name": run.name, "bytes": run.num_bytes} for run in plan.runs
        ],
        "cache": {
            "objects": len(cache.objects),
            "objects_in_all": cache.num_objects,
            "steps": len(cache.steps),
            "damaged": len(cache.damaged),
            "bytes": cache.num_bytes,
            "shared": cache.shared and str(cache.shared),
        },
        "answers": {
            "files": len(answers.expired),
            "files_in_all": answers.num_files,
            "looks": len(answers.looks),
            "bytes": answers.num_bytes,
        },
        "former_pipelines": [
            {"name": one.name, "folder": str(one.folder), "bytes": one.num_bytes} for one in plan.former
        ],
        "versions_kept": len(plan.kept),
    }


def show(plan: RemovalPlan, *, removed: bool) -> None:
    """What goes, how many of how many and how much of it; then which versions stay, and why."""
    console = Terminal()
    rows = [("", "goes", "of", "size"), *_rows(plan)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for place, row in enumerate(rows):
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        console.print(Text(f"{row[0]:{widths[0]}}  {'  '.join(cells)}", style="" if place else "bold"))
    for line in _remarks(plan):
        console.print(Text(line, style="dim"))
    if plan.is_empty:
        console.print(Text("there is nothing to remove"))
    elif removed:
        console.print(Text("removed"))
    else:
        console.print(Text("nothing was removed; `modelwright gc --yes`, with the same options, does it"))


def _rows(plan: RemovalPlan) -> Iterator[tuple[str, str, str, str]]:
    cache, answers = plan.cache, plan.answers
    going, staying = (Counter(name for name, _ in keys) for keys in ([one.key for one in plan.versions], plan.kept))
    for name in sorted({*going, *staying}):
        num_bytes = sum(one.num_bytes for one in plan.versions if one.key[0] == name)
        yield _row(f"versions of {name}", going[name], going[name] + staying[name], num_bytes)
    yield _row("their models, and those of none", len(plan.models), None, sum(one.num_bytes for one in plan.models))
    yield _row("runs of no version", len(plan.runs), plan.num_runs, sum(run.num_bytes for run in plan.runs))
    yield _row("answers and labels, files", len(answers.expired), answers.num_files, answers.num_bytes)
    if not cache.shared:
        yield _row("objects of DVC's cache", len(cache.objects), cache.num_objects, cache.num_bytes)
    if plan.former:
        yield _row("left by former pipelines", len(plan.former), None, sum(one.num_bytes for one in plan.former))


def _row(what: str, going: int, num_all: int | None, num_bytes: int) -> tuple[str, str, str, str]:
    return what, f"{going:,}", "" if num_all is None else f"{num_all:,}", _size(num_bytes)


def _remarks(plan: RemovalPlan) -> Iterator[str]:
    for run in plan.runs[:_SHOWN]:
        yield f"  run of {run.pipeline}  {run.run_id[:8]}  {run.name}"
    if len(plan.runs) > _SHOWN:
        yield f"  and {counted(len(plan.runs) - _SHOWN, 'run')} more; --json has all"
    for one in plan.former:
        yield f"  {one.folder}: params.yaml has no pipeline {one.name}"
    for name in sorted({name for name, _ in plan.kept}):
        reasons = Counter(need for key, need in plan.kept.items() if key[0] == name)
        words = ", ".join(f"{reasons[need]} {phrase}" for need, phrase in NEEDS_IN_WORDS.items() if reasons[need])
        yield f"  kept of {name}, with all that led to them: {counted(reasons.total(), 'version')} ({words})"
    for name in sorted(plan.faulty):
        yield f"  {name}: its history is not whole (`modelwright history {name} --verify`), so all its versions stay"
    if plan.cache.damaged:
        yield f"  of DVC's cache also {counted(len(plan.cache.damaged), 'damaged object')}, put aside by a run"
    if plan.answers.looks:
        yield f"  also what looks left, at {counted(len(plan.answers.looks), 'removed version')}"
    if plan.cache.shared:
        yield f"  DVC's cache {plan.cache.shared} lies outside of the project: others may use it, so it stays"


def _size(num_bytes: int) -> str:
    size = float(num_bytes)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
