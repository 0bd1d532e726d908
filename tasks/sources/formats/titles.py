"""Lines above a table's header that are no rows: a title, a date, a note. For `modelwright init`, and for a refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.sources.formats.header import Cells, names_columns

_MOST_LINES = 20
_THIN = 1 / 2
"""Share of the columns that a title may have cells in, as `Created,2024-05-01,,` has; a header has cells in more."""


@dataclass(frozen=True, kw_only=True)
class NumberedRow:
    """A row, and how many lines stand above it."""

    num_above: int
    cells: Cells


def lines_above_header(rows: Sequence[NumberedRow]) -> int:
    """How many lines stand above the row that names the columns, when rows that are nearly empty do; else 0."""
    widths = Counter(len(row.cells) for row in rows)
    width = widths.most_common(1)[0][0] if widths else 0
    most_thin = max(1, int(_THIN * width))
    place = next((place for place, row in enumerate(rows[:_MOST_LINES]) if num_filled(row.cells) > most_thin), 0)
    # Two columns are too few to tell a title from a row of an empty cell; a line without the other cell is no row.
    is_short = all(len(row.cells) < width for row in rows[:place])
    if not place or (width < 3 and not is_short):
        return 0
    below = [row.cells for row in rows[place:]]
    header = [cell.strip() for cell in below[0] if cell.strip()]
    is_header = len(below[0]) == width and 2 * len(header) > width and len(set(header)) == len(header)
    return rows[place].num_above if is_header and names_columns(below) else 0


def is_title(names: Cells) -> bool:
    """Whether a first row names one of several columns, as a title above the header does."""
    return len(names) >= 3 and num_filled(names) == 1


def num_filled(cells: Cells) -> int:
    """How many cells hold more than blanks."""
    return sum(bool(cell.strip()) for cell in cells)
