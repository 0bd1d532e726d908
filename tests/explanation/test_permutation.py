"""Shuffled columns: whole ones, the same way every time, and no more rows than there is time for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.explanation import permutation
from tasks.explanation.permutation import columns_that_matter, permuted_answers, rows_to_ask, varies
from tasks.model_input.inputs import Field, ModelInput, Spec
from tests.input_blocks import AUDIO, SPEC, TOKENS, inputs


class Sum:
    """Answers with the sum of all inputs of each row, whatever their kinds; counts the rows that it was asked."""

    def __init__(self) -> None:
        self.num_asked = 0

    def predict(self, rows: ModelInput) -> NDArray[np.float64]:
        self.num_asked += rows.num_rows
        sums = [np.asarray(block.sum(axis=1) if block.ndim > 1 else block).reshape(rows.num_rows, -1).sum(axis=1)
                for block in rows.blocks.values()]  # fmt: skip
        return np.sum(sums, axis=0, dtype=np.float64)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def numbers(num_columns: int, num_rows: int) -> tuple[Spec, ModelInput]:
    fields = tuple(Field(name=f"c{n}", kind="dense", shape=(1,)) for n in range(num_columns))
    random = np.random.default_rng(0)
    blocks = {field.name: random.normal(size=(num_rows, 1)) for field in fields}
    return Spec(fields=fields, task="regression", classes=()), ModelInput(blocks=blocks, num_rows=num_rows)


def test_a_column_is_shuffled_as_a_whole_and_the_others_stay() -> None:
    rows = inputs(7)
    names = [field.name for field in SPEC.fields]
    before = Sum().predict(rows)
    for name, after in zip(names, permuted_answers(Sum(), rows, [(name,) for name in names]), strict=True):
        alone = ModelInput(blocks={name: rows.blocks[name]}, num_rows=7)
        of_column = Sum().predict(alone)
        # What is left without the column stands in its place, and the column's own sums somewhere.
        for answers in after:
            np.testing.assert_allclose(sorted(answers - (before - of_column)), sorted(of_column), atol=1e-6)


def test_columns_of_a_set_keep_together() -> None:
    _, rows = numbers(3, 50)
    (after,) = permuted_answers(Sum(), rows, [("c0", "c1", "c2")])
    np.testing.assert_allclose(np.sort(after, axis=1), np.tile(np.sort(Sum().predict(rows)), (len(after), 1)))


def test_the_same_rows_are_shuffled_alike() -> None:
    _, rows = numbers(2, 30)
    first, second = ([*permuted_answers(Sum(), rows, [("c0",), ("c1",)])] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_few_rows_of_wide_tables_and_of_large_pictures_are_asked() -> None:
    narrow, wide = (numbers(num, 2)[0] for num in (3, 100))
    assert rows_to_ask(narrow) == 2_000
    assert rows_to_ask(wide) == (1 << 26) // 800 // 500
    assert rows_to_ask(replace(narrow, fields=(TOKENS, AUDIO))) == 500
    large = Field(name="photo", kind="image", shape=(3, 512, 512))
    assert rows_to_ask(replace(narrow, fields=(large,))) == 100


def test_a_column_varies_when_two_rows_differ() -> None:
    rows = inputs(6)
    for field in SPEC.fields:
        assert varies(rows, (field.name,))
        assert not varies(rows.take(np.zeros(6, dtype=np.int64)), (field.name,))
    _, numbers_alone = numbers(2, 5)
    numbers_alone.blocks["c0"][:] = 1
    assert varies(numbers_alone, ("c0", "c1"))


def test_of_a_very_wide_table_the_columns_are_measured_that_move_the_answers(monkeypatch) -> None:
    spec, rows = numbers(40, 60)
    monkeypatch.setattr(permutation, "_MOST_COLUMNS", 5)
    for number in range(40):
        rows.blocks[f"c{number}"][:] *= 100 if number % 8 == 3 else 0.01
    assert columns_that_matter(Sum(), rows, spec) == ["c3", "c11", "c19", "c27", "c35"]
