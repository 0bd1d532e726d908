from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from tasks import storage
from tasks.inputs import (
    Block,
    Examples,
    Field,
    ModelInput,
    Spec,
    as_matrix,
    from_series,
    input_labels,
    read_examples,
    stack_blocks,
    to_series,
)

DENSE = Field(name="size", kind="dense", shape=(2,), labels=("size", "size missing"))
IMAGE = Field(name="scan", kind="image", shape=(3, 2, 4), factor=(0.5, 1.0, 2.0), offset=(0.0, -1.0, 1.0))
AUDIO = Field(name="call", kind="audio", shape=(1, 3, 5), factor=(1 / 255,), offset=(0.0,))
SPARSE = Field(name="note", kind="sparse", shape=(5,), labels=tuple("abcde"))
CODES = Field(name="town", kind="codes", shape=(3,), labels=("town=a", "town=b", "town=(other)"))
TOKENS = Field(name="words", kind="tokens", shape=(6,), vocabulary=300)
SPEC = Spec(fields=(DENSE, CODES, IMAGE, AUDIO, SPARSE), task="binary", classes=("no", "yes"))


def block(field: Field, num_rows: int, seed: int = 0) -> Block:
    random = np.random.default_rng(seed)
    match field.kind:
        case "dense":
            return random.normal(size=(num_rows, *field.shape)).astype(np.float32)
        case "image" | "audio":
            return random.integers(0, 256, (num_rows, *field.shape)).astype(np.uint8)
        case "codes":
            return random.integers(0, field.num_inputs, num_rows).astype(np.int32)
        case "tokens":
            numbers = random.integers(1, field.vocabulary, (num_rows, *field.shape)).astype(np.int32)
            lengths = random.integers(0, field.shape[0] + 1, num_rows)
            return np.where(np.arange(field.shape[0]) < lengths[:, None], numbers, 0).astype(np.int32)
        case "sparse":
            entries = random_array((num_rows, *field.shape), density=0.3, rng=random, dtype=np.float32)
            return csr_matrix(entries)


def array(values: Block) -> np.ndarray[Any, Any]:
    plain = values.toarray() if hasattr(values, "toarray") else values
    assert isinstance(plain, np.ndarray)
    return plain


def same(first: Block, second: Block) -> bool:
    assert first.dtype == second.dtype
    assert first.shape == second.shape
    return bool(np.array_equal(array(first), array(second)))


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
    places = ([number for number, _, _ in entries], [index for _, index, _ in entries])
    given_block = csr_matrix(([value for *_, value in entries], places), shape=(len(rows), 5), dtype=np.float32)
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


def test_bytes_become_numbers_channel_by_channel() -> None:
    pixels = np.full((1, 3, 2, 4), 10, dtype=np.uint8)
    scaled = IMAGE.scaled(pixels)
    assert scaled.dtype == np.float32
    assert scaled[0, :, 0, 0].tolist() == [5.0, 9.0, 21.0]


def inputs(num_rows: int) -> ModelInput:
    return ModelInput(blocks={field.name: block(field, num_rows) for field in SPEC.fields}, num_rows=num_rows)


@pytest.mark.parametrize("num_rows", [0, 4])
def test_all_fields_side_by_side_have_a_label_each(num_rows: int) -> None:
    matrix = as_matrix(SPEC, inputs(num_rows))
    assert matrix.shape == (num_rows, 2 + 3 + 24 + 15 + 5) == (num_rows, len(input_labels(SPEC)))
    assert matrix.dtype == np.float32
    assert input_labels(SPEC)[:3] == ["size", "size missing", "town=a"]
    assert input_labels(SPEC)[-1] == "e"
    expected = [
        array(block(DENSE, num_rows)),
        np.eye(3, dtype=np.float32)[block(CODES, num_rows)],
        IMAGE.scaled(block(IMAGE, num_rows)).reshape(num_rows, 24),
        AUDIO.scaled(block(AUDIO, num_rows)).reshape(num_rows, 15),
        array(block(SPARSE, num_rows)),
    ]
    assert np.array_equal(array(matrix), np.hstack(expected))


def test_few_codes_are_dense_and_very_many_are_sparse() -> None:
    wide = Field(name="user", kind="codes", shape=(50_000,))
    codes = np.array([7, 49_999, 0], dtype=np.int32)
    matrix = as_matrix(
        Spec(fields=(wide,), task="regression", classes=()), ModelInput(blocks={"user": codes}, num_rows=3)
    )
    assert (matrix.shape, matrix.nnz, matrix.dtype) == ((3, 50_000), 3, np.float32)
    assert matrix.indices.tolist() == codes.tolist()
    dense = as_matrix(
        Spec(fields=(CODES,), task="regression", classes=()), ModelInput(blocks={"town": codes % 3}, num_rows=3)
    )
    assert dense.tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(("num_places", "dtype"), [(65_536, pl.UInt16), (65_537, pl.Int32)])
def test_codes_take_two_bytes_at_rest_when_they_can(num_places: int, dtype: pl.DataType) -> None:
    field = Field(name="user", kind="codes", shape=(num_places,))
    codes = np.array([0, num_places - 1], dtype=np.int32)
    series = to_series("user", field, codes)
    assert series.dtype == dtype
    assert from_series(field, series).tolist() == codes.tolist()


def test_tokens_are_kept_without_what_fills_them_up() -> None:
    block = np.array([[5, 9, 0, 0, 0, 0], [0] * 6, [1, 2, 3, 4, 5, 6]], dtype=np.int32)
    series = to_series("words", TOKENS, block)
    assert series.dtype == pl.List(pl.UInt16)
    assert series.to_list() == [[5, 9], [], [1, 2, 3, 4, 5, 6]]


def test_without_a_sparse_field_the_matrix_is_dense() -> None:
    spec = Spec(fields=(DENSE, CODES, IMAGE), task="regression", classes=())
    assert isinstance(as_matrix(spec, inputs(4)), np.ndarray)
    assert spec.num_outputs == 1
    assert SPEC.num_outputs == 2


def test_examples_are_read_from_all_parts(tmp_path: Path) -> None:
    whole, target = inputs(6), np.array([0, 1, 1, 0, 1, 0])
    columns = [to_series(field.name, field, whole.blocks[field.name]) for field in SPEC.fields]
    table = pl.DataFrame([*columns, pl.Series("label", target)])
    storage.write_parts(tmp_path / "table", [table[:2], table[2:]])
    examples: Examples = read_examples(SPEC, "label", storage.read_parts(tmp_path / "table"))
    assert examples.inputs.num_rows == 6
    assert examples.target.tolist() == target.tolist()
    assert all(same(examples.inputs.blocks[field.name], whole.blocks[field.name]) for field in SPEC.fields)
