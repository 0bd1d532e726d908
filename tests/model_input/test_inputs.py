from __future__ import annotations

import numpy as np
import pytest

from tasks.model_input.inputs import Field, ModelInput, Spec, as_matrix, input_labels
from tests.input_blocks import AUDIO, CATEGORY, DENSE, IMAGE, SPARSE, SPEC, array, block, inputs


def test_bytes_become_numbers_channel_by_channel() -> None:
    pixels = np.full((1, 3, 2, 4), 10, dtype=np.uint8)
    scaled = IMAGE.scaled(pixels)
    assert scaled.dtype == np.float32
    assert scaled[0, :, 0, 0].tolist() == [5.0, 9.0, 21.0]


@pytest.mark.parametrize("num_rows", [0, 4])
def test_all_fields_side_by_side_have_a_label_each(num_rows: int) -> None:
    matrix = as_matrix(SPEC, inputs(num_rows))
    assert matrix.shape == (num_rows, 2 + 3 + 24 + 15 + 5) == (num_rows, len(input_labels(SPEC)))
    assert matrix.dtype == np.float64, "as the numbers in it are"
    assert input_labels(SPEC)[:3] == ["size", "size missing", "town=a"]
    assert input_labels(SPEC)[-1] == "e"
    expected = [
        array(block(DENSE, num_rows)),
        np.eye(3, dtype=np.float32)[block(CATEGORY, num_rows)],
        IMAGE.scaled(block(IMAGE, num_rows)).reshape(num_rows, 24),
        AUDIO.scaled(block(AUDIO, num_rows)).reshape(num_rows, 15),
        array(block(SPARSE, num_rows)),
    ]
    assert np.array_equal(array(matrix), np.hstack(expected))


def test_few_categories_are_dense_and_very_many_are_sparse() -> None:
    wide = Field(name="user", kind="category_index", shape=(50_000,))
    indices = np.array([7, 49_999, 0], dtype=np.int32)
    matrix = as_matrix(
        Spec(fields=(wide,), task="regression", classes=()), ModelInput(blocks={"user": indices}, num_rows=3)
    )
    assert (matrix.shape, matrix.nnz, matrix.dtype) == ((3, 50_000), 3, np.float32)
    assert matrix.indices.tolist() == indices.tolist()
    dense = as_matrix(
        Spec(fields=(CATEGORY,), task="regression", classes=()), ModelInput(blocks={"town": indices % 3}, num_rows=3)
    )
    assert dense.tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_without_a_sparse_field_the_matrix_is_dense() -> None:
    spec = Spec(fields=(DENSE, CATEGORY, IMAGE), task="regression", classes=())
    assert isinstance(as_matrix(spec, inputs(4)), np.ndarray)
    assert spec.num_outputs == 1
    assert SPEC.num_outputs == 2
