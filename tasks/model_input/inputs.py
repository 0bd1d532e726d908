"""Model input: a block of values for each feature column, in memory and in Parquet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.step_rows import ALL, StepRows
from tasks.params.config import Task

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from torch import Generator, Tensor

Block = Any
"""dense: [N, K] float64, or float32 where a network made them or only 0 and 1 stand there; image, audio: [N, C, H, W]
uint8; sparse: scipy csr_matrix [N, K] float32; category_index: [N] int32, each below K; tokens: [N, L] int32, filled up
with 0."""

FieldKind = Literal["dense", "image", "audio", "sparse", "category_index", "tokens"]

WEIGHT = "_row_weight"
"""The column of normalized rows that says how much each of them counts, where one has the role weight."""

GROUP = "_row_group"
"""The column of normalized rows that says which of them belong together, where one has the role group."""

TIME = "_row_time"
"""The column of normalized rows that says when each of them was, where the split goes by it."""

RENAMED_KINDS: dict[str, FieldKind] = {"codes": "category_index"}
"""What model.json of an earlier version calls a kind: a model that was trained then is still read."""

_MANY_CATEGORIES = 1_024
"""From so many categories on, estimators get one-hot inputs as a sparse matrix: nearly all of it is zero."""

_SPARSE_ROW_BYTES = 1_024
"""Some hundred entries: roughly one text as TF-IDF."""


class Augmentation(Protocol):
    """Changes a training batch's block of one column at random; see `ColumnType.augment`."""

    def __call__(self, block: Tensor, generator: Generator, rows: StepRows = ALL, /) -> Tensor:
        """The wanted rows of the block, changed."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One feature column as model input.

    `shape` is that of one row as a model reads it: (K,) for dense, sparse and category_index (K inputs, of which the
    one at the index is 1 and the others 0), (C, H, W) for an image, (1, n_mels, frames) for audio, (L,) for tokens,
    which are below `vocabulary`. A picture's bytes become numbers as `byte * factor[channel] + offset[channel]`;
    `labels` name the K inputs of a dense, sparse or category_index field.
    """

    name: str
    kind: FieldKind
    shape: tuple[int, ...]
    labels: tuple[str, ...] = ()
    factor: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    vocabulary: int = 0

    @property
    def num_inputs(self) -> int:
        return math.prod(self.shape)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of the block, which for a category index is a single number."""
        return () if self.kind == "category_index" else self.shape

    @property
    def row_bytes(self) -> int:
        """Of one row of the block in memory; of a sparse one, whose rows differ, roughly."""
        if self.kind == "sparse":
            return _SPARSE_ROW_BYTES
        # Numbers are float64, pictures uint8, and all else int32.
        size = 8 if self.kind == "dense" else 1 if self.is_picture else 4
        return math.prod(self.row_shape) * size

    @property
    def is_picture(self) -> bool:
        """Bytes on a grid, scaled when used: an image, or a sound as its spectrogram."""
        return self.kind in ("image", "audio")

    def scaled(self, block: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A picture's block [N, C, H, W] as float32, scaled as the recipe says."""
        factor = np.asarray(self.factor, dtype=np.float32).reshape(1, -1, 1, 1)
        offset = np.asarray(self.offset, dtype=np.float32).reshape(1, -1, 1, 1)
        return block.astype(np.float32) * factor + offset


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a model reads and what it answers: `classes` is empty for regression."""

    fields: tuple[Field, ...]
    task: Task
    classes: tuple[str, ...]

    @property
    def num_outputs(self) -> int:
        return len(self.classes) or 1


@dataclass(frozen=True, kw_only=True)
class ModelInput:
    """Encoded rows: one block a field, all with `num_rows` rows."""

    blocks: Mapping[str, Block]
    num_rows: int

    def take(self, numbers: NDArray[np.int64]) -> ModelInput:
        """The rows of these numbers, in this order; one may come more than once."""
        return ModelInput(blocks={name: block[numbers] for name, block in self.blocks.items()}, num_rows=len(numbers))


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Encoded rows with their targets: [N] int64 class numbers, or [N] float64 values for regression.

    `example_parts.StoredExamples` are the same rows where they lie in files, with the same methods.
    """

    inputs: ModelInput
    target: NDArray[Any]
    weight: NDArray[np.float64] | None = None
    """How much each row counts, [N]; None where all count the same."""
    group: NDArray[Any] | None = None
    """What each row belongs to, [N]; None where each stands alone. A row of which it is not known has None."""
    time: NDArray[Any] | None = None
    """When each row was, [N] of what can be put in order; None where the split does not go by it, NaN or NaT where not
    known."""

    @property
    def num_rows(self) -> int:
        return self.inputs.num_rows

    @property
    def num_bytes(self) -> int:
        """The size of all blocks."""
        return sum(map(_block_bytes, self.inputs.blocks.values()))

    def parts(self) -> Iterator[Examples]:
        """The rows in pieces: here a single one, as all are in memory already."""
        yield self

    def loaded(self) -> Examples:
        """All rows in memory: these."""
        return self

    def targets(self) -> NDArray[Any]:
        """All rows' targets [N]."""
        return self.target

    def weights(self) -> NDArray[np.float64] | None:
        """How much each of all rows counts, [N]."""
        return self.weight

    def take(self, numbers: NDArray[np.int64]) -> Examples:
        """The rows of these numbers, in this order."""
        more = {
            name: None if values is None else values[numbers]
            for name, values in (("weight", self.weight), ("group", self.group), ("time", self.time))
        }
        return Examples(inputs=self.inputs.take(numbers), target=self.target[numbers], **more)


def as_matrix(spec: Spec, inputs: ModelInput) -> Any:
    """All fields side by side, for estimators that read one matrix: [N, K], sparse when any field is.

    float64 when a block is: numbers that differ little are to stay apart.
    """
    # One sparse field makes the whole matrix sparse: written out, it could fill the memory.
    sparse = any(map(_is_wide, spec.fields))
    blocks = [_flat(field, inputs.blocks[field.name], sparse) for field in spec.fields]
    if sparse:
        from scipy.sparse import hstack

        # scipy takes its time for each block, of which most are of one column.
        neighbours = (list(group) for _, group in groupby(blocks, key=lambda block: isinstance(block, np.ndarray)))
        return hstack([one for group in neighbours for one in _joined(group)], format="csr")
    return np.hstack(blocks) if blocks else np.zeros((inputs.num_rows, 0), dtype=np.float32)


def input_labels(spec: Spec) -> list[str]:
    """A name for each column of `as_matrix`."""
    return [label for field in spec.fields for label in _labels(field)]


def one_hot(field: Field, indices: NDArray[np.int32]) -> NDArray[np.float32]:
    """[N] category indices as [N, K] float32: 1 at each row's index, 0 elsewhere."""
    block = np.zeros((len(indices), field.num_inputs), dtype=np.float32)
    block[np.arange(len(indices)), indices] = 1
    return block


def _block_bytes(block: Block) -> int:
    if isinstance(block, np.ndarray):
        return block.nbytes
    return int(block.data.nbytes + block.indices.nbytes + block.indptr.nbytes)


def _is_wide(field: Field) -> bool:
    return field.kind == "sparse" or (field.kind == "category_index" and field.num_inputs > _MANY_CATEGORIES)


def _joined(blocks: list[Any]) -> list[Any]:
    return [np.hstack(blocks)] if isinstance(blocks[0], np.ndarray) else blocks


def _flat(field: Field, block: Block, sparse: bool) -> Any:
    assert field.kind != "tokens", "tokens are for networks; trainers refuse them"
    if field.is_picture:
        return field.scaled(block).reshape(-1, field.num_inputs)
    if field.kind != "category_index":
        return block
    return _sparse_one_hot(field, block) if sparse else one_hot(field, block)


def _sparse_one_hot(field: Field, indices: NDArray[np.int32]) -> csr_matrix:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(indices), dtype=np.float32)
    return csr_matrix((ones, indices, np.arange(len(indices) + 1)), shape=(len(indices), field.num_inputs))


def _labels(field: Field) -> Iterable[str]:
    return field.labels or (f"{field.name}[{number}]" for number in range(field.num_inputs))
