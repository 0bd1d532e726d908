"""Lines within a table that are its header again, as in files that were joined: they are no rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from tasks.tables.origins import place_of
from tasks.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    NumberedFrame = tuple[pl.DataFrame, NDArray[np.int64]]


class OfText(Protocol):
    """What a table says of itself."""

    @property
    def shown(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def header(self) -> bool: ...
    @property
    def in_lines(self) -> bool: ...


class RepeatedHeaders:
    """Leaves such lines out, and knows how many there were, and where the first stands."""

    def __init__(self) -> None:
        self._places: list[str] = []

    def left_out(self, frames: Iterable[NumberedFrame], table: OfText) -> Iterator[NumberedFrame]:
        """The batches without them. In a table of one column, its name may as well be a cell."""
        import polars as pl

        self._places.clear()
        can_repeat = table.header and len(table.columns) > 1
        for frame, numbers in frames:
            # Hardly ever does the first column hold its own name: then nothing else is looked at.
            if not can_repeat or frame.dtypes[0] != pl.String or not (frame.to_series(0) == table.columns[0]).any():
                yield frame, numbers
                continue
            cells = [pl.nth(place).cast(pl.String) == name for place, name in enumerate(table.columns)]
            is_row = ~frame.select(pl.all_horizontal(cells).fill_null(value=False)).to_series()
            for number in numbers[~is_row.to_numpy()].tolist():
                self._places.append(place_of(table.shown, number, in_lines=table.in_lines))
            yield frame.filter(is_row), numbers[is_row.to_numpy()]

    def remarks(self) -> list[str]:
        """What a person should know of it: a sentence, or none."""
        if not self._places:
            return []
        num_lines = len(self._places)
        lines = counted(num_lines, "line has", "lines have")
        first = self._places[0]
        return [f"{lines} the names of the columns again, first {first}, as in files that were joined: no rows."]
