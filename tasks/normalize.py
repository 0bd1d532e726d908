"""Stage normalize: learns the recipe from the training rows, and turns every row into model input."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import polars as pl

from tasks import reports, storage
from tasks.columns import column_type
from tasks.dataset import Column, Dataset, read_dataset
from tasks.errors import UserError
from tasks.inputs import to_series
from tasks.params import Config, Normalize
from tasks.paths import PARTS, Paths
from tasks.recipe import Feature, Recipe, Target, write_recipe
from tasks.report import Report


def run(config: Normalize, paths: Paths) -> Report:
    """Reads split/ and dataset.json; leaves recipe.json and normalized/{train,validation,test}/.

    Raises UserError when a column cannot be encoded.
    """
    dataset = read_dataset(paths.dataset)
    recipe = learn_recipe(storage.read_parts(paths.split("train")), dataset, config)
    write_recipe(paths.recipe, recipe)
    for part in PARTS:
        encoded = (encode_part(rows, recipe) for rows in storage.read_parts(paths.split(part)))
        storage.write_parts(paths.normalized(part), encoded)
    return reports.normalize(paths)


def learn_recipe(parts: Iterable[pl.DataFrame], dataset: Dataset, config: Normalize) -> Recipe:
    """The recipe that these training rows lead to: a state a column and part, merged."""
    columns = dataset.features
    if not columns:
        raise UserError("normalize: no column has the role feature, so there is nothing to learn from")
    classes: set[str] = set()
    states: dict[str, list[Any]] = {column.name: [] for column in columns}
    for rows in parts:
        for column in columns:
            state = column_type(column.type).fit(rows[column.name], _settings(config, column))
            states[column.name].append(state)
        if dataset.task != "regression":
            classes.update(rows[dataset.target.name].unique())
    features = tuple(_feature(column, states[column.name], config) for column in columns)
    return Recipe(
        features=features,
        target=Target(name=dataset.target.name, task=dataset.task, classes=tuple(sorted(classes))),
        num_inputs=sum(feature.encoding.field(feature.name).num_inputs for feature in features),
    )


def encode_part(rows: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Raw rows as normalized ones: a column a field, and the encoded target."""
    inputs = recipe.encode(rows)
    series = [to_series(field.name, field, inputs.blocks[field.name]) for field in recipe.spec().fields]
    return pl.DataFrame([*series, pl.Series(recipe.target.name, recipe.encode_target(rows))])


def _feature(column: Column, states: list[Any], config: Normalize) -> Feature:
    of_type = column_type(column.type)
    try:
        encoding = of_type.finish(reduce(of_type.merge, states), _settings(config, column))
    except UserError as error:
        raise UserError(f"normalize: column {column.name} {error}") from None
    return Feature(name=column.name, encoding=encoding)


def _settings(config: Normalize, column: Column) -> Config:
    settings = getattr(config, column.type)
    assert isinstance(settings, Config)
    return settings
