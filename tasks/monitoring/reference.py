"""What a version is compared with: its training rows and the answers to its test rows, taken once and kept by version.

Answers, and their losses, are compared with those of test rows: to rows that it has learnt from a model answers better
and more surely than to any others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files
from tasks.errors import UserError
from tasks.evaluation.judged_rows import row_groups
from tasks.evaluation.predictions import Predictions
from tasks.monitoring.cells import CUT_EVERY, CellCuts, Kind, cut, kind_of
from tasks.monitoring.estimated_performance import JudgedAnswers
from tasks.monitoring.row_losses import AnsweredRows, compared_loss, residuals, row_losses
from tasks.monitoring.sequence import KnownColumn
from tasks.params.config import Config
from tasks.params.monitor import LossName, Monitor
from tasks.paths import Part, Paths
from tasks.prediction_log.as_trained import typed
from tasks.prediction_log.log import logged_columns, personal_columns
from tasks.prediction_log.places import monitoring_folder
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tracking.registered import RegisteredModel

MOST_ROWS = 25_000
"""Training rows that are compared with: of more, differences would be sure that matter to nobody."""
MOST_CLASSES = 10
"""Classes whose probabilities are watched one by one."""
DAYS_OF_WEEK = 7


class CountedColumn(Config):
    """A column in cells: `counts` [S][K] of training rows, or of test rows where it is an answer or its loss."""

    cuts: CellCuts
    counts: tuple[tuple[float, ...], ...]

    @property
    def known(self) -> KnownColumn:
        """For `sure_changes`."""
        return KnownColumn(cuts=self.cuts, counts=np.array(self.counts))


class Reference(Config):
    """reference.json: what windows of a version are compared with.

    `columns` are those that the model asks for, `answers` what it says, `losses` what its answers cost. There are 7
    strata of columns where days of the week are told apart, else one.
    """

    version: int
    season: str
    classes: tuple[str, ...]
    num_rows: int
    columns: tuple[CountedColumn, ...]
    answers: tuple[CountedColumn, ...]
    losses: tuple[CountedColumn, ...]
    metrics: dict[LossName, float]
    """Of the test rows."""

    @property
    def num_strata(self) -> int:
        return DAYS_OF_WEEK if self.season == "week" else 1


def reference_of(paths: Paths, model: RegisteredModel, config: Monitor) -> tuple[Reference, JudgedAnswers]:
    """What was kept of the version; taken now where it is the one that lies in the project's folders.

    `season` and `mask` are those of the first look for as long as the version is looked at: windows that were counted
    in other cells say nothing of each other. Raises UserError where the version is not the one that lies here.
    """
    folder = monitoring_folder(paths, model.version)
    place, table = folder / "reference.json", folder / "test_rows.parquet"
    if not place.is_file():
        _check_here(paths, model)
        reference, judged = take_reference(paths, model, config)
        with files.aside(table) as draft:
            judged.write_parquet(draft, compression="zstd")
        # Last: where it is, the other is too.
        files.write_json(place, reference.model_dump(mode="json"))
    return Reference.model_validate(files.read_json(place)), _judged(pl.read_parquet(table))


def take_reference(paths: Paths, model: RegisteredModel, config: Monitor) -> tuple[Reference, pl.DataFrame]:
    """From the rows as the stages left them; beside it the test rows, with what each adds to each metric."""
    recipe = read_recipe(model.model / "recipe.json")
    dataset = read_dataset(paths.dataset)
    columns = logged_columns(model)
    masked = {*config.mask, *personal_columns(paths, model)}
    rows, strata = _training_rows(paths, dataset, columns, config)
    num_strata = DAYS_OF_WEEK if config.season == "week" else 1
    kinds: dict[str, Kind] = {
        column.name: "presence" if column.name in masked else kind_of(rows[column.name], column.type)
        for column in columns.columns
    }
    predictions, weights, units = _test_rows(paths)
    answered = AnsweredRows(
        answered=predictions.y_pred if recipe.target.classes else predictions.y_score,
        probabilities=predictions.y_score if recipe.target.classes else None,
    )
    losses = row_losses(predictions.y_true, answered)
    # Of a group one row, as those of one patient or day go together.
    there = np.flatnonzero(weights > 0)
    draws = there[np.sort(np.unique(units[there], return_index=True)[1])]
    test = answer_columns(answered, recipe.target.classes)
    reference = Reference(
        version=model.version,
        season=config.season,
        classes=recipe.target.classes,
        num_rows=rows.height,
        columns=tuple(counted(rows[name], kind, strata, num_strata) for name, kind in kinds.items()),
        answers=tuple(counted(values.gather(draws), kind_of_answer(values)) for values in test),
        losses=tuple(
            counted(values.gather(draws), "number") for values in loss_columns(predictions.y_true, answered, losses)
        ),
        metrics={name: float(np.average(values, weights=weights)) for name, values in losses.items()},
    )
    own = {"confidence": answered.confidence, "weight": weights, "unit": units}
    table = [pl.Series(name, values) for each in (own, losses) for name, values in each.items()]
    return reference, pl.DataFrame(table)


def counted(
    values: pl.Series, kind: Kind, strata: NDArray[np.int64] | None = None, num_strata: int = 1
) -> CountedColumn:
    """One row in five cuts the cells, and the others are counted in them, by their strata [N]."""
    strata = np.zeros(len(values), dtype=np.int64) if strata is None else strata
    is_cut = np.arange(len(values)) % CUT_EVERY == 0
    cuts = cut(values.filter(pl.Series(is_cut)), kind)
    counts = cuts.counts(values.filter(pl.Series(~is_cut)), strata[~is_cut], num_strata)
    return CountedColumn(cuts=cuts, counts=tuple(tuple(row) for row in counts.tolist()))


def answer_columns(rows: AnsweredRows, classes: Sequence[str]) -> list[pl.Series]:
    """What is watched of answers: the number; or the class and, of few classes, the probability of each but one."""
    if rows.probabilities is None:
        return [pl.Series("prediction", rows.answered)]
    names = np.array(classes, dtype=object)[rows.answered.astype(np.int64)]
    columns = [pl.Series("prediction", names.tolist(), dtype=pl.String)]
    if len(classes) <= MOST_CLASSES:
        # They add up to one: of two classes the second says it all.
        watched = range(1, 2) if len(classes) == 2 else range(len(classes))
        columns += [pl.Series(f"probability_{classes[number]}", rows.probabilities[:, number]) for number in watched]
    return columns


def kind_of_answer(values: pl.Series) -> Kind:
    """A class is a category."""
    return "category" if values.dtype == pl.String else "number"


def loss_columns(actual: NDArray[Any], rows: AnsweredRows, losses: dict[LossName, Any]) -> list[pl.Series]:
    """What is watched of labelled rows: the loss, and by how much the truth lies above the answer."""
    away = residuals(actual, rows)
    return [
        pl.Series("loss", compared_loss(losses)),
        *([] if away is None else [pl.Series("residual", away, dtype=pl.Float64)]),
    ]


def _check_here(paths: Paths, model: RegisteredModel) -> None:
    """The rows of another training are no reference, however alike they may look."""
    own = (model.passport or {}).get("digests")
    here = files.read_json(paths.passport).get("digests") if paths.passport.is_file() else None
    if own is None or here != own:
        raise UserError(
            f"{model.shown}: its training rows do not lie in this project any more, and no look at it was taken while "
            f"they did; look at another version, or train anew (`modelwright run {model.name} --force`) with "
            "`monitor: {log: true}`: what a version is compared with is kept then"
        )


def _training_rows(
    paths: Paths, dataset: Dataset, columns: Dataset, config: Monitor
) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Raw training rows that count and are draws of their own, evenly over all of them, and the stratum of each."""
    folder = paths.split("train")
    chosen = _chosen(paths, dataset, "train")
    time = _time_column(dataset, paths) if config.season == "week" else None
    names = [column.name for column in columns.columns]
    parts = []
    for start, part in _numbered(storage.read_parts(folder, [*names, *([time] if time else [])])):
        own = chosen[(chosen >= start) & (chosen < start + part.height)] - start
        parts.append(part[own.tolist()])
    rows = pl.concat(parts)
    # Monday is 0, as in the windows.
    strata = rows[time].dt.weekday().fill_null(1).to_numpy() - 1 if time else np.zeros(rows.height, dtype=np.int64)
    return (typed(rows, columns) if names else rows), strata.astype(np.int64)


def _chosen(paths: Paths, dataset: Dataset, part: Part) -> NDArray[np.int64]:
    folder = paths.split(part)
    asked = [column.name for column in dataset.columns if column.role in ("weight", "group")]
    num_rows = storage.count_rows(folder)
    is_asked = np.ones(num_rows, dtype=np.bool_)
    if asked:
        table = pl.concat(storage.read_parts(folder, asked))
        for column in dataset.columns:
            if column.role == "weight":
                is_asked &= (table[column.name].fill_null(0) > 0).to_numpy()
            if column.role == "group":
                is_asked &= (table[column.name].is_first_distinct() | table[column.name].is_null()).to_numpy()
    numbers = np.flatnonzero(is_asked)
    return numbers[:: -(-len(numbers) // MOST_ROWS) or 1]


def _numbered(parts: Iterator[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    start = 0
    for part in parts:
        yield start, part
        start += part.height


def _time_column(dataset: Dataset, paths: Paths) -> str:
    times = [column.name for column in dataset.columns if column.role == "time" and column.type == "timestamp"]
    if not times:
        raise UserError(
            f"{paths.project.params}: monitor.season week tells days of the week apart, and no column has the role "
            "time; give it to the one that says when (ingest.columns: {COLUMN: {role: time}}), or write `season: none`"
        )
    return times[0]


def _test_rows(paths: Paths) -> tuple[Predictions, NDArray[np.float64], NDArray[np.int64]]:
    """The test rows as evaluate left them, their weights, and the numbers of their groups or of themselves."""
    predictions = Predictions.of_table(storage.read_table(paths.predicted))
    num_rows = len(predictions.y_true)
    weights = np.ones(num_rows) if predictions.weight is None else predictions.weight
    groups = row_groups(paths, read_dataset(paths.cleaned), "test")
    return predictions, weights, np.arange(num_rows) if groups is None else groups


def _judged(table: pl.DataFrame) -> JudgedAnswers:
    own = ("confidence", "weight", "unit")
    return JudgedAnswers(
        confidence=table["confidence"].to_numpy(),
        losses={name: table[name].to_numpy() for name in table.columns if name not in own},  # type: ignore[misc]
        weights=table["weight"].to_numpy(),
        units=table["unit"].to_numpy(),
    )
