"""The same live rows, answered by two versions: what both answered, and the labels that came. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import group_numbers
from tasks.evaluation.predictions import Predictions
from tasks.repair.repair import Repair, repaired

_PROBABILITY = "probability_"
_KEPT = ("time", "row_key", "group_key", "weight", "sample", "row", "answer")


@dataclass(frozen=True, kw_only=True)
class LiveRows:
    """Rows [N] that both have answered and whose label is there: `row_key`, `label`, `group_key`, `weight`, and the
    structs `answer`, of the challenger, and `answer_champion`.

    `num_challenger` rows the challenger has answered at all, `num_common` both have, with a label or without;
    `num_unweighted` labelled ones are left out, as they came without the weight that others have.
    """

    table: pl.DataFrame
    num_challenger: int = 0
    num_common: int = 0
    num_unweighted: int = 0

    @property
    def digest(self) -> str:
        """That of the rows and their labels: the same ones are the same look, whenever it is taken."""
        pairs = self.table.select(pl.concat_str("row_key", pl.col("label").cast(pl.String), separator="="))
        return sha256("\n".join(pairs.to_series().to_list()).encode()).hexdigest()


def live_rows(
    champion: pl.DataFrame | None, challenger: pl.DataFrame | None, labels: pl.DataFrame, since: datetime
) -> LiveRows:
    """What two logs of answers (tasks.prediction_log.log) have in common since a time (UTC), by row key.

    Of a row that was asked several times the last answer that both gave to the same values. A label that was there
    before may be one that the challenger has learnt, and does not count. The same logs give the same rows in the same
    order.
    """
    ours, theirs = (_answered(log, since) for log in (challenger, champion))
    if ours is None or theirs is None:
        return LiveRows(table=pl.DataFrame(), num_challenger=0 if ours is None else ours["row_key"].n_unique())
    pairs = ours.join_asof(
        theirs, on="time", by="row_key", strategy="nearest", suffix="_champion", check_sortedness=False
    )
    pairs = pairs.filter(pl.col("answer_champion").is_not_null() & _asked_alike(pairs))
    common = pairs.unique("row_key", keep="last", maintain_order=True)
    labelled = common.join(labels.filter(pl.col("first_received") >= since), on="row_key", how="inner")
    table, num_unweighted = _weighed(labelled)
    return LiveRows(
        table=table.sort("row_key"),
        num_challenger=ours["row_key"].n_unique(),
        num_common=common.height,
        num_unweighted=num_unweighted,
    )


def _answered(log: pl.DataFrame | None, since: datetime) -> pl.DataFrame | None:
    """What was answered since, in the order of time; None where nothing was."""
    if log is None:
        return None
    rows = log.filter((pl.col("time") >= since) & pl.col("error").is_null()).sort("time", maintain_order=True)
    return rows.select(name for name in _KEPT if name in rows.columns) if rows.height else None


def _asked_alike(pairs: pl.DataFrame) -> pl.Expr:
    """Whether both were asked with the same values, by the columns that both logs keep in the same type."""
    if not {"row", "row_champion"} <= {*pairs.columns}:
        return pl.lit(value=True)
    ours, theirs = (dict(pairs[name].struct.schema) for name in ("row", "row_champion"))
    alike = [
        pl.col("row").struct.field(name).eq_missing(pl.col("row_champion").struct.field(name))
        for name, kind in ours.items()
        if theirs.get(name) == kind
    ]
    return pl.all_horizontal(alike) if alike else pl.lit(value=True)


def _weighed(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """With how much each row counts: its own weight, over the share of rows that was kept when it was. And how many
    rows are left out, as they lack the weight that others have."""
    share = pl.min_horizontal("sample", "sample_champion")
    if "weight" not in rows.columns or rows["weight"].is_null().all():
        return rows.with_columns(weight=1 / share), 0
    known = rows.filter(pl.col("weight").is_finite() & (pl.col("weight") >= 0))
    counted = known.filter(pl.col("weight") > 0).with_columns(weight=pl.col("weight") / share)
    return counted, rows.height - known.height


def judged_live_rows(
    rows: LiveRows, classes: tuple[str, ...], repair: Repair | None
) -> tuple[JudgedRows, pl.DataFrame]:
    """The rows as the gate judges test rows: what the challenger, whose `classes` these are, answered; and what the
    champion did. Labels of classes that it does not know come behind these, with a probability of nothing."""
    table = rows.table
    ours, theirs = (table[name].struct.unnest() for name in ("answer", "answer_champion"))
    groups = None if table["group_key"].is_null().all() else group_numbers(table["group_key"])
    weights = table["weight"].to_numpy()
    if not classes:
        values = table["label"].cast(pl.Float64).to_numpy(), ours["prediction"].cast(pl.Float64).to_numpy()
        numbers = Predictions(y_true=values[0], y_score=values[1], weight=weights)
        return JudgedRows(classes=(), predictions=numbers, groups=groups), theirs
    labels = repaired(table["label"].cast(pl.String), repair).fill_null("")
    names = (*classes, *sorted(set(labels.to_list()) - {*classes}))
    predictions = Predictions(
        y_true=_numbers(labels, names),
        y_score=_probabilities(ours, names),
        weight=weights,
        answered=_numbers(ours["prediction"].cast(pl.String), names),
    )
    return JudgedRows(classes=names, predictions=predictions, groups=groups, repair=repair), theirs


def _numbers(values: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    return values.replace_strict({name: number for number, name in enumerate(names)}, return_dtype=pl.Int64).to_numpy()


def _probabilities(answers: pl.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    columns = [f"{_PROBABILITY}{name}" for name in names]
    there = [
        answers[name].cast(pl.Float64) if name in answers.columns else pl.zeros(answers.height, eager=True).alias(name)
        for name in columns
    ]
    return pl.DataFrame(there).to_numpy()
