"""Adds a ready-made pipeline block to params.yaml, and drafts its suite of expectations from the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tasks import files
from tasks.drafting.params_lock import editing
from tasks.drafting.params_text import dumped, holds_pipelines, read_document, with_block
from tasks.drafting.suite import suite_of_source
from tasks.errors import UserError
from tasks.params.file import check_pipeline, pipelines_in
from tasks.paths import Project


def add_block(project: Project, file: Path, *, source: str | None = None, name: str | None = None) -> list[Path]:
    """Adds the block in `file` as pipeline `name`, with `source` instead of the block's own. Returns the files written.

    Nothing is written unless the block is valid and its source can be read. A suite that is already there is kept.
    """
    key, block = _read_block(file)
    name = name or key
    if source is not None:
        _set_source(block, source, project.root, file)
    pipeline = check_pipeline(file, name, block)
    # Whether there is a place for it: before an hour of reading, not after.
    _with_block(project.params, name, block)
    suite = project.pipeline(name).suite
    # A suite of that name may have been edited by a person, or kept from a pipeline that was taken out.
    drafted = None if suite.exists() else suite_of_source(project, name, pipeline.ingest)
    with editing(project):
        text = _with_block(project.params, name, block)
        if drafted is not None:
            files.write_json(suite, drafted)
        files.write_text(project.params, text)
    return [project.params] if drafted is None else [suite, project.params]


def _with_block(path: Path, name: str, block: Any) -> str:
    # A file that holds nothing yet has no mapping of names to put one into.
    if path.exists() and not holds_pipelines(path):
        return with_block(path, name, dumped({name: block}))
    document, content = read_document(path)
    if name in content:
        raise UserError(f"{path}: already has a pipeline {name}; add it under another name with --name")
    content[name] = block
    return dumped(document)


def _read_block(file: Path) -> tuple[str, Any]:
    blocks = pipelines_in(file)
    if len(blocks) != 1:
        raise UserError(f"{file}: holds {len(blocks)} pipelines ({', '.join(blocks)}); keep one in it")
    # By its place, as a name may be a number in the file.
    [block] = read_document(file)[1].values()
    return next(iter(blocks)), block


def _set_source(block: Any, given: str, root: Path, file: Path) -> None:
    """Puts what the user gave into the block: a table's path, or the folder that holds the block's IDX files."""
    try:
        source = block["ingest"]["source"]
        kind = source["kind"]
    # The block was not checked yet: a source may be missing, or be a word.
    except (KeyError, TypeError):
        kind = None
    match kind:
        # Sources are told apart by what a path means to them; the others have none that could be replaced.
        case "table":
            source["path"] = _from_root(given, root)
        case "idx":
            _set_idx_files(source, given, root)
        case _:
            raise UserError(
                f"{file}: --source is for blocks that read files (kind: table or idx); leave it out for this one"
            )


def _set_idx_files(source: Any, given: str, root: Path) -> None:
    """The block's files in the folder that was given, packed or not: MNIST is published under both names."""
    folder = Path(given)
    if not folder.is_dir():
        raise UserError(f"{given}: there is no such folder; give --source the folder that holds the IDX files")
    by_name = {_plain_name(path): path for path in sorted(folder.iterdir())}
    for key in [name for name in source if name != "kind"]:
        match = by_name.get(_plain_name(Path(source[key])))
        if match is None:
            raise UserError(f"{given}: holds no {Path(source[key]).name} (ingest.source.{key}); put it there")
        source[key] = _from_root(str(match), root)


def _plain_name(path: Path) -> str:
    """The same for train-images-idx3-ubyte.gz, train-images-idx3-ubyte and train-images.idx3-ubyte."""
    return path.name.removesuffix(".gz").replace(".", "-")


def _from_root(source: str, root: Path) -> str:
    """The path as params.yaml has it: from the project's root, wherever the command was given, unless absolute."""
    return source if Path(source).is_absolute() else Path(os.path.relpath(source, root)).as_posix()
