"""Tables in files: CSV, TSV, Parquet or JSON lines; one file, a glob, or a folder; train and test apart or together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.params import ColumnTypeName, TableSource
from tasks.sources.delimited import DelimitedFile, open_delimited
from tasks.sources.files import common_format, digest_files, find_files, read_errors
from tasks.sources.json_lines import JsonLinesFile, open_json_lines
from tasks.sources.parquet import ParquetFile, open_parquet

if TYPE_CHECKING:
    import polars as pl

SPLIT = "split"
"""The column that says train, validation or test when these come as files of their own."""

TableFile = DelimitedFile | JsonLinesFile | ParquetFile


class Table:
    """The rows of one or more files that all have the same columns."""

    kind = "table"

    def __init__(self, config: TableSource, root: Path) -> None:
        self._config = config
        self._root = root
        self.location = config.path
        self.types: Mapping[str, ColumnTypeName] = {SPLIT: "category"} if self.split_column else {}

    @property
    def split_column(self) -> str | None:
        return SPLIT if len(self._locations) > 1 else None

    def parts(self) -> Iterator[pl.DataFrame]:
        opened = self._opened
        columns = opened[0][1].columns
        for split, table in opened:
            with read_errors(table.shown):
                for frame in table.frames():
                    yield self._finished(frame.select(columns), split)

    def digest(self) -> str:
        return digest_files({split: self._files(location) for split, location in self._locations.items()})

    @property
    def _locations(self) -> dict[str, str]:
        config = self._config
        given = {"train": config.path, "validation": config.validation_path, "test": config.test_path}
        return {split: location for split, location in given.items() if location is not None}

    def _files(self, location: str) -> list[Path]:
        wanted = None if self._config.format == "auto" else self._config.format
        return common_format(find_files(self._root, location), location, wanted)[1]

    @cached_property
    def _opened(self) -> list[tuple[str, TableFile]]:
        """All files, looked into, each with its split. Raises UserError when their columns differ."""
        opened: list[tuple[str, TableFile]] = []
        for split, location in self._locations.items():
            for file in self._files(location):
                table = self._open(file, location, opened[0][1] if opened else None)
                _check_names(table, self.split_column)
                if opened:
                    _check_same_columns(opened[0][1], table)
                opened.append((split, table))
        return opened

    def _open(self, file: Path, location: str, like: TableFile | None) -> TableFile:
        shown = file.relative_to(self._root).as_posix() if file.is_relative_to(self._root) else os.fspath(file)
        wanted = None if self._config.format == "auto" else self._config.format
        with read_errors(shown):
            match common_format([file], location, wanted)[0]:
                case "csv":
                    return open_delimited(file, shown, self._config, like if isinstance(like, DelimitedFile) else None)
                case "jsonl":
                    return open_json_lines(file, shown, self._config.encoding)
                case "parquet":
                    return open_parquet(file, shown)

    def _finished(self, frame: pl.DataFrame, split: str) -> pl.DataFrame:
        """With what stands for a missing value as missing, and with the split."""
        import polars as pl
        import polars.selectors as cs

        cells = cs.string()
        frame = frame.with_columns(pl.when(~cells.is_in(self._config.missing)).then(cells))
        return frame.with_columns(pl.lit(split).alias(SPLIT)) if self.split_column else frame


def _check_names(table: TableFile, split_column: str | None) -> None:
    twice = [name for name, count in Counter(table.columns).items() if count > 1]
    if twice:
        raise UserError(
            f"{table.shown}: the column name {twice[0]} stands there {Counter(table.columns)[twice[0]]} times; "
            "give each column a name of its own (names with header: true does so without touching the file)"
        )
    if split_column in table.columns:
        raise UserError(
            f"{table.shown}: has a column {split_column} already, and test_path or validation_path would add one; "
            "rename it, or leave those paths out and set split.kind to given"
        )


def _check_same_columns(first: TableFile, table: TableFile) -> None:
    if len(first.columns) != len(table.columns) and isinstance(table, DelimitedFile) and not table.header:
        raise UserError(
            f"{table.shown}: its first row has {len(table.columns)} cells, "
            f"that of {first.shown} has {len(first.columns)}; "
            "make them alike, or give a glob that takes only files that are"
        )
    missing = [name for name in first.columns if name not in table.columns]
    added = [name for name in table.columns if name not in first.columns]
    if missing or added:
        lacks = [f"lacks {', '.join(missing)}"] if missing else []
        has = [f"has {', '.join(added)} besides"] if added else []
        raise UserError(
            f"{table.shown}: other columns than {first.shown}: {' and '.join(lacks + has)}; "
            "make them alike, or give a glob that takes only files that are"
        )
