"""Stage normalize: learns the recipe from the training rows, and turns every row into model input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tasks import reports
from tasks.errors import UserError
from tasks.model_input.inputs import GROUP, TIME, WEIGHT
from tasks.params.normalize import Normalize
from tasks.paths import PARTS, Paths
from tasks.recipe.computed import with_columns, with_computed
from tasks.recipe.declared_features import computations, made_by_function
from tasks.recipe.encoded_parts import encode_parts
from tasks.recipe.frame_function import FrameFunction, read_function
from tasks.recipe.learning import Folds, NetworkReference, learn, network_references, num_folds
from tasks.recipe.out_of_fold import row_folds
from tasks.recipe.recipe import Recipe, read_recipe, write_recipe
from tasks.reports import Report
from tasks.splitting.folds import in_each_fold
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tracking.models import model_folder

_NUM_TRIED = 256
"""Rows on which a function of the user's own is tried before all are given to it."""


def run(config: Normalize, paths: Paths) -> Report:
    """Reads clean/ and cleaned.json; leaves recipe.json, recipe.safetensors and normalized/{train,validation,test}/.

    All rows keep their weight, group and time. The same is done in each fold of cross validation (folds/normalize/).
    Raises UserError when a column cannot be encoded.
    """
    # Read once: an edit made meanwhile is the next run's.
    function = read_function(paths.project.root, config.features_from) if config.features_from else None
    _normalize(config, paths, function)
    in_each_fold(paths, "clean", "normalize", lambda fold: _normalize(config, fold, function))
    return reports.normalize(paths)


def _normalize(config: Normalize, paths: Paths, function: FrameFunction | None) -> None:
    """All of it for one training and the rows that it is judged on."""
    dataset = read_dataset(paths.cleaned)
    computed = computations(dataset, config)
    dataset = with_columns(dataset, computed)
    if function is not None:
        sample = with_computed(next(storage.read_parts(paths.clean("train"))).head(_NUM_TRIED), computed)
        function, made = made_by_function(function, sample, dataset, config)
        computed, dataset = (*computed, *made), with_columns(dataset, made)
    references = network_references(dataset, config)
    # Fetched first: a network that is not there is said before any row is read.
    networks = {column: model_folder(paths.project, one.source, one.setting) for column, one in references.items()}
    folds = _folds(config, dataset, paths)
    learnt = learn(storage.read_parts(paths.clean("train")), dataset, config, folds, computed, function)
    learnt = replace(learnt, recipe=_kept(learnt.recipe, references, networks, paths))
    kept = _kept_columns(dataset)
    for part in PARTS:
        of_rows = folds if part == "train" else None
        encoded = encode_parts(storage.read_parts(paths.clean(part)), learnt, of_rows, kept)
        storage.write_parts(paths.normalized(part), encoded)


def _kept_columns(dataset: Dataset) -> dict[str, str]:
    """What says of rows how much they count, what they belong to and when they were: what each is called from here on.

    Of several groups the first: one of them is enough to keep rows apart. When rows were is kept where the split goes
    by it: what else is held out, such as the folds of an ensemble, is then held out in time as well.
    """
    group = next((column for column in dataset.columns if column.role == "group"), None)
    time = next((column for column in dataset.columns if column.name == dataset.split_time), None)
    columns = {WEIGHT: dataset.weight, GROUP: group, TIME: time}
    taken = {column.name for column in (*dataset.features, dataset.target)}
    for name, column in columns.items():
        if column is not None and name in taken:
            raise UserError(f"normalize: a column is called {name}, where the {column.role} of rows is kept; rename it")
    return {column.name: name for name, column in columns.items() if column is not None}


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
    there = set(storage.column_names(paths.clean("train")))
    columns = [name for name in dataset.content_names if name in there]
    group = next((one.name for one in dataset.columns if one.role == "group" and one.name in columns), None)
    return row_folds(storage.read_parts(paths.clean("train"), columns), columns, count, group)
