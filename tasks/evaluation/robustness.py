"""How much worse the model answers when raw test rows are disturbed: cells missing, noise, typos, turned pictures.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019: each
kind by itself, in several strengths, on rows that the model has never seen. Rows are disturbed as they are at rest and
then go through the recipe, as a row to be answered would; what the recipe puts right is put right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import polars as pl

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.base import Encoding
from tasks.columns.disturbance import Disturbance, RawColumn
from tasks.columns.draws import random_for
from tasks.columns.moments import Moments, moments
from tasks.errors import UserError
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import (
    NUM_RESAMPLES,
    interval_of,
    interval_of_largest,
    num_units,
    resampled_differences,
)
from tasks.evaluation.rows_at_rest import drawn_rows, rows_at
from tasks.evaluation.weighted_metrics import Floats, OfWeights
from tasks.measures import TAIL_OF_WORST, Measure
from tasks.model_input.inputs import ModelInput
from tasks.params.config import Config, Metric
from tasks.params.evaluate import Robustness
from tasks.params.register import LOWER_IS_BETTER
from tasks.paths import Paths
from tasks.recipe.embedding import column_encoding
from tasks.recipe.recipe import Feature, Recipe
from tasks.tables import storage
from tasks.trainers.base import Model

_SEED = 0
_MIDDLE = 1
_MOST_SLOW_ANSWERS = 3_000
"""Pictures, sounds and tokens that are answered in all: each is decoded, disturbed, and read by a network."""


class DisturbedScore(Config):
    """The metric of rows disturbed in one way: `loss` is by how much it is worse than of the same rows as they were.

    `low` and `high` hold the loss with 95 % confidence on other rows, by the paired bootstrap; None of the calibration
    error, which rows drawn twice make larger. `value` is None where the metric is undefined, and where the model
    cannot answer such rows at all, of which `refusal` says why.
    """

    kind: str
    title: str
    sentence: str
    strength: float
    value: float | None = None
    loss: float | None = None
    low: float | None = None
    high: float | None = None
    refusal: str | None = None


class LargestLoss(Config):
    """The largest loss at the middle strength: `low` and `high` hold the largest true one with 95 % confidence,
    whichever kind of disturbance it is of; `sentence` is of the kind that looks worst."""

    value: float
    low: float | None
    high: float | None
    sentence: str


class RobustnessReport(Config):
    """robustness.json: each kind in three strengths, weak, middle and strong, on the same `num_rows` test rows.

    `value` is the metric of these rows as they are. Without scores where it is switched off, or nothing befalls the
    features.
    """

    metric: Metric
    num_rows: int
    value: float | None = None
    scores: tuple[DisturbedScore, ...] = ()
    largest: LargestLoss | None = None

    @property
    def kinds(self) -> tuple[tuple[DisturbedScore, ...], ...]:
        """The scores of each kind, weak ones first."""
        names = dict.fromkeys(one.kind for one in self.scores)
        return tuple(tuple(one for one in self.scores if one.kind == name) for name in names)

    @property
    def measure(self) -> Measure | None:
        """The largest loss at the middle strength; None where there is none."""
        if self.largest is None:
            return None
        return Measure(
            value=self.largest.value,
            low=self.largest.low,
            high=self.largest.high,
            num_rows=self.num_rows,
            of=self.largest.sentence,
            tail=TAIL_OF_WORST,
        )


@dataclass(frozen=True, kw_only=True)
class DisturbedRows:
    """Raw rows [N] of which columns are disturbed; `stds` are those of numbers among the training rows."""

    recipe: Recipe
    raw: pl.DataFrame
    stds: Mapping[str, float]

    def rows(self, disturbance: Disturbance, strength: float) -> pl.DataFrame:
        """With all columns disturbed that this may befall."""
        features = [feature for feature in self.recipe.raw_features if _may_befall(disturbance, feature)]
        return self.raw.with_columns([self._column(feature, disturbance, strength) for feature in features])

    def _column(self, feature: Feature, disturbance: Disturbance, strength: float) -> pl.Series:
        # By names, so that another column, or another kind, changes no draw.
        draws = random_for(_SEED, crc32(disturbance.name.encode()), crc32(feature.name.encode()))
        column = RawColumn(
            values=self.raw[feature.name],
            encoding=column_encoding(feature.encoding),
            std=self.stds.get(feature.name, 0.0),
            random=draws,
        )
        return disturbance.change(column, strength).alias(feature.name)


def robustness_of_test_rows(
    config: Robustness, judge: Judge, model: Model, recipe: Recipe, rows: JudgedRows, paths: Paths
) -> RobustnessReport:
    """Of test rows drawn at random where there are more than `config.rows`."""
    kinds = kinds_of(recipe.raw_features)
    if not config.enabled or not kinds:
        return RobustnessReport(metric=judge.metric, num_rows=0)
    num_rows = len(rows.weights)
    numbers = drawn_rows(num_rows, min(config.rows, _most_rows(recipe, len(kinds))))
    names = [feature.name for feature in recipe.raw_features]
    is_drawn = np.isin(np.arange(num_rows), numbers)
    raw = rows_at(paths.clean("test"), numbers, names)
    disturbed = DisturbedRows(recipe=recipe, raw=raw, stds=_number_stds(recipe, paths))
    return robustness_of(judge, model, disturbed, rows.where(is_drawn), kinds)


def robustness_of(
    judge: Judge, model: Model, disturbed: DisturbedRows, rows: JudgedRows, kinds: Sequence[Disturbance]
) -> RobustnessReport:
    """Of these rows, whose truth, weights and groups are those of `rows`."""
    recipe = disturbed.recipe
    columns = recipe.columns(disturbed.raw)
    inputs = recipe.blocks(columns)
    before = model.predict(inputs)
    usual = judge.of(rows.predictions.y_true, before)
    scores: list[DisturbedScore] = []
    middle: list[tuple[DisturbedScore, Floats | None]] = []
    for kind in kinds:
        for place, strength in enumerate(kind.strengths):
            score = DisturbedScore(
                kind=kind.name, title=kind.title, sentence=kind.sentence(strength), strength=strength
            )
            try:
                anew = _encoded(recipe, recipe.columns(disturbed.rows(kind, strength)), columns, inputs)
            except UserError as error:
                # Such as a feature of one's own that has to have its column: to refuse is an answer, too.
                scores.append(score.model_copy(update={"refusal": str(error)}))
                continue
            after = model.predict(anew)
            of_disturbed = judge.of(rows.predictions.y_true, after)
            drawn = _drawn_losses(judge, usual, of_disturbed, rows, is_equal=np.array_equal(before, after))
            score = score.model_copy(update=_loss(judge, usual, of_disturbed, rows, drawn))
            scores.append(score)
            middle += [(score, drawn)] if place == _MIDDLE else []
    value = usual(rows.weights)
    return RobustnessReport(
        metric=judge.metric,
        num_rows=len(rows.weights),
        value=value if np.isfinite(value) else None,
        scores=tuple(scores),
        largest=_largest(middle, rows),
    )


def kinds_of(features: Sequence[Feature]) -> list[Disturbance]:
    """What may befall these columns, in the order of their types."""
    types = {feature.encoding.type for feature in features}
    own = [column_type(name).disturbances for name in TYPE_NAMES if name in types]
    return list({one.name: one for some in own for one in some}.values())


def _may_befall(disturbance: Disturbance, feature: Feature) -> bool:
    return any(one.name == disturbance.name for one in column_type(feature.encoding.type).disturbances)


def _encoded(recipe: Recipe, columns: pl.DataFrame, before: pl.DataFrame, inputs: ModelInput) -> ModelInput:
    """Columns as model input; those that are as `before` are not encoded anew, as pictures take their time."""
    changed = tuple(
        feature
        for feature in recipe.features
        if not columns[feature.name].equals(before[feature.name], null_equal=True)
    )
    if not changed:
        return inputs
    anew = recipe.model_copy(update={"features": changed}).blocks(columns)
    return ModelInput(blocks={**inputs.blocks, **anew.blocks}, num_rows=inputs.num_rows)


def _drawn_losses(
    judge: Judge, usual: OfWeights, of_disturbed: OfWeights, rows: JudgedRows, *, is_equal: bool
) -> Floats | None:
    """By how much the metric is worse on each resample of the rows [B]; None where that says nothing of others.

    Undefined are figures beyond all numbers, too, as of answers whose logarithm was learnt.
    """
    if is_equal:
        return np.zeros(NUM_RESAMPLES)  # the columns are of no use to the model
    is_finite = np.isfinite(of_disturbed(rows.weights)) and np.isfinite(usual(rows.weights))
    if not is_finite or judge.metric == "calibration_error" or num_units(rows.weights, rows.groups) < 2:
        return None
    first, second = (of_disturbed, usual) if judge.metric in LOWER_IS_BETTER else (usual, of_disturbed)
    return resampled_differences(first, second, rows.weights, rows.groups, NUM_RESAMPLES)


def _loss(
    judge: Judge, usual: OfWeights, of_disturbed: OfWeights, rows: JudgedRows, drawn: Floats | None
) -> dict[str, float]:
    """The score's figures, those that there are; `drawn` [B] are losses on resamples."""
    value, before = of_disturbed(rows.weights), usual(rows.weights)
    if not (np.isfinite(value) and np.isfinite(before)):
        return {}
    loss = {"value": value, "loss": value - before if judge.metric in LOWER_IS_BETTER else before - value}
    if drawn is None:
        return loss
    if not drawn.any():
        return {**loss, "low": 0.0, "high": 0.0}
    interval = interval_of(drawn, num_units(rows.weights, rows.groups))
    return loss if interval is None else {**loss, "low": interval.low, "high": interval.high}


def _largest(middle: Sequence[tuple[DisturbedScore, Floats | None]], rows: JudgedRows) -> LargestLoss | None:
    """Over all kinds at the middle strength whose loss is known."""
    known = [(one, one.loss, drawn) for one, drawn in middle if one.loss is not None]
    if not known:
        return None
    losses = np.array([loss for _, loss, _ in known])
    # The first of equal ones, which is the same every time.
    worst = known[int(losses.argmax())][0]
    drawn_losses = [drawn for _, _, drawn in known if drawn is not None]
    interval = None
    if len(drawn_losses) == len(known):
        interval = interval_of_largest(losses, np.column_stack(drawn_losses), num_units(rows.weights, rows.groups))
    return LargestLoss(
        value=float(losses.max()),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        sentence=worst.sentence,
    )


def _most_rows(recipe: Recipe, num_kinds: int) -> int:
    """How many may be answered so often in some seconds."""
    is_slow = any(
        column_type(feature.encoding.type).is_media or feature.encoding.field(feature.name).kind == "tokens"
        for feature in recipe.features
    )
    return max(1, _MOST_SLOW_ANSWERS // (3 * num_kinds)) if is_slow else np.iinfo(np.int64).max


def _number_stds(recipe: Recipe, paths: Paths) -> dict[str, float]:
    """The standard deviations of numbers over the training rows."""
    names = [feature.name for feature in recipe.raw_features if _is_number(feature.encoding)]
    totals = dict.fromkeys(names, Moments())
    if not names:
        return {}
    for part in storage.read_parts(paths.clean("train"), names):
        for name in names:
            there = part[name].cast(pl.Float64).drop_nulls()
            totals[name] += moments(there.filter(there.is_finite()).to_numpy())
    return {name: total.std if total.count else 0.0 for name, total in totals.items()}


def _is_number(encoding: Encoding) -> bool:
    return "moments" in column_type(encoding.type).statistics
