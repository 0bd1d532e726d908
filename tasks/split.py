"""Stage split: train, validation and test rows, before anything is learnt from any of them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import polars as pl

from tasks import reports, storage
from tasks.dataset import Dataset, read_dataset
from tasks.errors import UserError, did_you_mean
from tasks.params import GivenSplit, HashSplit
from tasks.paths import PARTS, Part, Paths
from tasks.report import Report
from tasks.rows import row_hashes, unit_interval

_SPELLINGS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""How a given column may name the parts, in lower case."""


def run(config: HashSplit | GivenSplit, paths: Paths) -> Report:
    """Reads clean/ and dataset.json; leaves split/{train,validation,test}/ and split.json.

    Raises UserError when a part would be empty, or a class is missing from train.
    """
    dataset = read_dataset(paths.dataset)
    if isinstance(config, GivenSplit):
        config = _as_the_column_says(config, dataset, paths)
    counts: dict[Part, Counter[str]] = {part: Counter() for part in PARTS}
    with ExitStack() as stack:
        writers = {part: stack.enter_context(storage.table_writer(paths.split(part))) for part in PARTS}
        for rows in storage.read_parts(paths.clean):
            names = assign(rows, config, dataset)
            for part in PARTS:
                chosen = rows.filter(names == part)
                writers[part].append(chosen)
                counts[part].update(_class_counts(chosen, dataset))
        num_rows = {part: writers[part].num_rows for part in PARTS}
        _check(num_rows, counts, dataset)
    classes = {part: dict(sorted(counts[part].items())) for part in PARTS}
    storage.write_json(paths.split_report, {"num_rows": num_rows, "classes": classes})
    return reports.split(paths)


def assign(rows: pl.DataFrame, config: HashSplit | GivenSplit, dataset: Dataset) -> pl.Series:
    """Each row's part, [N] of "train", "validation" or "test"."""
    if isinstance(config, GivenSplit):
        return assign_given(rows, config, dataset)
    return assign_by_hash(rows, config, dataset)


def assign_by_hash(rows: pl.DataFrame, config: HashSplit, dataset: Dataset) -> pl.Series:
    """Each row's part, from the row's own values and the seed alone.

    Within every class the hash is uniform, so every class is cut in the same shares, in expectation. An exact share
    would need the other rows, and a row would change its part when rows are added: a test row would become a train row.
    """
    position = unit_interval(row_hashes(rows, dataset.content_names, salt=str(config.seed)))
    frame = pl.DataFrame({"position": position})
    part = (
        pl.when(pl.col("position") < config.test)
        .then(pl.lit("test"))
        .when(pl.col("position") < config.test + config.validation)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )
    return frame.select(part.alias("part")).to_series()


def assign_given(rows: pl.DataFrame, config: GivenSplit, dataset: Dataset) -> pl.Series:
    """Each row's part as the column `config.column` says; with `validation`, that share of train rows, by hash."""
    names = _named(rows[config.column])
    return names if not config.validation else _carve_validation(rows, names, config, dataset)


def _as_the_column_says(config: GivenSplit, dataset: Dataset, paths: Paths) -> GivenSplit:
    """The settings, without a share for validation where the column itself names validation rows."""
    roles = {column.name: column.role for column in dataset.columns}
    if config.column not in roles:
        raise UserError(
            f"split.column: there is no column {config.column}{did_you_mean(config.column, roles)}; "
            "name the column that holds train, validation or test"
        )
    if roles[config.column] == "feature":
        raise UserError(
            f"split.column: column {config.column} is a feature, so the model would learn from it; "
            f"set ingest.columns.{config.column}.role to split"
        )
    given = (_named(rows[config.column]) for rows in storage.read_parts(paths.clean, [config.column]))
    names_validation = any((names == "validation").any() for names in given)
    return config.model_copy(update={"validation": 0.0}) if names_validation else config


def _named(values: pl.Series) -> pl.Series:
    """What a given column says as the names of parts. Raises UserError for a value that names none."""
    given = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    unknown = values.filter(~given.is_in(list(_SPELLINGS)).fill_null(value=False))
    if len(unknown):
        said = "nothing" if unknown[0] is None else repr(unknown[0])
        raise UserError(
            f"split.column: column {values.name} holds {said} in {len(unknown):,} rows; "
            f"known are {', '.join(_SPELLINGS)}; correct them in the source"
        )
    return given.replace_strict(_SPELLINGS, return_dtype=pl.String)


def _carve_validation(rows: pl.DataFrame, names: pl.Series, config: GivenSplit, dataset: Dataset) -> pl.Series:
    position = unit_interval(row_hashes(rows, dataset.content_names, salt=str(config.seed)))
    frame = pl.DataFrame({"part": names, "position": position})
    moves = (pl.col("part") == "train") & (pl.col("position") < config.validation)
    return frame.select(pl.when(moves).then(pl.lit("validation")).otherwise("part").alias("part")).to_series()


def _class_counts(rows: pl.DataFrame, dataset: Dataset) -> dict[str, int]:
    if dataset.task == "regression":
        return {}
    return dict(rows[dataset.target.name].value_counts().iter_rows())


def _check(num_rows: dict[Part, int], counts: dict[Part, Counter[str]], dataset: Dataset) -> None:
    for part in PARTS:
        if num_rows[part] == 0:
            raise UserError(
                f"split: no row falls into {part} ({sum(num_rows.values()):,} rows in all); "
                "bring more rows, or change the shares or the seed under split"
            )
    for class_name, num_in_all in sorted(sum(counts.values(), Counter[str]()).items()):
        if num_in_all == 1:
            raise UserError(
                f"split: class {class_name!r} of {dataset.target.name} has one row only, which cannot be both learnt "
                "from and tested on; bring more rows of it, or take it out of the source"
            )
    for class_name in sorted(set(counts["validation"]) | set(counts["test"])):
        if class_name not in counts["train"]:
            raise UserError(
                f"split: class {class_name!r} of {dataset.target.name} is missing from train; bring more rows of it, "
                "take it out of the source, or try another split.seed"
            )
    if dataset.task != "regression" and len(counts["train"]) < 2:
        raise UserError(f"split: train holds one class of {dataset.target.name} only; bring rows of another class")
