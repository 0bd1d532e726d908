"""Columns side by side: what is read differently holds the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.model_input.inputs import as_matrix
from tasks.trainers.sklearn import matrix
from tasks.trainers.sklearn.matrix import MatrixLayout, in_chunks, num_columns, read_matrix
from tests.trainers.estimators import BINARY, FIELD, TOWN, WORDS, examples

SPEC = replace(BINARY, fields=(FIELD, TOWN, WORDS))


@settings(derandomize=True, deadline=None, max_examples=15)
@given(num_rows=st.integers(1, 50), chunk=st.integers(1, 2_000))
def test_chunks_are_the_matrix_written_out(num_rows: int, chunk: int) -> None:
    inputs, reading = examples(SPEC, num_rows).inputs, MatrixLayout(dense=True)
    before, matrix._CHUNK_BYTES = matrix._CHUNK_BYTES, chunk
    try:
        chunks = list(in_chunks(SPEC, inputs, reading))
    finally:
        matrix._CHUNK_BYTES = before
    assert np.array_equal(np.vstack([rows for _, rows in chunks]), as_matrix(SPEC, inputs).toarray())
    assert [row for rows, _ in chunks for row in range(num_rows)[rows]] == list(range(num_rows))


def test_native_categories_are_one_column_each_and_come_last() -> None:
    inputs, reading = examples(SPEC).inputs, MatrixLayout(dense=True, categories="native")
    read = read_matrix(SPEC, inputs, reading)
    assert read.shape == (60, 2 + 4 + 1) == (60, num_columns(SPEC, reading))
    assert np.array_equal(read[:, -1], inputs.blocks["town"])
    assert np.array_equal(read[:, :2], inputs.blocks["x"])


def test_too_many_categories_are_not_native() -> None:
    many = replace(SPEC, fields=(FIELD, replace(TOWN, shape=(300,), labels=())))
    reading = MatrixLayout(categories="native")
    assert read_matrix(many, examples(many).inputs, reading).shape == (60, 302)
