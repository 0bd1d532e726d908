"""What a model answers when the values of columns are shuffled among the rows: how much it needs them.

Breiman, "Random Forests", 2001, section 10, on rows that the model has never seen. A column of the user's is shuffled
as a whole: the inputs that it is encoded as go together, and a picture, a sound or a text stays in one piece. Each row
is encoded by itself, so that shuffling blocks is the same as shuffling raw cells and encoding them again. Features that
are computed from a shuffled column are computed anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.explanation.dependents import Dependents
from tasks.model_input.inputs import Block, ModelInput, Spec
from tasks.trainers.base import Model

Columns = tuple[str, ...]
"""One column, or several that are shuffled together."""
NUM_REPEATS = 5
_SEED = 0
"""The same model and rows must give the same figures, whenever they are made."""
_MOST_ANSWERS = 100_000
_MOST_OF_PICTURES = 5_000
"""Rows that are answered in all; of pictures, sounds and tokens, which networks read, fewer."""
_MOST_BYTES = 1 << 26
"""Of the rows that are answered in all: 64 MiB of large pictures take some seconds."""
_FEWEST_ROWS, _MOST_ROWS = 100, 2_000
_ROWS_AT_ONCE = 8_192
_MOST_COLUMNS = 200
_ROWS_TO_SCREEN = 100


def rows_to_ask(spec: Spec) -> int:
    """How many test rows are enough: as many as the budget of answers allows, shared out among the columns."""
    slow = any(field.is_picture or field.kind == "tokens" for field in spec.fields)
    row_bytes = max(1, sum(field.row_bytes for field in spec.fields))
    budget = min(_MOST_OF_PICTURES if slow else _MOST_ANSWERS, _MOST_BYTES // row_bytes)
    return int(np.clip(budget // (NUM_REPEATS * min(len(spec.fields), _MOST_COLUMNS)), _FEWEST_ROWS, _MOST_ROWS))


def permuted_answers(
    model: Model,
    rows: ModelInput,
    sets: Sequence[Columns],
    num_repeats: int = NUM_REPEATS,
    dependents: Dependents | None = None,
) -> Iterator[NDArray[np.float64]]:
    """For each set of columns, what is answered when they are shuffled, so many times: [R, N] values or [R, N, K]."""
    random = np.random.default_rng(_SEED)
    # The same for every set: what sets columns apart is then not the luck of the shuffle.
    orders = [random.permutation(rows.num_rows) for _ in range(num_repeats)]
    at_once = max(1, _ROWS_AT_ONCE // max(1, rows.num_rows * num_repeats))
    for start in range(0, len(sets), at_once):
        some = sets[start : start + at_once]
        answers = model.predict(_shuffled(rows, some, orders, dependents))
        yield from answers.reshape(len(some), num_repeats, rows.num_rows, *answers.shape[1:])


def columns_that_matter(model: Model, rows: ModelInput, spec: Spec, dependents: Dependents | None = None) -> list[str]:
    """The columns worth to be measured, in their order: of a very wide table those that move the answers most."""
    names = [field.name for field in spec.fields]
    if len(names) <= _MOST_COLUMNS:
        return names
    numbers = np.arange(min(_ROWS_TO_SCREEN, rows.num_rows))
    few, theirs = rows.take(numbers), dependents and dependents.take(numbers)
    before = model.predict(few)
    moved = [float(np.abs(after[0] - before).mean()) for after in permuted_answers(model, few, _each(names), 1, theirs)]
    chosen = set(np.argsort(-np.array(moved), kind="stable")[:_MOST_COLUMNS].tolist())
    return [name for number, name in enumerate(names) if number in chosen]


def varies(rows: ModelInput, columns: Columns, dependents: Dependents | None = None) -> bool:
    """Whether any of these columns has two values among the rows: else to shuffle them is to do nothing, and tells
    nothing of columns that may matter much in other rows."""
    values = dependents.values.select(dependents.read_only) if dependents else pl.DataFrame()
    return any(
        values[name].n_unique() > 1 if name in values.columns else _varies(rows.blocks[name]) for name in columns
    )


def _varies(block: Block) -> bool:
    if isinstance(block, np.ndarray):
        return bool((block != block[:1]).any())
    return bool((abs(block - block[np.zeros(block.shape[0], dtype=np.int64)])).nnz)


def _each(names: Sequence[str]) -> list[Columns]:
    return [(name,) for name in names]


def _shuffled(
    rows: ModelInput, sets: Sequence[Columns], orders: Sequence[NDArray[np.int64]], dependents: Dependents | None
) -> ModelInput:
    """The rows once for each set and order, one after the other."""
    usual, shuffled = np.tile(np.arange(rows.num_rows), len(orders)), np.concatenate(orders)

    def block(name: str) -> Block:
        return rows.blocks[name][np.concatenate([shuffled if name in columns else usual for columns in sets])]

    blocks = {name: block(name) for name in rows.blocks}
    made = [dependents.shuffled(columns, order) if dependents else {} for columns in sets for order in orders]
    for name in {name for some in made for name in some}:
        parts = np.split(np.arange(len(usual) * len(sets)), len(made))
        blocks[name] = _joined([some.get(name, blocks[name][part]) for some, part in zip(made, parts, strict=True)])
    return ModelInput(blocks=blocks, num_rows=len(usual) * len(sets))


def _joined(blocks: Sequence[Block]) -> Block:
    """One below the other."""
    from scipy.sparse import vstack

    dense = [block for block in blocks if isinstance(block, np.ndarray)]
    return np.concatenate(dense) if len(dense) == len(blocks) else vstack(blocks, format="csr")
