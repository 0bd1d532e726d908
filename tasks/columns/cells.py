"""Cells to answer, read one by one in plain Python: of a few, a call of polars costs more than all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tasks.repair.repair import WHITE_SPACE, Repair, text_repairer
from tasks.tables.dialect import ColumnDialect

CellReader = Callable[[Any], Any]
"""Makes of a cell, as JSON has it, its value at rest, put right; None is a missing one. Raises OddCellError."""


class OddCellError(Exception):
    """A cell that only polars reads, or refuses with a reason."""


def text_reader(marks: Iterable[str], words: frozenset[str]) -> Callable[[str], str | None]:
    """Text as it is, and None where it stands for a missing value: as one of the source's marks, or as one of these
    words in small letters, in whatever case and with blanks around it."""
    missing = frozenset(marks)

    def read(cell: str) -> str | None:
        if cell in missing:
            return None
        if words:
            word = cell.strip(WHITE_SPACE)
            # Beyond ASCII Python may follow another version of Unicode than polars.
            if word and not word.isascii() and words != {""}:
                raise OddCellError(cell)
            if word.lower() in words:
                return None
        return cell

    return read


def text_cell_reader(
    repair: Repair | None, dialect: ColumnDialect, words: frozenset[str], written: Callable[[Any], str | None]
) -> CellReader | None:
    """For columns whose values at rest are text. `written` says how a table would write a value of another kind, None
    where it would not; `words` are those of `text_reader`."""
    right = text_repairer(repair or Repair())
    if right is None or dialect.unit is not None:
        return None
    given, typed = text_reader(dialect.missing, words), text_reader(dialect.missing, frozenset())

    def read(cell: Any) -> str | None:
        if cell is None:
            return None
        if type(cell) is str:
            text = given(cell)
        elif (as_text := written(cell)) is None:
            raise OddCellError(cell)
        else:
            text = typed(as_text)
        return None if text is None else right(text)

    return read
