"""Stage normalize: learns the recipe from the training rows, and turns every row into model input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import polars as pl

from tasks import reports
from tasks.model_input.block_columns import to_series
from tasks.model_input.inputs import Field
from tasks.parallel import parallel_map, prefetch
from tasks.params.normalize import Normalize
from tasks.paths import PARTS, Paths
from tasks.recipe.embedding import column_encoding
from tasks.recipe.learning import Folds, Learnt, NetworkReference, learn, network_references, num_folds
from tasks.recipe.out_of_fold import row_folds
from tasks.recipe.recipe import Recipe, read_recipe, write_recipe
from tasks.reports import Report
from tasks.splitting.folds import FOLD
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tracking.models import model_folder

_BYTES_AT_ONCE = 1 << 26
"""Of encoded rows: 64 MiB, the pictures of some thousand rows. A part of more becomes several."""

_BYTES_OF_TEXT = 1_024
"""Roughly, of one text as TF-IDF: what counts here is pictures."""


def run(config: Normalize, paths: Paths) -> Report:
    """Reads split/ and cleaned.json; leaves recipe.json, recipe.safetensors and normalized/{train,validation,test}/.

    Training rows keep the fold that split gave them. Raises UserError when a column cannot be encoded.
    """
    dataset = read_dataset(paths.cleaned)
    references = network_references(dataset, config)
    # Fetched first: a network that is not there is said before any row is read.
    networks = {column: model_folder(paths.project, one.source, one.setting) for column, one in references.items()}
    folds = _folds(config, dataset, paths)
    learnt = learn(storage.read_parts(paths.split("train")), dataset, config, folds)
    learnt = replace(learnt, recipe=_kept(learnt.recipe, references, networks, paths))
    for part in PARTS:
        of_rows = folds if part == "train" else None
        encoded = encode_parts(storage.read_parts(paths.split(part)), learnt, of_rows)
        storage.write_parts(paths.normalized(part), encoded)
    return reports.normalize(paths)


def encode_parts(
    parts: Iterable[pl.DataFrame], learnt: Learnt, folds: Sequence[Folds] | None = None
) -> Iterator[pl.DataFrame]:
    """Raw rows as normalized ones, in parts that are as large or smaller; several are made side by side."""
    num_rows = max(1, _BYTES_AT_ONCE // _row_bytes(learnt.recipe))
    return parallel_map(lambda cut: encode_part(cut[0], learnt, cut[1]), _cut(parts, folds, num_rows))


def encode_part(rows: pl.DataFrame, learnt: Learnt, folds: Folds | None = None) -> pl.DataFrame:
    """Raw rows as normalized ones: a column a field, the encoded target, and the row's fold when it has one."""
    recipe = learnt.recipe
    inputs = learnt.encode(rows, folds)
    series = [to_series(field.name, field, inputs.blocks[field.name]) for field in recipe.spec().fields]
    fold = [rows[FOLD]] if FOLD in rows.columns else []
    return pl.DataFrame([*series, pl.Series(recipe.target.name, recipe.encode_target(rows)), *fold])


def _kept(
    recipe: Recipe, references: Mapping[str, NetworkReference], networks: Mapping[str, Path], paths: Paths
) -> Recipe:
    """The recipe with its pictures embedded by the networks in these folders, as it is read from its files."""
    weights = None
    if references:
        from tasks.recipe.trained_networks import embedded

        recipe, weights = embedded(recipe, references, networks)
    write_recipe(paths.recipe, recipe, weights)
    return read_recipe(paths.recipe)


def _folds(config: Normalize, dataset: Dataset, paths: Paths) -> list[Folds] | None:
    """The folds of the training rows, part by part, where an encoding looks at the target."""
    count = num_folds(dataset, config)
    if not count:
        return None
    there = set(storage.column_names(paths.split("train")))
    columns = [name for name in dataset.content_names if name in there]
    return row_folds(storage.read_parts(paths.split("train"), columns), columns, count)


def _cut(
    parts: Iterable[pl.DataFrame], folds: Sequence[Folds] | None, num_rows: int
) -> Iterator[tuple[pl.DataFrame, Folds | None]]:
    for rows, of_rows in zip(prefetch(parts, depth=1), folds or repeat(None)):  # noqa: B905
        for start in range(0, max(1, rows.height), num_rows):
            end = start + num_rows
            yield rows[start:end], of_rows[start:end] if of_rows is not None else None


def _row_bytes(recipe: Recipe) -> int:
    # An embedded picture counts with its pixels, which are in memory while it is encoded.
    return sum(_field_bytes(column_encoding(one.encoding).field(one.name)) for one in recipe.features)


def _field_bytes(field: Field) -> int:
    return _BYTES_OF_TEXT if field.kind == "sparse" else field.row_bytes
