"""`modelwright rename OLD NEW`: block, suite, results, memo and registry under another name.

params.yaml is written last: until then a second call goes on where a killed one ended. A block that was renamed by hand
is taken for what the first call would have left, so the rest follows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks import files
from tasks.drafting.belongings import belongings, mentions
from tasks.drafting.params_lock import editing
from tasks.drafting.params_text import with_name
from tasks.errors import UserError
from tasks.memo.lockfile import has_entries, renamed, without
from tasks.memo.pipeline_lock import locked_files
from tasks.params.file import block_in, check_pipeline, pipelines_in
from tasks.paths import Paths, Project

_NAMED_INSIDE = ("validate", "evaluate", "register")
"""Stages whose pages and passport carry the name: their results are made again."""


def rename_pipeline(project: Project, old: str, new: str) -> list[str]:
    """Renames the pipeline; returns a line for each thing that was done, and what is left to do.

    Raises UserError when there is no such pipeline, the new name is taken or is none, a run is at work on it, or the
    tracking store does not answer; nothing is changed then.
    """
    before, after = project.pipeline(old), project.pipeline(new)
    is_renamed_by_hand = _check(project, before, after)
    with locked_files(
        project.root, [before.data, before.model, before.reports, after.data, after.model, after.reports]
    ):
        from tasks.tracking import names

        names.check_name_is_free(project, old, new)
        done = [f"moved {old_name} to {new_name}" for old_name, new_name in _move(before, after)]
        done += [f"renamed {thing}" for thing in names.rename(project, old, new)]
        _rename_in_lock(project.lock, old, new)
        # What it remembers lies elsewhere now; without it DVC is asked once.
        files.remove(before.snapshot)
        if not is_renamed_by_hand:
            with editing(project):
                files.write_text(project.params, with_name(project.params, old, new))
            done.append(f"renamed the block in {project.params.name}")
    return [*done, *_left_to_do(project, old, new)]


def _check(project: Project, before: Paths, after: Paths) -> bool:
    """Whether the block has the new name already. Raises UserError when the pipeline cannot be renamed."""
    old, new, file = before.pipeline, after.pipeline, project.params
    blocks = pipelines_in(file)
    if old in blocks and new in blocks:
        raise UserError(f"{file}: already has a pipeline {new}; take another name, or `modelwright remove {new}` first")
    is_renamed_by_hand = new in blocks and any(path.exists() for path in belongings(before))
    check_pipeline(file, new, blocks[new] if is_renamed_by_hand else block_in(file, blocks, old))
    both = [after.relative(path) for source, path in _pairs(before, after) if source.exists() and path.exists()]
    if is_renamed_by_hand and after.suite.exists() and both:
        raise UserError(
            f"{', '.join(both)}: {new} has these of its own, and does not need what {old} has; "
            f"`modelwright remove {old}` takes that out"
        )
    if both and not is_renamed_by_hand:
        raise UserError(
            f"{', '.join(both)}: there already, of no pipeline in {file.name}; `modelwright remove {new}` takes out "
            "what is left under that name"
        )
    return is_renamed_by_hand


def _pairs(before: Paths, after: Paths) -> Iterator[tuple[Path, Path]]:
    yield from zip(belongings(before), belongings(after), strict=True)


def _move(before: Paths, after: Paths) -> Iterator[tuple[str, str]]:
    for source, target in _pairs(before, after):
        if source.exists():
            # Without a suite, a run under the name that was given by hand went no further than ingest.
            files.remove(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.storage_errors(target):
                source.rename(target)
            yield str(source.relative_to(before.project.root)), str(target.relative_to(after.project.root))


def _rename_in_lock(lock: Path, old: str, new: str) -> None:
    if lock.exists():
        text = lock.read_text(encoding="utf-8")
        # Entries of the new name are of what lay there before: the old ones take their place.
        text = without(text, new) if has_entries(text, old) else text
        files.write_text(lock, renamed(text, old, new, anew=_NAMED_INSIDE))


def _left_to_do(project: Project, old: str, new: str) -> Iterator[str]:
    for name in mentions(project, old):
        yield f"{name} still names {old}: write {new} there"
    yield (
        f"`modelwright run {new}` makes anew what carries the name ({', '.join(_NAMED_INSIDE)}); programs that load "
        f"models:/{old}@champion must ask for models:/{new}@champion"
    )
