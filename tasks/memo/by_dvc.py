"""For stages that `dvc repro` starts: what DVC will write down of a stage must be what the stage was given.

DVC hashes a stage's inputs, and reads its parameters, when the stage has ended. Were they edited meanwhile, dvc.lock
would say that the stage ran with the new ones, and nothing would ever run with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.errors import UserError
from tasks.memo.code import CODE, Code, source_of
from tasks.memo.code_record import check_tool
from tasks.memo.own_code import STAGE as OWN_CODE
from tasks.memo.own_code import own_file
from tasks.memo.reasons import differences
from tasks.memo.snapshot import take
from tasks.params.file import block_in, pipelines_in, read_yaml
from tasks.paths import Paths


@contextmanager
def refusing_edits(paths: Paths, stage: str, block: Any) -> Iterator[None]:
    """Raises UserError when what the stage reads, or its section of `block`, was edited inside; DVC notes nothing then.

    Without DVC nothing is written down, and nothing refused.
    """
    if "DVC_STAGE" not in os.environ:
        yield
        return
    root, inputs, code = paths.project.root, _inputs(paths, stage), Code(paths.project)
    own = own_file({paths.pipeline: block}, paths.pipeline)
    check_tool(paths.project, code)
    if stale := _other_code(root, code, inputs):
        raise UserError(_unseen(stage, stale, CODE))
    if stale := _other_own_code(paths, code, inputs, own):
        raise UserError(_unseen(stage, stale, f"{OWN_CODE}@{paths.pipeline}"))
    before = {path: take(root, [path]) for path in inputs if not source_of(path)}
    yield
    edited = [*_other_code(root, code, inputs), *_other_own_code(paths, code, inputs, own)]
    edited += [path for path in before if take(root, [path]) != before[path]]
    if edited:
        raise UserError(
            f"{stage}: {', '.join(edited)} edited while it ran, and DVC would take the new content for what was read; "
            "run `dvc repro` again"
        )
    changes = _changes(paths, stage, block)
    if changes:
        raise UserError(
            f"{paths.project.params}: edited while {stage} ran ({', '.join(changes)}), and DVC would take the new "
            "values for those that it ran with; run `dvc repro` again, or put the old values back and keep what was "
            f"made with `dvc commit -f {stage}@{paths.pipeline}`"
        )


def _unseen(stage: str, stale: list[str], cure: str) -> str:
    return (
        f"{stage}: {', '.join(stale)} edited since DVC looked at the code; run `dvc repro` again, and before "
        f"`dvc repro --single-item` run `dvc repro {cure}`"
    )


def _other_code(root: Path, code: Code, inputs: list[str]) -> list[str]:
    """The code that means something else than the lists say, which DVC hashes in its place."""
    sources = {path: source for path in inputs if (source := source_of(path))}
    return [source for path, source in sources.items() if code.digests(source) != _content(root / path)]


def _other_own_code(paths: Paths, code: Code, inputs: list[str], file: str | None) -> list[str]:
    """The same of the user's own code, of which normalize is made."""
    if paths.relative(paths.own_code) not in inputs or code.digests_of_own(file) == _content(paths.own_code):
        return []
    return [file or "normalize.features_from"]


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _inputs(paths: Paths, stage: str) -> list[str]:
    """What dvc.yaml says that the stage reads, its parameters aside."""
    entry = read_yaml(paths.project.stages)["stages"][stage]
    return [str(path).replace("${key}", paths.pipeline) for path in entry.get("do", entry).get("deps", ())]


def _changes(paths: Paths, stage: str, block: Any) -> list[str]:
    now = block_in(paths.project.params, pipelines_in(paths.project.params), paths.pipeline)
    # register is given them all.
    if stage == "register":
        return differences("", block, now)
    changes = differences(stage, block.get(stage), now.get(stage))
    if stage == "evaluate":  # which measures importance by what versions are compared by
        of_register = differences("register", block.get("register"), now.get("register"))
        changes += [change for change in of_register if change.startswith("register.metric ")]
    return changes
