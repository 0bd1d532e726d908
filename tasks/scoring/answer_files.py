"""Answers as one file, CSV or Parquet, put together of its parts when all are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks import files
from tasks.errors import UserError

SUFFIXES = (".csv", ".parquet")


def check_file(path: Path) -> None:
    """Raises UserError for a place that cannot be such a file."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"--out {path}: ends in neither .csv nor .parquet; give such a file, or a database's URL such as "
            "sqlite:///answers.db"
        )
    if path.is_dir():
        raise UserError(f"--out {path}: is a folder; give the path of a file")


def assemble(parts: Sequence[Path], target: Path) -> None:
    """The file, whole or not at all; a part in memory at a time."""
    with files.aside(target) as draft:
        if target.suffix.lower() == ".csv":
            _assemble_csv(parts, draft)
        else:
            _assemble_parquet(parts, draft)


def _assemble_csv(parts: Sequence[Path], draft: Path) -> None:
    with draft.open("wb") as file:
        for number, part in enumerate(parts):
            pl.read_parquet(part).write_csv(file, include_header=number == 0)


def _assemble_parquet(parts: Sequence[Path], draft: Path) -> None:
    import pyarrow.parquet as pq

    schema = pq.read_schema(parts[0])
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        for part in parts:
            writer.write_table(pq.read_table(part).cast(schema))
