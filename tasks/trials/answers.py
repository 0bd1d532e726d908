"""What a training answered to which test rows: kept with its run, so that two can be compared on the same rows."""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import polars as pl

from tasks import files
from tasks.evaluation.predictions import Predictions
from tasks.params.pipeline import Pipeline
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.splitting.key import Key, split_key
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tables.row_hashes import mixed

_MOST = 100_000
"""Rows of which the answers are kept: of more those whose identities come first, which are the same in every run."""


def kept_answers(paths: Paths, pipeline: Pipeline) -> pl.DataFrame:
    """A line a test row: `row`, which is the same for the same row in every run, `actual`, the answer, and its weight
    and group where it has any."""
    dataset, classes = read_dataset(paths.dataset), read_recipe(paths.model / paths.recipe.name).target.classes
    key = split_key(pipeline.split, dataset, partial(storage.read_parts, paths.valid))
    predictions = Predictions.of_table(storage.read_table(paths.predicted))
    rows = _identities(paths, dataset, key)
    names = np.array(classes, dtype=object)
    actual = names[predictions.y_true].tolist() if classes else predictions.y_true
    weight = [] if predictions.weight is None else [pl.Series("weight", predictions.weight)]
    columns = [pl.Series("actual", actual), *_answers(predictions, classes), *weight]
    # In their order: a resample is drawn by place, and is to be the one that the gate has drawn.
    places = rows.with_row_index("place").sort("row", "number").head(_MOST)["place"].sort()
    return rows.with_columns(columns)[places]


def rows_digest(answers: pl.DataFrame) -> str:
    """The same for the same test rows with the same truth."""
    content = answers.select("row", pl.col("actual").cast(pl.String)).sort("row", "actual").write_csv()
    return hashlib.sha256(content.encode()).hexdigest()


def _identities(paths: Paths, dataset: Dataset, key: Key) -> pl.DataFrame:
    taken = files.read_json(paths.cleaning_report).get("test_rows_taken", [])
    group = next((column.name for column in dataset.columns if column.role == "group"), None)
    start, parts = 0, []
    for part in storage.read_parts(paths.split("test")):
        numbers = np.arange(start, start + part.height)
        kept = part.filter(~np.isin(numbers, taken))
        content = key.hashes_of(kept, key.content, "")
        groups = [] if group is None else [_groups(kept, group, key).alias("group")]
        parts.append(pl.DataFrame([key.hashes(kept, "").alias("row"), content.alias("content"), *groups]))
        start += part.height
    return _distinct(pl.concat(parts))


def _distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one key, such as the days of one shop, are told apart by what they hold, equal ones by their number."""
    repeated = rows["row"].is_duplicated()
    both = pl.Series(mixed(rows["row"].to_numpy() ^ rows["content"].to_numpy()))
    identity = rows["row"].zip_with(~repeated, both)
    number = identity.to_frame("row").select(pl.int_range(pl.len()).over("row")).to_series()
    return rows.drop("content").with_columns(row=identity, number=number.cast(pl.UInt32))


def _groups(rows: pl.DataFrame, column: str, key: Key) -> pl.Series:
    hashes = key.hashes_of(rows, [column], "")
    return hashes.zip_with(
        rows[column].is_not_null(), pl.Series([None], dtype=pl.UInt64).new_from_index(0, rows.height)
    )


def _answers(predictions: Predictions, classes: tuple[str, ...]) -> list[pl.Series]:
    """As a registered version answers: `prediction`, and `probability_CLASS` for classes."""
    score = predictions.y_score
    if not classes:
        return [pl.Series("prediction", score)]
    names = np.array(classes, dtype=object)
    probabilities = [pl.Series(f"probability_{name}", score[:, number]) for number, name in enumerate(classes)]
    return [pl.Series("prediction", names[predictions.y_pred].tolist()), *probabilities]
