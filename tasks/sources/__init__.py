"""The sources, by the `kind` of a pipeline's source: one file each, and one line here."""

from __future__ import annotations

from pathlib import Path

from tasks import params
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


def fingerprint(config: params.Source, root: Path) -> str:
    """What tells whether the source's content has changed. Reads bytes, and imports neither polars nor scikit-learn."""
    return source(config, root).digest()
