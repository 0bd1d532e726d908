"""A few raw rows as model input, read cell by cell without polars: what a server answers together is a row or some
dozens, for which a call of polars takes longer than all else that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.columns import column_type
from tasks.columns.base import ColumnType
from tasks.columns.cells import CellReader, OddCellError
from tasks.model_input.inputs import Block, ModelInput
from tasks.recipe.embedding import EmbeddingEncoding
from tasks.recipe.raw_values import check_there, rows_at_rest
from tasks.recipe.recipe import Feature, Recipe
from tasks.repair.repair import FEW


class FewRows:
    """Encodes rows as `raw_values` and the recipe do, to the last bit. These encode what it does not: rows that are
    many, recipes that compute columns, and a column with a cell that only polars reads."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        # What is computed needs the columns that it reads as frames.
        self._readers = {} if recipe.computations else {one.name: _reader(one) for one in recipe.features}

    def encode(self, cells: Mapping[str, Sequence[Any]]) -> ModelInput:
        """Values by column, as JSON has them, as blocks. Raises UserError for a column that is missing, or that cannot
        be read or encoded."""
        features = self._recipe.features
        num_rows = len(next(iter(cells.values()), ()))
        if not self._readers or num_rows > FEW:
            return self._recipe.encode(rows_at_rest(cells, self._recipe.raw_features))
        blocks: dict[str, Block | None] = {}
        for feature in features:
            check_there(cells, feature)
            blocks[feature.name] = self._block(cells[feature.name], feature)
        odd = tuple(feature for feature in features if blocks[feature.name] is None)
        if odd:
            blocks |= self._recipe.of(odd).encode(rows_at_rest(cells, odd)).blocks
        return ModelInput(blocks=blocks, num_rows=num_rows)

    def _block(self, cells: Sequence[Any], feature: Feature) -> Block | None:
        reader = self._readers[feature.name]
        if reader is None:
            return None
        of_type, read = reader
        try:
            values = [read(cell) for cell in cells]
        except OddCellError:
            return None
        return of_type.few_block(values, feature.encoding)


def _reader(feature: Feature) -> tuple[ColumnType[Any, Any, Any], CellReader] | None:
    if isinstance(feature.encoding, EmbeddingEncoding):
        return None
    of_type = column_type(feature.encoding.type)
    read = of_type.cell_reader(feature.encoding, feature.repair, feature.dialect)
    return None if read is None else (of_type, read)
