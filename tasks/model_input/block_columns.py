"""Blocks of model input as Parquet columns, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.model_input.inputs import GROUP, TIME, WEIGHT, Block, Examples, Field, ModelInput, Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_UINT16 = 1 << 16
"""Numbers below this are kept in two bytes."""
_BROUGHT: Mapping[str, str] = {WEIGHT: "weight", GROUP: "group", TIME: "time"}
"""What normalized rows bring beside features and target, and what `Examples` call it."""


def to_series(name: str, field: Field, block: Block) -> pl.Series:
    """A block as a Parquet column: fixed-size arrays for dense, bytes for pictures, lists of (index, value) for sparse,
    lists without the filling for tokens, and plain numbers for category indices.

    A picture is one value, not an array of pixels: Parquet would say of every pixel that it is there, and 64 MiB of
    28 x 28 pixels took 15 times as long to read.
    """
    match field.kind:
        case "category_index":
            return pl.Series(name, block, dtype=pl.UInt16 if field.num_inputs <= _UINT16 else pl.Int32)
        case "tokens":
            return _token_series(name, field, block)
        case "dense":
            number = pl.Float64 if block.dtype == np.float64 else pl.Float32
            return pl.Series(name, block, dtype=pl.Array(number, field.shape))
        case "image" | "audio":
            return _picture_series(name, field, block)
        case "sparse":
            return _sparse_series(name, block)


def from_series(field: Field, values: pl.Series) -> Block:
    """The block that `to_series` wrote."""
    match field.kind:
        case "category_index":
            return values.to_numpy().astype(np.int32)
        case "tokens":
            return _token_block(field, values)
        case "dense":
            return values.to_numpy().reshape(-1, *field.shape)
        case "image" | "audio":
            return _picture_block(field, values)
        case "sparse":
            return _sparse_block(field, values)


def stack_blocks(field: Field, blocks: list[Block]) -> Block:
    """The rows of all parts, one under the other."""
    if field.kind == "sparse":
        from scipy.sparse import vstack

        return vstack(blocks, format="csr")
    return np.concatenate(blocks)


def read_examples(spec: Spec, target: str, parts: Iterable[pl.DataFrame]) -> Examples:
    """The rows of all parts as one set of examples, in memory."""
    blocks: dict[str, list[Block]] = {field.name: [] for field in spec.fields}
    columns: dict[str, list[NDArray[np.generic]]] = {}
    for part in parts:
        for field in spec.fields:
            blocks[field.name].append(from_series(field, part[field.name]))
        for name in (target, *brought(spec, target, part.columns)):
            columns.setdefault(name, []).append(part[name].to_numpy())
    of_rows = {name: np.concatenate(values) for name, values in columns.items()}
    values = of_rows[target]
    stacked = {field.name: stack_blocks(field, blocks[field.name]) for field in spec.fields}
    return Examples(
        inputs=ModelInput(blocks=stacked, num_rows=len(values)),
        target=values,
        **{argument: of_rows[name] for name, argument in _BROUGHT.items() if name in of_rows and name != target},
    )


def brought(spec: Spec, target: str, columns: Collection[str]) -> list[str]:
    """What rows bring beside features and target; a feature of the same name says nothing of them."""
    others = {target, *(field.name for field in spec.fields)}
    return [name for name in _BROUGHT if name in columns and name not in others]


def _picture_series(name: str, field: Field, block: NDArray[np.uint8]) -> pl.Series:
    import pyarrow as pa

    # Arrow takes the memory over as it is, without a copy.
    flat = np.ascontiguousarray(block)
    pictures = pa.FixedSizeBinaryArray.from_buffers(pa.binary(field.num_inputs), len(flat), [None, pa.py_buffer(flat)])
    return pl.Series(name, pictures.cast(pa.large_binary()), dtype=pl.Binary)


def _picture_block(field: Field, values: pl.Series) -> NDArray[np.uint8]:
    import pyarrow as pa

    pictures = values.rechunk().to_arrow().cast(pa.large_binary()).cast(pa.binary(field.num_inputs))
    size = field.num_inputs
    flat = np.frombuffer(pictures.buffers()[1], dtype=np.uint8)[pictures.offset * size :][: len(pictures) * size]
    return flat.reshape(-1, *field.shape)


def _token_series(name: str, field: Field, block: NDArray[np.int32]) -> pl.Series:
    dtype = pl.UInt16 if field.vocabulary <= _UINT16 else pl.Int32
    padded = pl.Series(name, np.ascontiguousarray(block), dtype=pl.Array(dtype, field.shape))
    # 0 is the filling and never a token of a text, so the others tell the length.
    lengths = pl.Series("length", np.count_nonzero(block, axis=1))
    return pl.DataFrame([padded, lengths]).select(pl.col(name).arr.to_list().list.head("length")).to_series()


def _token_block(field: Field, values: pl.Series) -> NDArray[np.int32]:
    lengths = values.list.len().to_numpy()
    block = np.zeros((len(values), *field.shape), dtype=np.int32)
    block[np.arange(field.shape[0]) < lengths[:, None]] = values.explode(
        empty_as_null=False, keep_nulls=False
    ).to_numpy()
    return block


def _sparse_series(name: str, block: csr_matrix) -> pl.Series:
    # Scipy keeps entries in any order, and the same rows must leave the same bytes.
    block.sort_indices()
    entries = pl.DataFrame({"index": block.indices.astype(np.uint32), "value": block.data.astype(np.float32)})
    lengths = np.diff(block.indptr)
    rows = pl.Series("row", np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths))
    entry = entries.select(pl.struct("index", "value").alias(name)).with_columns(rows)
    every_row = pl.DataFrame({"row": np.arange(len(lengths), dtype=np.uint32)})
    # A left join brings rows without entries back, which have no group.
    lists = every_row.join(
        entry.group_by("row", maintain_order=True).agg(name), on="row", how="left", maintain_order="left"
    )
    return lists[name].fill_null([])


def _sparse_block(field: Field, values: pl.Series) -> csr_matrix:
    from scipy.sparse import csr_matrix

    lengths = values.list.len().to_numpy()
    entries = values.explode(empty_as_null=False, keep_nulls=False).struct.unnest()
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    shape = (len(values), field.num_inputs)
    return csr_matrix(
        (entries["value"].to_numpy(), entries["index"].to_numpy().astype(np.int32), pointers), shape=shape
    )
