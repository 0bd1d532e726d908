"""The matrix that LightGBM reads: which columns it has, what they are called, and which of them are categories."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tasks.model_input.inputs import Block, Field, ModelInput, Spec, as_matrix, input_labels, one_hot

Categories = Literal["native", "one_by_one", "one_hot"]

_FEW_NUMBERS = 50_000
"""Up to so many are written out to be answered: though most may be 0, they are there sooner than scipy has looked at
all its blocks."""


@dataclass(frozen=True)
class Layout:
    """How a spec's fields lie side by side. Native categories, and those asked for one by one, have one column, of each
    row's category index; one_hot a column a category, which is 1 where a row is of it and 0 elsewhere."""

    spec: Spec
    categories: Categories

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields as the matrix holds them."""
        return tuple(_one_column(field) if self._is_native(field) else field for field in self.spec.fields)

    @cached_property
    def num_columns(self) -> int:
        return sum(field.num_inputs for field in self.fields)

    @property
    def names(self) -> list[str]:
        """A name for each column."""
        return feature_names(input_labels(replace(self.spec, fields=self.fields)))

    @property
    def native(self) -> list[int]:
        """The columns that hold category indices."""
        return [self.first_column(field.name) for field in self.spec.fields if self._is_native(field)]

    def first_column(self, name: str) -> int:
        """Where the field of that name begins."""
        names = [field.name for field in self.fields]
        return sum(field.num_inputs for field in self.fields[: names.index(name)])

    def matrix(self, inputs: ModelInput) -> Any:
        """The rows as [N, columns], sparse when text is among them.

        A sparse matrix does not store index 0; LightGBM reads what is not stored as the number 0, which is that index.
        """
        blocks = {field.name: self._block(field, inputs.blocks[field.name]) for field in self.spec.fields}
        spec = replace(self.spec, fields=self.fields)
        return as_matrix(spec, ModelInput(blocks=blocks, num_rows=inputs.num_rows))

    def matrix_to_ask(self, inputs: ModelInput) -> Any:
        """The same for rows to answer, zeros and all where they are few: trees answer both forms alike."""
        if inputs.num_rows * self.num_columns > _FEW_NUMBERS:
            return self.matrix(inputs)
        matrix = np.empty((inputs.num_rows, self.num_columns))
        start = 0
        for field, own in zip(self.spec.fields, self.fields, strict=True):
            stop = start + own.num_inputs
            matrix[:, start:stop] = self._written_out(field, inputs.blocks[field.name])
            start = stop
        return matrix

    def _is_native(self, field: Field) -> bool:
        return field.kind == "category_index" and self.categories != "one_hot"

    def _written_out(self, field: Field, block: Block) -> Any:
        if self._is_native(field):
            return block[:, None]
        if field.kind == "category_index":
            return one_hot(field, block)
        if field.is_picture:
            return field.scaled(block).reshape(-1, field.num_inputs)
        return block.toarray() if field.kind == "sparse" else block

    def _block(self, field: Field, block: Block) -> Block:
        # float32 holds the number of a category exactly, up to 16 million of them.
        return block.astype(np.float32)[:, None] if self._is_native(field) else block


def feature_names(labels: Sequence[str]) -> list[str]:
    """The labels without what LightGBM refuses or changes (JSON's marks and blanks), and each of them once."""
    num_uses: dict[str, int] = {}
    names = []
    for label in labels:
        # A label of such marks alone would leave no name at all.
        name = re.sub(r'[\s",:\[\]{}]+', "_", label).strip("_") or "input"
        # LightGBM refuses two features of one name, and two labels may differ in blanks alone.
        while name in num_uses:
            num_uses[name] += 1
            name = f"{name}_{num_uses[name]}"
        num_uses[name] = 1
        names.append(name)
    return names


def _one_column(field: Field) -> Field:
    return Field(name=field.name, kind="dense", shape=(1,), labels=(field.name,))
