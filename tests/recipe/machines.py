"""A small table of machines, and features of one's own that are computed of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from tasks.params.normalize import Normalize
from tasks.recipe.computed import with_computed
from tasks.recipe.declared_features import computations
from tests.small_tables import Kind, described

COLUMNS: dict[str, Kind] = {
    "customer": ("category", "id"),
    "torque": ("number", "feature"),
    "speed": ("number", "feature"),
    "town": ("category", "feature"),
    "day": ("timestamp", "time"),
    "scan": ("image", "feature"),
    "broken": ("boolean", "target"),
}
ROWS = pl.DataFrame(
    {
        "torque": [2.0, None, 3.0, 0.0],
        "speed": [10.0, 20.0, 0.0, 1e308],
        "town": ["Ulm", "Bonn", None, "12"],
        "day": [datetime(2024, 3, day, 6 * day) for day in (1, 2, 3)] + [None],
    }
)


def computed(features: dict[str, str], **columns: dict[str, Any]) -> pl.DataFrame:
    config = Normalize.model_validate({"features": features, "columns": columns})
    return with_computed(ROWS, computations(described(COLUMNS), config)).select(list(features))


def types(features: dict[str, str], **columns: dict[str, Any]) -> dict[str, str]:
    config = Normalize.model_validate({"features": features, "columns": columns})
    return {one.name: one.type for one in computations(described(COLUMNS), config)}
