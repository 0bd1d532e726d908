"""Why a model answers so that cannot tell it itself: Shapley values of the columns, by asking it.

Each column is worth what knowing it moves the answer, on average over the orders in which columns may become known
(Shapley 1953; Strumbelj and Kononenko 2014 draw the orders). Each order begins at an empty row and ends at the row, so
the values add up whatever is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import ModelInput, Spec
from tasks.trainers.base import Model
from tasks.trainers.introspection import EMPTY_ROW, Floats, Terms

_MOST_EXACT = 9
"""Columns of which all 512 choices are asked; of more, orders are drawn."""
_NUM_ORDERS = 64
"""Half of them drawn, and each the other way round as well, which evens out what early and late columns get."""
_MOST_ANSWERS = 20_000
_FEWEST_ORDERS = 8
_SEED = 0


def shapley_terms(model: Model, spec: Spec, rows: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms:
    """A term for each column of each row, in probability or in the target's unit."""
    explained = [
        _of_row(model, spec, rows.take(np.array([number])), empty, int(outputs[number]))
        for number in range(rows.num_rows)
    ]
    values = np.stack([values for values, _, _ in explained])
    drawn = "" if len(spec.fields) <= _MOST_EXACT else ", over orders drawn at random"
    return Terms(
        unit="probability" if spec.classes else "target",
        method=f"Shapley values of the columns{drawn}",
        base_of=EMPTY_ROW,
        base=np.array([base for _, base, _ in explained]),
        answer=np.array([answer for _, _, answer in explained]),
        by_column={field.name: values[:, number] for number, field in enumerate(spec.fields)},
    )


def _of_row(model: Model, spec: Spec, row: ModelInput, empty: ModelInput, output: int) -> tuple[Floats, float, float]:
    """Each column's value [C], the answer to the empty row, and that to the row."""
    num_columns = len(spec.fields)
    known = np.stack([*(_all_choices(num_columns) if num_columns <= _MOST_EXACT else _steps(num_columns))])
    answers = _answers(model, spec, row, empty, output, known)
    nothing, everything = (answers[known.sum(axis=1) == count][0] for count in (0, num_columns))
    values = _exact(known, answers) if num_columns <= _MOST_EXACT else _drawn(known, answers)
    return values, float(nothing), float(everything)


def _answers(
    model: Model, spec: Spec, row: ModelInput, empty: ModelInput, output: int, known: NDArray[np.bool_]
) -> Floats:
    """What is answered when these columns are known, [S, C] -> [S]."""
    from tasks.model_input.block_columns import stack_blocks

    blocks = {
        field.name: stack_blocks(field, [empty.blocks[field.name], row.blocks[field.name]])[
            known[:, number].astype(np.int64)
        ]
        for number, field in enumerate(spec.fields)
    }
    answers = model.predict(ModelInput(blocks=blocks, num_rows=len(known)))
    return answers[:, output] if spec.classes else answers


def _all_choices(num_columns: int) -> NDArray[np.bool_]:
    """[2**C, C]: bit by bit."""
    return (np.arange(1 << num_columns)[:, None] >> np.arange(num_columns) & 1).astype(bool)


def _exact(known: NDArray[np.bool_], answers: Floats) -> Floats:
    """The mean over all orders: choices of one size count as often as orders pass through them."""
    num_columns = known.shape[1]
    numbers, sizes = np.arange(len(known)), known.sum(axis=1)
    shares = np.array([1 / (num_columns * comb(num_columns - 1, size)) for size in range(num_columns)])
    values = np.empty(num_columns)
    for column in range(num_columns):
        without = numbers[~known[:, column]]
        gains = answers[without | (1 << column)] - answers[without]
        values[column] = (gains * shares[sizes[without]]).sum()
    return values


def _steps(num_columns: int) -> Iterator[NDArray[np.bool_]]:
    """For each order what is known before, between and after its columns: C + 1 choices."""
    random = np.random.default_rng(_SEED)
    num_orders = int(np.clip(_MOST_ANSWERS // (num_columns + 1), _FEWEST_ORDERS, _NUM_ORDERS))
    for _ in range(num_orders // 2):
        order = random.permutation(num_columns)
        for one in (order, order[::-1]):
            place = np.argsort(one)
            yield from place < np.arange(num_columns + 1)[:, None]


def _drawn(known: NDArray[np.bool_], answers: Floats) -> Floats:
    """The mean over the orders that were drawn."""
    num_columns = known.shape[1]
    values, gains = np.zeros(num_columns), np.diff(answers.reshape(-1, num_columns + 1), axis=1)
    steps = known.reshape(-1, num_columns + 1, num_columns)
    became_known = (steps[:, 1:] & ~steps[:, :-1]).argmax(axis=2)
    np.add.at(values, became_known, gains)
    return values / len(steps)
