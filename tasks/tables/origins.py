"""Where the rows of a table stand in their source, and which of their cells could not be read: a file beside each part.

A message about a row then names its file and line, and a cell that is no value of its column's type is not lost.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


def place_of(file: str, number: int, *, in_lines: bool) -> str:
    """A line or a row of a file, as messages name it."""
    return f"{file}:{number}" if in_lines else f"{file}, row {number}"


@dataclass(frozen=True, kw_only=True)
class RowOrigins:
    """Where a batch's rows stand: [N] numbers from 1 in `file`, of lines or, where a file has none, of rows."""

    file: str
    numbers: NDArray[np.int64]
    in_lines: bool

    def place(self, row: int) -> str:
        """Such as `members.csv:302`, or `sales.parquet, row 301`."""
        return place_of(self.file, int(self.numbers[row]), in_lines=self.in_lines)

    def cut(self, first: int, end: int | None = None) -> RowOrigins:
        """Of the rows from `first` on, up to `end`."""
        return replace(self, numbers=self.numbers[first:end])


@dataclass(frozen=True, kw_only=True)
class UnreadCell:
    """A cell that is no value of its column's type; `row` counts from 0 in its part."""

    row: int
    column: str
    cell: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """Rows from `row` on, up to the next run, stand in `file` one below the other, the first at `number`."""

    row: int
    file: str
    number: int
    in_lines: bool


@dataclass(frozen=True, kw_only=True)
class PartOrigins:
    """Those of one part."""

    runs: tuple[Run, ...]
    unread: tuple[UnreadCell, ...] = ()

    def place(self, row: int) -> str:
        """As `RowOrigins.place` has it."""
        # Texts of many lines make a run of nearly each row.
        run = self.runs[bisect_right(self.runs, row, key=lambda run: run.row) - 1]
        return place_of(run.file, run.number + row - run.row, in_lines=run.in_lines)


def numbered(frames: Iterable[pl.DataFrame]) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
    """Batches, each with the numbers of its rows, from 1."""
    import numpy as np

    num_rows = 0
    for frame in frames:
        yield frame, np.arange(num_rows + 1, num_rows + frame.height + 1)
        num_rows += frame.height


def present_rows(
    frames: Iterable[tuple[pl.DataFrame, NDArray[np.int64]]],
) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
    """The batches without rows that have no value in any column: they are no rows, as blank lines are none."""
    import polars as pl

    for frame, numbers in frames:
        is_present = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        yield (frame, numbers) if is_present.all() else (frame.filter(is_present), numbers[is_present.to_numpy()])


class OriginLog:
    """Takes in batches as they come, and gives what belongs to the rows of each part, however these are cut."""

    def __init__(self) -> None:
        # Batches are added by the thread that reads ahead; a deque needs no lock for it.
        self._batches: deque[tuple[RowOrigins, Sequence[UnreadCell]]] = deque()

    def add(self, origins: RowOrigins, unread: Sequence[UnreadCell]) -> None:
        """The next batch; its cells' rows count from the batch's first."""
        self._batches.append((origins, unread))

    def take(self, num_rows: int) -> PartOrigins:
        """Of the next rows."""
        runs: list[Run] = []
        unread: list[UnreadCell] = []
        start = 0
        while start < num_rows:
            origins, cells = self._batches.popleft()
            count = min(len(origins.numbers), num_rows - start)
            runs += _runs(origins.cut(0, count), start)
            unread += [replace(cell, row=start + cell.row) for cell in cells if cell.row < count]
            if count < len(origins.numbers):
                rest = [replace(cell, row=cell.row - count) for cell in cells if cell.row >= count]
                self._batches.appendleft((origins.cut(count), rest))
            start += count
        return PartOrigins(runs=tuple(runs), unread=tuple(unread))


def _runs(origins: RowOrigins, start: int) -> Iterator[Run]:
    """A new run wherever the next number is not the next line: behind a blank one, a comment, a cell of two lines."""
    import numpy as np

    numbers = origins.numbers
    firsts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 2) != 1)
    for first in firsts.tolist():
        number = int(numbers[first])
        yield Run(row=start + first, file=origins.file, number=number, in_lines=origins.in_lines)


def write_origins(part: Path, origins: PartOrigins) -> None:
    """Writes them beside the part."""
    content = {
        "runs": [[run.row, run.file, run.number, run.in_lines] for run in origins.runs],
        "unread": [[cell.row, cell.column, cell.cell] for cell in origins.unread],
    }
    # On one line: there may be as many runs as rows.
    files.write_text(_beside(part), json.dumps(content, ensure_ascii=False))


def read_origins(part: Path) -> PartOrigins | None:
    """Those of a part; None of a part that was written without."""
    file = _beside(part)
    if not file.exists():
        return None
    content = files.read_json(file)
    return PartOrigins(
        runs=tuple(
            Run(row=row, file=name, number=number, in_lines=in_lines) for row, name, number, in_lines in content["runs"]
        ),
        unread=tuple(UnreadCell(row=row, column=column, cell=cell) for row, column, cell in content["unread"]),
    )


def copy_origins(part: Path, target: Path, file: str) -> None:
    """Those of a part for its copy, where the source's file is called `file` now."""
    origins = read_origins(part)
    if origins is None:
        return
    # The files of an archive keep the names that they have there.
    if len({run.file for run in origins.runs}) == 1:
        origins = replace(origins, runs=tuple(replace(run, file=file) for run in origins.runs))
    write_origins(target, origins)


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.stem.replace('part-', 'origins-')}.json")
