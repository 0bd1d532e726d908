"""The sources, by the `kind` of a pipeline's source: one file each, and one line here."""

from __future__ import annotations

from pathlib import Path

from tasks import params
from tasks.sources import files
from tasks.sources.base import Source


def source(config: params.Source, root: Path) -> Source:
    """The source of that kind; relative paths start at `root`."""
    match config:
        case params.BuiltinSource():
            from tasks.sources.builtin import Builtin

            return Builtin(config)
        case params.TableSource():
            from tasks.sources.table import Table

            return Table(config, root)


def watched(config: params.Source, root: Path) -> list[Path]:
    """The files and folders outside the project that the content comes from: while they stand still, so does it."""
    match config:
        case params.BuiltinSource():
            return []
        case params.TableSource():
            given = (config.path, config.validation_path, config.test_path)
            return [files.fixed_part(root, location) for location in given if location is not None]


def fingerprint(config: params.Source, root: Path) -> str:
    """What tells whether the source's content has changed. Reads bytes, and imports neither polars nor scikit-learn."""
    return source(config, root).digest()
