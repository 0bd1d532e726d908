"""What the stage augment tells: augmentation.json, with the standard deviations by which numbers are jittered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.augmentation.balance import lacking
from tasks.augmentation.copies import Changes
from tasks.augmentation.settings import SECTIONS, given_sections
from tasks.columns.base import round_significant
from tasks.columns.moments import Moments, moments
from tasks.model_input.block_columns import from_series
from tasks.params.augment import Augment
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.tables import storage


def number_stds(config: Augment, recipe: Recipe, paths: Paths) -> dict[str, float]:
    """The standard deviation of each number column's first input, over all training rows; empty without jitter."""
    if config.number is None or not config.number.jitter:
        return {}
    fields = [feature.encoding.field(feature.name) for feature in recipe.features if feature.encoding.type == "number"]
    states = {field.name: Moments() for field in fields}
    for part in storage.read_parts(paths.normalized("train"), list(states)):
        for field in fields:
            values = from_series(field, part[field.name])[:, 0].astype(np.float64)
            states[field.name] += moments(values)
    return {name: round_significant(state.center_and_std[1]) for name, state in states.items()}


def augmentation_record(
    changes: Changes, counts: NDArray[np.int64], num_rows_in: int, num_rows: int, warnings: Sequence[str]
) -> dict[str, Any]:
    """augmentation.json: rows in and out, by class where there are classes, and the settings, for the trainer too.

    `warnings` are sentences for a person, and a key of their own where there are any.
    """
    config, classes = changes.config, changes.recipe.target.classes
    record: dict[str, Any] = {
        "num_rows_in": num_rows_in,
        "num_rows": num_rows,
        "copies": config.copies,
        "balance": config.balance,
    }
    if classes:
        filled = lacking(counts, config.copies) if config.balance != "none" else np.zeros_like(counts)
        after = counts * (config.copies + 1) + filled
        record["classes"] = {
            name: {"before": int(before), "after": int(now)}
            for name, before, now in zip(classes, counts, after, strict=True)
        }
    given = given_sections(config)
    settings: dict[str, Any] = {
        name: given[name].model_dump(mode="json") if name in given else None for name in SECTIONS
    }
    mix = config.mix.model_dump(mode="json") if config.mix.kind != "none" else None
    remarks = {"warnings": list(warnings)} if warnings else {}
    return {**record, **settings, "mix": mix, "std": dict(changes.number_stds), **remarks}
