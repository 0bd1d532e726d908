"""The row of which nothing is known: what reasons are reckoned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from tasks.columns import column_type
from tasks.model_input.inputs import Block, ModelInput
from tasks.recipe.recipe import Feature, Recipe
from tasks.repair.repair import repaired


def empty_row(recipe: Recipe) -> ModelInput:
    """One row as the recipe encodes cells that are missing: an imputed number, no category, a text without words. A
    picture or a sound, which no row may lack, is of one colour throughout: the one that the recipe scales to 0."""
    there = recipe.model_copy(update={"features": tuple(one for one in recipe.features if not _is_media(one))})
    nulls = pl.DataFrame({one.name: pl.Series([_missing(one)], dtype=_dtype(one)) for one in there.features})
    blocks = dict(there.blocks(nulls).blocks) if there.features else {}
    blocks |= {one.name: _blank(one) for one in recipe.features if _is_media(one)}
    return ModelInput(blocks={field.name: blocks[field.name] for field in recipe.spec().fields}, num_rows=1)


def _dtype(feature: Feature) -> pl.DataType:
    return column_type(feature.encoding.type).dtype


def _missing(feature: Feature) -> Any:
    """What clean makes of a missing value."""
    of_type = column_type(feature.encoding.type)
    return repaired(pl.Series([None], dtype=of_type.dtype), feature.repair)[0]


def _is_media(feature: Feature) -> bool:
    return column_type(feature.encoding.type).is_media


def _blank(feature: Feature) -> Block:
    field = feature.encoding.field(feature.name)
    if not field.is_picture:  # an embedded one: what a network finds in nothing
        return np.zeros((1, *field.shape), dtype=np.float32)
    nothing = -np.array(field.offset) / np.array(field.factor)
    colour = np.clip(np.round(nothing), 0, 255).astype(np.uint8).reshape(1, -1, 1, 1)
    return np.ascontiguousarray(np.broadcast_to(colour, (1, *field.shape)))
