"""Clean rows as normalized ones, part by part: memory is that of a few pieces, however large the pictures are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType

import polars as pl

from tasks.model_input.block_columns import to_series
from tasks.parallel import parallel_map, prefetch
from tasks.recipe.embedding import column_encoding
from tasks.recipe.learning import Folds, Learnt
from tasks.recipe.recipe import Recipe

_NOTHING: Mapping[str, str] = MappingProxyType({})
_PIECE_BYTES = 1 << 26
"""Of encoded rows: 64 MiB, the pictures of some thousand rows. A part of more becomes several."""


def encode_parts(
    parts: Iterable[pl.DataFrame],
    learnt: Learnt,
    folds: Sequence[Folds] | None = None,
    kept: Mapping[str, str] = _NOTHING,
) -> Iterator[pl.DataFrame]:
    """Clean rows as normalized ones, in parts that are as large or smaller; several are made side by side.

    `folds` are those of the rows of each part, for encodings that look at the target. Columns in `kept` come along as
    they are, where they are there, under the names that stand there.
    """
    num_rows = max(1, _PIECE_BYTES // _row_bytes(learnt.recipe))
    return parallel_map(lambda piece: _encoded(*piece, learnt, kept), _pieces(parts, folds, num_rows))


def _encoded(rows: pl.DataFrame, folds: Folds | None, learnt: Learnt, kept: Mapping[str, str]) -> pl.DataFrame:
    """A column a field, the encoded target, and what is kept."""
    recipe = learnt.recipe
    inputs = learnt.encode(rows, folds)
    series = [to_series(field.name, field, inputs.blocks[field.name]) for field in recipe.spec().fields]
    target = pl.Series(recipe.target.name, recipe.encode_target(rows))
    return pl.DataFrame(
        [*series, target, *(rows[name].alias(new) for name, new in kept.items() if name in rows.columns)]
    )


def _pieces(
    parts: Iterable[pl.DataFrame], folds: Sequence[Folds] | None, num_rows: int
) -> Iterator[tuple[pl.DataFrame, Folds | None]]:
    # Not strict, as `repeat` never ends.
    for rows, of_rows in zip(prefetch(parts, depth=1), folds or repeat(None)):  # noqa: B905
        # A part without rows is a piece, too: its columns are written all the same.
        for start in range(0, max(1, rows.height), num_rows):
            end = start + num_rows
            yield rows[start:end], of_rows[start:end] if of_rows is not None else None


def _row_bytes(recipe: Recipe) -> int:
    # An embedded picture counts with its pixels, which are in memory while it is encoded.
    return sum(column_encoding(one.encoding).row_bytes(one.name) for one in recipe.features)
