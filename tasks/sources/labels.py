"""What a file's place, its name, or a CSV file says of it: the columns of labels beside the file's content."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from tasks.errors import UserError, did_you_mean
from tasks.sources.files import read_errors
from tasks.sources.formats.encoding import decode
from tasks.sources.packed import Entry
from tasks.sources.tree import top_folder
from tasks.wording import counted

LABEL, FILE = "label", "file"

# In the order of preference at a tie.
_SEPARATORS = ",;\t|"
_NUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class FileLabels:
    """The label columns, and what gives their values for a file by its path: None for one that has none."""

    columns: tuple[str, ...]
    values: Callable[[str], tuple[str | None, ...] | None]

    def of(self, entry: Entry) -> tuple[str | None, ...]:
        """The values of the file, in the order of the columns."""
        return self.values(entry.name) or (None,) * len(self.columns)


def folder_labels(files: Sequence[Entry], location: str) -> FileLabels:
    """The first folder of each path. Raises UserError for files that lie in none."""
    beside = next((entry for entry in files if top_folder(entry) is None), None)
    if beside:
        raise UserError(
            f"{location}: {beside.name} lies in no subfolder that would name its class; put each file into the folder "
            "of its class, begin its name with _ to leave it out, or give ingest.source.labels or ingest.source.pattern"
        )
    return FileLabels(columns=(LABEL,), values=lambda name: (name.partition("/")[0],))


def pattern_labels(files: Sequence[Entry], pattern: str, location: str) -> FileLabels:
    """The named groups of the pattern, found anywhere in a path. Raises UserError when it fits none."""
    compiled = re.compile(pattern)
    columns = tuple(compiled.groupindex)
    matches = {entry.name: compiled.search(entry.name) for entry in files}
    # A name that the pattern does not fit has no label, and `clean` says so of its row.
    values = {name: match.group(*columns) for name, match in matches.items() if match}
    if not values:
        raise UserError(
            f"{location}: ingest.source.pattern {pattern} fits no file, such as {files[0].name}; correct the pattern"
        )
    return FileLabels(columns=columns, values={name: _tuple(groups) for name, groups in values.items()}.get)


def table_labels(table: Entry, files: Collection[str]) -> FileLabels:
    """The rows of a CSV file, by its column `file`.

    Raises UserError when it has no such column, names a file twice, or names files that are not there.
    """
    rows = _rows(table)
    _, header = next(rows, (0, []))
    # Written by hand, headers have blanks behind the commas.
    names = [name.strip() for name in header]
    if FILE not in names or len(set(names)) < len(names) or len(names) < 2:
        raise UserError(
            f"{table.shown}: its columns are {', '.join(names) or 'missing'}, and should be {FILE}, which holds paths, "
            f"and one or more others, each once{did_you_mean(FILE, names) if names and FILE not in names else ''}"
        )
    values = _by_file(table, rows, names)
    _check_files(table, [name for name in values if name not in files], files)
    return FileLabels(columns=tuple(name for name in names if name != FILE), values=values.get)


def _rows(table: Entry) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with its line's number."""
    with read_errors(table.shown), table.open() as handle:
        text = decode(handle.read(), table.shown)
    first = text.partition("\n")[0]
    # At a tie, as when the line has none of them, the comma.
    separator = max(_SEPARATORS, key=first.count)
    # strict: a broken quote would swallow the files below it without a word.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{table.shown}:{reader.line_num}: cannot be read ({error}); mend its quotes") from None


def _by_file(
    table: Entry, rows: Iterator[tuple[int, list[str]]], names: list[str]
) -> dict[str, tuple[str | None, ...]]:
    """Values by path; an empty cell is missing."""
    place = names.index(FILE)
    values: dict[str, tuple[str | None, ...]] = {}
    for line, row in rows:
        # A cell too few would shift labels to other columns.
        if len(row) != len(names):
            raise UserError(
                f"{table.shown}:{line}: {counted(len(row), 'cell')}, the header has {len(names)}; mend that line"
            )
        # Tables that are written on Windows have backslashes.
        name = row[place].strip().replace("\\", "/").removeprefix("./")
        if name in values:
            raise UserError(f"{table.shown}:{line}: {name} has a row already; leave one of them")
        values[name] = tuple(cell or None for number, cell in enumerate(row) if number != place)
    return values


def _check_files(table: Entry, absent: list[str], files: Collection[str]) -> None:
    if absent:
        shown = ", ".join(absent[:_NUM_SHOWN]) + (" ..." if len(absent) > _NUM_SHOWN else "")
        raise UserError(
            f"{table.shown}: names {len(absent):,} of its files wrongly, or they are not there: {shown}; "
            f"paths start below the folder, as in {next(iter(sorted(files)))}"
        )


def _tuple(groups: str | tuple[str | None, ...]) -> tuple[str | None, ...]:
    """What `group` gives: for a single group, its text alone."""
    return groups if isinstance(groups, tuple) else (groups,)
