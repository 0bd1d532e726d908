from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from tasks.model_input.block_columns import from_series, read_examples, stack_blocks, to_series
from tasks.model_input.inputs import Block, Examples, Field
from tasks.tables import storage
from tests.input_blocks import IMAGE, SPARSE, SPEC, TOKENS, block, inputs, same


def through_parquet(folder: Path, field: Field, parts: Sequence[Block]) -> list[Block]:
    storage.write_parts(folder, [pl.DataFrame([to_series(field.name, field, part)]) for part in parts])
    return [from_series(field, part[field.name]) for part in storage.read_parts(folder)]


@pytest.mark.parametrize("field", [*SPEC.fields, TOKENS], ids=lambda field: field.kind)
@pytest.mark.parametrize("num_rows", [0, 1, 7])
def test_a_block_comes_back_from_parquet_as_it_was(tmp_path: Path, field: Field, num_rows: int) -> None:
    (read,) = through_parquet(tmp_path / "table", field, [block(field, num_rows)])
    assert same(read, block(field, num_rows))


@pytest.mark.parametrize("field", [*SPEC.fields, TOKENS], ids=lambda field: field.kind)
def test_parts_are_stacked_in_order(tmp_path: Path, field: Field) -> None:
    whole = block(field, 9)
    read = through_parquet(tmp_path / "table", field, [whole[:4], whole[4:5], whole[5:]])
    assert same(stack_blocks(field, read), whole)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(rows=st.lists(st.dictionaries(st.integers(0, 4), st.floats(0.5, 2, width=32), max_size=5), max_size=6))
def test_sparse_rows_come_back_with_and_without_entries(rows: list[dict[int, float]]) -> None:
    entries = [(number, index, value) for number, row in enumerate(rows) for index, value in row.items()]
    coordinates = ([number for number, _, _ in entries], [index for _, index, _ in entries])
    given_block = csr_matrix(([value for *_, value in entries], coordinates), shape=(len(rows), 5), dtype=np.float32)
    read = from_series(SPARSE, to_series("note", SPARSE, given_block))
    assert same(read, given_block)
    assert read.has_sorted_indices


def test_a_sparse_block_of_empty_rows_only() -> None:
    assert same(
        from_series(SPARSE, to_series("note", SPARSE, csr_matrix((3, 5), dtype=np.float32))),
        csr_matrix((3, 5), dtype=np.float32),
    )


def test_an_image_that_lies_otherwise_in_memory_is_written_the_same() -> None:
    straight = block(IMAGE, 3)
    turned = np.ascontiguousarray(straight.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert to_series("scan", IMAGE, turned).equals(to_series("scan", IMAGE, straight))


@pytest.mark.parametrize(("num_categories", "dtype"), [(65_536, pl.UInt16), (65_537, pl.Int32)])
def test_category_indices_take_two_bytes_at_rest_when_they_can(num_categories: int, dtype: pl.DataType) -> None:
    field = Field(name="user", kind="category_index", shape=(num_categories,))
    indices = np.array([0, num_categories - 1], dtype=np.int32)
    series = to_series("user", field, indices)
    assert series.dtype == dtype
    assert from_series(field, series).tolist() == indices.tolist()


def test_tokens_are_kept_without_what_fills_them_up() -> None:
    block = np.array([[5, 9, 0, 0, 0, 0], [0] * 6, [1, 2, 3, 4, 5, 6]], dtype=np.int32)
    series = to_series("words", TOKENS, block)
    assert series.dtype == pl.List(pl.UInt16)
    assert series.to_list() == [[5, 9], [], [1, 2, 3, 4, 5, 6]]


def test_examples_are_read_from_all_parts(tmp_path: Path) -> None:
    whole, target = inputs(6), np.array([0, 1, 1, 0, 1, 0])
    columns = [to_series(field.name, field, whole.blocks[field.name]) for field in SPEC.fields]
    table = pl.DataFrame([*columns, pl.Series("label", target)])
    storage.write_parts(tmp_path / "table", [table[:2], table[2:]])
    examples: Examples = read_examples(SPEC, "label", storage.read_parts(tmp_path / "table"))
    assert examples.inputs.num_rows == 6
    assert examples.target.tolist() == target.tolist()
    assert all(same(examples.inputs.blocks[field.name], whole.blocks[field.name]) for field in SPEC.fields)
