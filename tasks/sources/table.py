"""Tables in files: CSV, TSV, Parquet, JSON lines, Arrow or Excel; one, a glob, a folder or an archive of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import TableSource
from tasks.sources.base import SPLIT, BrokenLine, NumberFormat, Place, Source
from tasks.sources.files import digest_files, find_files, fixed_part, read_errors, shown_path
from tasks.sources.formats import FileFormat, common_format, file_format
from tasks.sources.formats.names import check_names, check_no_split, few
from tasks.sources.formats.repeated_headers import RepeatedHeaders
from tasks.sources.packed import Entry, entries
from tasks.wording import counted

if TYPE_CHECKING:
    import polars as pl

    from tasks.sources.formats.delimited import DelimitedFile
    from tasks.sources.formats.encoding import Text
    from tasks.sources.formats.excel import ExcelFile
    from tasks.sources.formats.json_lines import JsonLinesFile
    from tasks.sources.formats.parquet import TypedFile
    from tasks.tables.origins import RowOrigins

    OpenedTable = DelimitedFile | JsonLinesFile | TypedFile | ExcelFile


class TableFiles(Source):
    """The rows of one or more files that all have the same columns."""

    kind = "table"

    def __init__(self, config: TableSource, place: Place) -> None:
        self._config = config
        self._root = place.root
        self.location = config.path

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        return {SPLIT: "category"} if self.split_column else {}

    @property
    def split_column(self) -> str | None:
        return SPLIT if len(self._locations) > 1 else None

    @property
    def numbers(self) -> NumberFormat:
        return NumberFormat(decimal=self._config.decimal, thousands=self._config.thousands)

    @property
    def missing(self) -> tuple[str, ...]:
        return self._config.missing

    def parts(self) -> Iterator[pl.DataFrame]:
        for piece in self._pieces:
            yield from piece.parts()

    def located_parts(self) -> Iterator[tuple[pl.DataFrame, RowOrigins]]:
        for piece in self._pieces:
            yield from piece.located_parts()

    def keep_broken(self, keep: Callable[[BrokenLine], None]) -> None:
        for piece in self._pieces:
            piece.keep_broken(keep)

    def pieces(self) -> list[Source]:
        return list(self._pieces) if self._config.append else []

    def digest(self) -> str:
        return digest_files({split: self._files(location) for split, location in self._locations.items()})

    def watched(self) -> list[Path]:
        return [fixed_part(self._root, location) for location in self._locations.values()]

    def settings(self) -> dict[str, Any]:
        if self._first_text is None:
            return self._excel_settings()
        from tasks.sources.formats.encoding import open_text
        from tasks.sources.formats.settings import find_settings

        settings = find_settings(self._first_text, self._config)
        # The first file has settled all else, as the others are read like it.
        for listed in self._listed[1:]:
            # Only one of the files may have a comment, as a test file above its rows.
            if "comment" not in settings:
                text = open_text(listed.entries[0], self._config.encoding).skipping(self._config.skip_lines)
                settings |= {key: value for key, value in find_settings(text, self._config).items() if key == "comment"}
        return settings

    def _excel_settings(self) -> dict[str, Any]:
        first = self._listed[0].entries[0]
        if (self._chosen_format or file_format(first)) != "excel":
            return {}
        from tasks.sources.formats.excel import find_excel_settings

        return find_excel_settings(first, self._config)

    def remarks(self) -> list[str]:
        return [remark for piece in self._pieces for remark in piece.remarks()]

    def doubts(self) -> list[str]:
        text = self._first_text
        return [f"{text.shown}: {text.guess.doubt}"] if text and text.guess and text.guess.doubt else []

    @cached_property
    def _first_text(self) -> Text | None:
        """The first file, when it is CSV."""
        first = self._listed[0].entries[0]
        # The other formats say themselves how they are written.
        if (self._chosen_format or file_format(first)) != "csv":
            return None
        from tasks.sources.formats.encoding import open_text

        with read_errors(first.shown):
            return open_text(first, self._config.encoding).skipping(self._config.skip_lines)

    @property
    def _chosen_format(self) -> FileFormat | None:
        return None if self._config.format == "auto" else self._config.format

    @property
    def _locations(self) -> dict[str, str]:
        config = self._config
        given = {"train": config.path, "validation": config.validation_path, "test": config.test_path}
        return {split: location for split, location in given.items() if location is not None}

    def _files(self, location: str) -> list[Path]:
        return [listed.file for listed in self._listed if listed.location == location]

    @cached_property
    def _listed(self) -> list[_Listed]:
        """The files that hold rows, each with what is in it: more than one entry when it is an archive."""
        return [listed for split, location in self._locations.items() for listed in self._of_location(split, location)]

    def _of_location(self, split: str, location: str) -> list[_Listed]:
        # Archives are looked into once: a tar that is packed as a whole is copied for it.
        most = self._config.max_unpacked_mib
        by_file = {file: entries(file, shown_path(self._root, file), most) for file in find_files(self._root, location)}
        all_entries = [entry for inner in by_file.values() for entry in inner]
        _, chosen = common_format(all_entries, location, self._chosen_format)
        kept = {file: tuple(entry for entry in inner if entry in chosen) for file, inner in by_file.items()}
        return [_Listed(split=split, location=location, file=file, entries=held) for file, held in kept.items() if held]

    @cached_property
    def _pieces(self) -> list[Piece]:
        """All files, looked into. Raises UserError when their columns differ."""
        first: OpenedTable | None = None
        pieces = []
        for listed in self._listed:
            tables = []
            for entry in listed.entries:
                table = self._open(entry, first)
                # Before columns are compared: a name that stands twice makes that meaningless.
                check_names(table.columns, table.shown)
                check_no_split(table.columns, self.split_column, table.shown)
                # The others are read like the first one, so that they have its columns.
                first = first or table
                _check_same_columns(first, table)
                tables.append(table)
            assert first is not None
            pieces.append(Piece(self, self._config, listed, tables, first.columns))
        return pieces

    def _open(self, entry: Entry, like: OpenedTable | None) -> OpenedTable:
        """What reads a format is imported with it: a digest is wanted without any of them."""
        with read_errors(entry.shown):
            match self._chosen_format or file_format(entry):
                case "csv":
                    from tasks.sources.formats.delimited import open_delimited

                    return open_delimited(entry, self._config, like)
                case "jsonl":
                    from tasks.sources.formats.json_lines import open_json_lines

                    return open_json_lines(entry, self._config.encoding)
                case "parquet" | "arrow" as form:
                    from tasks.sources.formats.parquet import open_typed

                    return open_typed(entry, form)
                case "excel":
                    from tasks.sources.formats.excel import open_excel

                    return open_excel(entry, self._config, like)


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """One file of a location."""

    split: str
    location: str
    file: Path
    entries: tuple[Entry, ...]


class Piece(Source):
    """The rows of one file, as they stand among those of the whole table."""

    kind = "table"

    def __init__(
        self,
        table: TableFiles,
        config: TableSource,
        listed: _Listed,
        tables: list[OpenedTable],
        columns: tuple[str, ...],
    ) -> None:
        self._config = config
        self._listed = listed
        self._tables = tables
        self._columns = columns
        self.location = tables[0].shown
        self._whole = table
        self._headers = RepeatedHeaders()

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        return self._whole.types

    @property
    def split_column(self) -> str | None:
        return self._whole.split_column

    @property
    def numbers(self) -> NumberFormat:
        return self._whole.numbers

    @property
    def missing(self) -> tuple[str, ...]:
        return self._whole.missing

    def parts(self) -> Iterator[pl.DataFrame]:
        return (part for part, _ in self.located_parts())

    def located_parts(self) -> Iterator[tuple[pl.DataFrame, RowOrigins]]:
        from tasks.tables.origins import RowOrigins, present_rows

        for table in self._tables:
            with read_errors(table.shown):
                for frame, numbers in self._headers.left_out(present_rows(table.numbered_frames()), table):
                    origins = RowOrigins(file=table.shown, numbers=numbers, in_lines=table.in_lines)
                    # Other files may have the columns in another order.
                    yield self._finished(frame[list(self._columns)]), origins

    def keep_broken(self, keep: Callable[[BrokenLine], None]) -> None:
        from tasks.sources.formats.delimited import DelimitedFile
        from tasks.sources.formats.json_lines import JsonLinesFile

        in_lines = (DelimitedFile, JsonLinesFile)
        self._tables = [replace(one, keep=keep) if isinstance(one, in_lines) else one for one in self._tables]

    def digest(self) -> str:
        return digest_files({self._listed.split: [self._listed.file]})

    def remarks(self) -> list[str]:
        return self._headers.remarks()

    def _finished(self, frame: pl.DataFrame) -> pl.DataFrame:
        """With what stands for a missing value as missing, and with the split."""
        import polars as pl
        import polars.selectors as cs

        # Numbers that mean missing are said by column, in ingest.columns: here only text is looked at.
        cells = cs.string()
        if self._config.missing:
            # `is_in` of a missing cell is missing, so what is missing stays so.
            frame = frame.with_columns(pl.when(~cells.is_in(self._config.missing)).then(cells))
        return frame.with_columns(pl.lit(self._listed.split).alias(SPLIT)) if self.split_column else frame


def _check_same_columns(first: OpenedTable, table: OpenedTable) -> None:
    # Without a header columns are called by their place: names would be compared that nobody gave.
    if len(first.columns) != len(table.columns) and not table.header:
        raise UserError(
            f"{table.shown}: its first row has {counted(len(table.columns), 'cell')}, "
            f"that of {first.shown} has {len(first.columns)}; "
            "make them alike, or give a glob that takes only files that are"
        )
    here, there = set(table.columns), set(first.columns)
    missing = [name for name in first.columns if name not in here]
    added = [name for name in table.columns if name not in there]
    if missing or added:
        lacks = [f"lacks {few(missing)}"] if missing else []
        has = [f"has {few(added)} besides"] if added else []
        raise UserError(
            f"{table.shown}: other columns than {first.shown}: {' and '.join(lacks + has)}; "
            "make them alike, or give a glob that takes only files that are"
        )
