"""The training rows most like given ones, by what the model reads of them: what it may have learnt an answer from.

Examples as explanations (Caruana et al., "Case-Based Explanation of Non-Case-Based Learning Methods", AMIA 1999): the
distance is Euclidean in the model's input space, whatever the model makes of it. Numbers are in standard deviations of
the training rows, a category is one-hot (two different ones are the root of 2 apart), a text is its TF-IDF, or its
tokens' counts as a vector of length 1; pictures are arrays of the scaled bytes, and embeddings are as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.block_columns import from_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Block, Examples, Field, ModelInput
from tasks.paths import Paths
from tasks.recipe.embedding import EmbeddingEncoding
from tasks.recipe.recipe import Recipe
from tasks.tables import storage

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]

NUM_NEAREST = 3
_CHUNK_BYTES = 1 << 25
"""Of the rows that are compared at once, in float64: 32 MiB."""
_MOST_PIXELS = 64
"""Pixels a side; larger pictures are compared by the means of as many boxes: hours would be spent on finer ones."""
_DIGITS = 9
"""Of squared distances: what differs less differs by rounding, and the earlier row comes first."""


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """For each of the rows that were asked for [Q] the `numbers` [Q, K] of the training rows nearest to it, the nearest
    first, and their `distances` [Q, K]; of equal ones the earlier row."""

    numbers: NDArray[np.int64]
    distances: Floats


def nearest_training_rows(recipe: Recipe, asked: ModelInput, paths: Paths, num_nearest: int = NUM_NEAREST) -> Nearest:
    """Of all training rows that count, a part in memory at a time."""
    spec, target = recipe.spec(), recipe.target.name
    stored = StoredExamples(spec=spec, target=target, files=tuple(storage.part_files(paths.normalized("train"))))
    measured = Measured(fields=spec.fields, stds=_stds(recipe, paths))
    kept = Nearest(
        numbers=np.empty((asked.num_rows, 0), dtype=np.int64), distances=np.empty((asked.num_rows, 0), dtype=np.float64)
    )
    first = 0
    for part in stored.parts():
        for rows, numbers in _chunks(part, _rows_at_once(spec.fields)):
            kept = _merged(kept, measured.squared(asked, rows), first + numbers, num_nearest)
        first += part.num_rows
    return Nearest(numbers=kept.numbers, distances=np.sqrt(kept.distances))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How far rows are apart; `stds` are those of the inputs [K] of dense fields that are measured by them."""

    fields: tuple[Field, ...]
    stds: Mapping[str, Floats]

    def squared(self, asked: ModelInput, rows: ModelInput) -> Floats:
        """Squared distances [Q, N]."""
        total = np.zeros((asked.num_rows, rows.num_rows))
        for field in self.fields:
            total += self._of_field(field, asked.blocks[field.name], rows.blocks[field.name])
        return total.round(_DIGITS)

    def _of_field(self, field: Field, asked: Block, rows: Block) -> Floats:
        match field.kind:
            case "category_index":
                return np.asarray(2.0 * (asked[:, None] != rows[None, :]))
            case "dense":
                std = self.stds.get(field.name, np.ones(1))
                return _apart(asked / std, rows / std)
            case "image" | "audio":
                return _apart(_flat(field, asked), _flat(field, rows))
            case "sparse":
                return _sparse_apart(asked, rows)
            case "tokens":
                return _sparse_apart(_counts(field, asked), _counts(field, rows))


def _apart(asked: NDArray[Any], rows: NDArray[Any]) -> Floats:
    from scipy.spatial.distance import cdist

    # By differences, so that equal rows are 0 apart to the last digit.
    return np.asarray(cdist(asked.astype(np.float64), rows.astype(np.float64), "sqeuclidean"))


def _sparse_apart(asked: csr_matrix, rows: csr_matrix) -> Floats:
    """|a|² + |b|² - 2ab: differences would fill in what is zero in both."""
    asked, rows = asked.astype(np.float64), rows.astype(np.float64)
    squares = [np.asarray(one.multiply(one).sum(axis=1)).reshape(-1) for one in (asked, rows)]
    products = (asked @ rows.T).toarray()
    return np.asarray(np.maximum(squares[0][:, None] + squares[1][None, :] - 2 * products, 0.0))


def _counts(field: Field, tokens: NDArray[np.int32]) -> csr_matrix:
    """How often each token stands in a text, [N, V], as vectors of length 1; the filling, which is 0, is none."""
    from scipy.sparse import csr_matrix

    rows, places = np.nonzero(tokens)
    shape = (len(tokens), max(field.vocabulary, int(tokens.max(initial=0)) + 1))
    counts = csr_matrix((np.ones(len(rows)), (rows, tokens[rows, places])), shape=shape)
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).reshape(-1))
    return counts.multiply(1 / np.maximum(lengths, 1.0)[:, None]).tocsr()


def _flat(field: Field, block: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[N, pixels], scaled as the recipe says; of large pictures the means of boxes."""
    pictures = field.scaled(block)
    height, width = pictures.shape[2:]
    down, across = (-(-side // _MOST_PIXELS) for side in (height, width))
    if down > 1 or across > 1:
        cut = pictures[:, :, : height // down * down, : width // across * across]
        boxes = cut.reshape(*cut.shape[:2], height // down, down, width // across, across)
        pictures = boxes.mean(axis=(3, 5))
    return pictures.reshape(len(pictures), -1)


def _stds(recipe: Recipe, paths: Paths) -> dict[str, Floats]:
    """Of the inputs of each dense field but embeddings, over the training rows; 1 of what never varies."""
    embedded = {feature.name for feature in recipe.features if isinstance(feature.encoding, EmbeddingEncoding)}
    fields = [field for field in recipe.spec().fields if field.kind == "dense" and field.name not in embedded]
    if not fields:
        return {}
    num_rows, sums = 0, {field.name: np.zeros((2, field.num_inputs)) for field in fields}
    centres: dict[str, Floats] = {}
    for part in storage.read_parts(paths.normalized("train"), [field.name for field in fields]):
        num_rows += part.height
        for field in fields:
            block = np.asarray(from_series(field, part[field.name]), dtype=np.float64)
            # About the first row: of large numbers that differ little the squares would keep no digit of that.
            off = block - centres.setdefault(field.name, block[0] if len(block) else np.zeros(field.num_inputs))
            sums[field.name] += np.stack([off.sum(axis=0), np.square(off).sum(axis=0)])
    variances = {name: squares / num_rows - np.square(total / num_rows) for name, (total, squares) in sums.items()}
    return {name: np.sqrt(np.where(variance > 0, variance, 1.0)) for name, variance in variances.items()}


def _rows_at_once(fields: tuple[Field, ...]) -> int:
    widest = max((field.num_inputs for field in fields if field.is_picture or field.kind == "dense"), default=1)
    return max(1, _CHUNK_BYTES // (8 * widest))


def _chunks(part: Examples, size: int) -> Iterator[tuple[ModelInput, NDArray[np.int64]]]:
    """Rows of a part, with their numbers in it; rows of weight 0 have taught the model nothing."""
    counted = np.arange(part.num_rows) if part.weight is None else np.flatnonzero(part.weight > 0)
    for start in range(0, len(counted), size):
        numbers = counted[start : start + size]
        yield part.inputs.take(numbers), numbers


def _merged(kept: Nearest, squared: Floats, numbers: NDArray[np.int64], most: int) -> Nearest:
    """The nearest of those that were kept and of more rows [N], by squared distances [Q, N]."""
    every = np.concatenate([kept.distances, squared], axis=1)
    every_number = np.concatenate([kept.numbers, np.broadcast_to(numbers, squared.shape)], axis=1)
    # Kept rows come first and have lower numbers, so that a stable sort puts the earlier one of equal ones first.
    order = np.argsort(every, axis=1, kind="stable")[:, :most]
    return Nearest(
        numbers=np.take_along_axis(every_number, order, axis=1), distances=np.take_along_axis(every, order, axis=1)
    )
