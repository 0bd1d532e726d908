"""One matrix of all columns, in the form that an estimator can read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import AliasChoices, Field

from tasks.errors import UserError
from tasks.model_input.inputs import Field as InputField
from tasks.model_input.inputs import ModelInput, Spec, as_matrix
from tasks.params.config import Config
from tasks.wording import counted

_MOST_DENSE_BYTES = 1 << 29
"""A sparse matrix that would be larger than this when written out in full is not: half a gigabyte, and fits copy it."""
_CHUNK_BYTES = 1 << 26
"""What is written out at once to answer rows, which may be far more than there were to learn from."""
MOST_CATEGORIES = 255
"""As many as HistGradientBoosting can tell apart in a column (its `max_bins`)."""


class MatrixLayout(Config):
    """How an estimator reads rows; model.json keeps it, so that a loaded model reads the same.

    `dtype`: linear solvers need float64, as their tolerances are below what float32 can tell apart. `dense`: sparse
    columns are written out, zeros and all. `categories`: inputs of 0 and 1, or one column of category indices.
    """

    dtype: Literal["float32", "float64"] = "float64"
    dense: bool = False
    # Models that were kept before have it as `codes` in model.json.
    categories: Literal["one_hot", "native"] = Field("one_hot", validation_alias=AliasChoices("categories", "codes"))


def read_matrix(spec: Spec, inputs: ModelInput, reading: MatrixLayout) -> Any:
    """[N, K] in the reading's form: an array, or a csr_matrix when a column is sparse and need not be written out.

    Native categories are the last columns, in the order of the fields.
    """
    native = native_fields(spec, reading)
    matrix = _plain(spec, native, inputs).astype(reading.dtype)
    if reading.dense:
        matrix = matrix.toarray()
    if not native:
        return matrix
    # Category indices are below 256, so any float type holds them exactly.
    indices = [inputs.blocks[field.name].astype(reading.dtype) for field in native]
    return np.column_stack([matrix, *indices])


def in_chunks(spec: Spec, inputs: ModelInput, reading: MatrixLayout) -> Iterator[tuple[slice, Any]]:
    """Rows and their matrix, all at once where no column has to be written out."""
    # Sparse and plain rows go in one piece: they are in memory in this form already.
    step = max(1, _CHUNK_BYTES // row_bytes(spec, reading)) if reading.dense else inputs.num_rows
    for start in range(0, inputs.num_rows, step):
        rows = slice(start, min(start + step, inputs.num_rows))
        blocks = {field.name: inputs.blocks[field.name][rows] for field in spec.fields}
        yield rows, read_matrix(spec, ModelInput(blocks=blocks, num_rows=rows.stop - start), reading)


def check_size(spec: Spec, num_rows: int, reading: MatrixLayout, name: str) -> None:
    """Raises UserError when sparse columns, written out for an estimator that cannot read them, would be too large."""
    size = num_rows * row_bytes(spec, reading)
    if reading.dense and size > _MOST_DENSE_BYTES:
        raise UserError(
            f"train.estimator: {name} cannot read sparse columns, and written out {counted(num_rows, 'row')} of "
            f"{num_columns(spec, reading):,} inputs take {size / 1e9:,.1f} GB; use logistic_regression, ridge, "
            "random_forest or naive_bayes with distribution: multinomial, or make fewer inputs "
            "(normalize: text: max_features)"
        )


def row_bytes(spec: Spec, reading: MatrixLayout) -> int:
    """The size of one row that is written out."""
    return num_columns(spec, reading) * np.dtype(reading.dtype).itemsize


def num_columns(spec: Spec, reading: MatrixLayout) -> int:
    """K of `read_matrix`."""
    native = native_fields(spec, reading)
    return sum(field.num_inputs for field in _others(spec, native)) + len(native)


def native_fields(spec: Spec, reading: MatrixLayout) -> tuple[InputField, ...]:
    """The categories that are read as one column each; one with too many values is not among them."""
    if reading.categories != "native":
        return ()
    return tuple(
        field for field in spec.fields if field.kind == "category_index" and field.num_inputs <= MOST_CATEGORIES
    )


def is_sparse(spec: Spec, inputs: ModelInput, reading: MatrixLayout) -> bool:
    """Whether there is anything to write out, seen on no rows at all."""
    none = {field.name: inputs.blocks[field.name][:0] for field in spec.fields}
    return not isinstance(_plain(spec, native_fields(spec, reading), ModelInput(blocks=none, num_rows=0)), np.ndarray)


def _plain(spec: Spec, native: tuple[InputField, ...], inputs: ModelInput) -> Any:
    return as_matrix(replace(spec, fields=_others(spec, native)), inputs)


def _others(spec: Spec, native: tuple[InputField, ...]) -> tuple[InputField, ...]:
    return tuple(field for field in spec.fields if field not in native)
