"""Models are measured before one is drafted: each on the same folds of the training rows, within the minutes given."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tasks.drafting.candidates import Candidate
from tasks.drafting.decide import Decisions
from tasks.drafting.differences import difference, in_words
from tasks.drafting.findings import Finding, by_weight
from tasks.drafting.inspection import Inspection
from tasks.drafting.measurement import Measurement, best_of, is_better_than_no_model, why_taken
from tasks.drafting.trial_rows import TrialRows, trial_rows
from tasks.errors import UserError
from tasks.params.config import Metric
from tasks.paths import Paths, Project
from tasks.wording import counted, number

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline
    from tasks.params.train import Train
    from tasks.recipe.recipe import Recipe
    from tasks.trainers.base import Fitted, Job

Configured = Callable[[Decisions], "Pipeline"]
Tell = Callable[[str], None]

_NAME_OF_BASELINE = "no model"

NO_TIME = "not in these minutes; --minutes gives more"

_NO_BETTER = "nothing that was measured is surely better than no model"


@dataclass(frozen=True, kw_only=True)
class _Later:
    """Readings that are tried afterwards, by models as quick as a single one, and the most time that is left to them.

    A ratio of two columns may bring more than the choice between models: california-housing's turned axes did.
    """

    num: int
    most_seconds: float

    def seconds(self, measurements: Sequence[Measurement]) -> float:
        """That they take: each, and once the columns as they are, all folds of the slowest quick model."""
        quick = [one.seconds * len(one.folds) for one in measurements if not one.candidate.is_costly]
        return min(self.most_seconds, (self.num + 1) * max(quick, default=0.0)) if self.num else 0.0


def measured(
    decisions: Decisions,
    inspection: Inspection,
    configured: Configured,
    minutes: float,
    tell: Tell,
    *,
    num_readings: int = 0,
) -> Decisions:
    """With the model that is best by the pipeline's metric, with what was tried; or as they are, with the reason.

    For so many other readings of the columns, which come after it, up to a third of the minutes is left.

    `tell` hears what is being measured.
    """
    if not decisions.candidates or not minutes:
        return decisions
    deadline = time.monotonic() + 60 * minutes
    with TemporaryDirectory(prefix="modelwright-") as folder:
        paths = Project(root=Path(folder)).pipeline("rows")
        try:
            rows = trial_rows(configured(decisions), inspection, paths)
            measurements, notes = _prepared(decisions, configured, rows)
            notes += _measure(measurements, deadline, _Later(num=num_readings, most_seconds=20 * minutes), tell)
            return _decided(decisions, measurements, notes, rows, minutes)
        except UserError as error:
            choice = decisions.choice
            why = f"{choice.reason} (models could not be compared: {first_line(error, paths)})"
            return replace(decisions, choice=replace(choice, reason=why))


def _prepared(decisions: Decisions, configured: Configured, rows: TrialRows) -> tuple[list[Measurement], list[str]]:
    """Each candidate with its encoded rows; and of those that cannot read the columns, why."""
    from tasks.trainers import trainer

    measurements, notes = [], []
    encoded: dict[str, Sequence[Paths]] = {}
    for candidate in decisions.candidates:
        try:
            config = configured(_with(decisions, candidate))
            # Its library is imported now: else the first fold would seem to take seconds more than the others.
            trainer(config.train.kind)
            key = config.normalize.model_dump_json()
            if key not in encoded:
                encoded[key] = rows.encoded(config, f"encoded{len(encoded)}")
        except UserError as error:
            notes.append(f"{candidate.name}: {first_line(error, rows.paths)}")
            continue
        measurements.append(Measurement(candidate=candidate, config=config, folds=encoded[key]))
    return measurements, notes


def _measure(measurements: list[Measurement], deadline: float, later: _Later, tell: Tell) -> list[str]:
    """Fold by fold, so that all are compared on the same rows; those who drop out are named.

    A fold that all of them would not end in time is not begun: what the folds before it say is kept.
    """
    notes: list[str] = []
    late: list[str] = []
    for number_of_fold in range(len(measurements[0].folds) if measurements else 0):
        end = deadline - later.seconds(measurements)
        if number_of_fold and time.monotonic() + sum(one.seconds for one in measurements) > end:
            break
        for measurement in list(measurements):
            name, fold = measurement.candidate.name, measurement.folds[number_of_fold]
            began = time.monotonic()
            # How long its first fold takes is known by the simpler ones at most, which come first.
            simpler = measurements[: measurements.index(measurement)]
            at_most = measurement.candidate.times * sum(one.seconds for one in simpler)
            if not number_of_fold and began + at_most > deadline - later.seconds(simpler):
                late.append(name)
                measurements.remove(measurement)
                continue
            tell(f"{name}, fold {number_of_fold + 1} of {len(measurement.folds)}")
            try:
                _measure_fold(measurement, fold)
            except UserError as error:
                notes.append(f"{name}: {first_line(error, fold)}")
                measurements.remove(measurement)
            measurement.seconds = time.monotonic() - began
    return [*notes, f"{', '.join(late)}: {NO_TIME}"] if late else notes


def _measure_fold(measurement: Measurement, fold: Paths) -> None:
    value, baseline = score_of_fold(measurement.config, fold)
    measurement.scores.append(value)
    measurement.baseline.append(baseline)


def score_of_fold(config: Pipeline, fold: Paths) -> tuple[float, float]:
    """The pipeline's metric of a model of this fold, and of no model. Raises UserError where it is undefined."""
    from tasks.evaluation.baseline import baseline
    from tasks.evaluation.judge import judge_of
    from tasks.model_input.decision import LIKELIEST
    from tasks.recipe.recipe import read_recipe
    from tasks.training.cross_validation import held_out

    recipe = read_recipe(fold.recipe)
    judged = held_out(config.train, fold, lambda job: as_trained(config.train, job, recipe, fold))
    judge = judge_of(config.evaluate, recipe.target, LIKELIEST)
    weight = np.ones(len(judged.truth)) if judged.weight is None else judged.weight
    value = judge.of(judged.truth, judged.answers)(weight)
    if not math.isfinite(value):
        why = "such as of one class" if recipe.target.classes else "for which an answer may be too large"
        raise UserError(f"{judge.metric} is undefined on {counted(len(judged.truth), 'row')}, {why}")
    guess = baseline(fold, recipe).answers(len(judged.truth))
    return value, judge.of(judged.truth, guess)(weight)


def as_trained(config: Train, job: Job, recipe: Recipe, fold: Paths) -> Fitted:
    """As the stage `train` does it, so that what is measured is what will be there."""
    from tasks.trainers import fit
    from tasks.training.refit import refitted

    return refitted(job, config, fit(job, config), recipe, fold)


def _with(decisions: Decisions, candidate: Candidate, **more: object) -> Decisions:
    sections = {"normalize": candidate.normalize, "train": candidate.train}
    return replace(decisions, choice=replace(decisions.choice, **sections, **more))  # type: ignore[arg-type]


def _decided(
    decisions: Decisions, measurements: Sequence[Measurement], notes: Sequence[str], rows: TrialRows, minutes: float
) -> Decisions:
    from tasks.evaluation.baseline import LAST_VALUE

    if not measurements:
        raise UserError("; ".join(notes) or "there are no folds")
    metric = decisions.choice.metric
    too_long = [one for one in measurements if one.candidate.is_costly and _training_minutes(one, rows) > minutes]
    notes = [*notes, *(_too_long(one, rows) for one in too_long)]
    compared = [one for one in measurements if one not in too_long]
    best = best_of(compared, metric)
    if not is_better_than_no_model(best, metric):
        notes = [*notes, _NO_BETTER]
        decisions = replace(decisions, findings=tuple(by_weight([*decisions.findings, _no_better(best, metric)])))
    reason = f"{best.candidate.name}: {why_taken(best, compared, metric, leaves_out=bool(too_long))}"
    names_last_value = bool(rows.forward) and decisions.target.task == "regression"
    baseline = f"{_NAME_OF_BASELINE} ({LAST_VALUE})" if names_last_value else _NAME_OF_BASELINE
    tried = _table(metric, measurements, best, notes, rows, baseline)
    return _with(decisions, best.candidate, reason=reason, tried=tuple(tried))


def _no_better(best: Measurement, metric: Metric) -> Finding:
    by = in_words(*difference(best.scores, best.baseline))
    message = (
        f"{_NO_BETTER}: {best.candidate.name} differs from it by {by} in {metric}, its standard error in brackets. The "
        "columns may say nothing of the target, or more rows are needed to tell."
    )
    return Finding(kind="no_better", columns=(), message=message)


def _training_minutes(measurement: Measurement, rows: TrialRows) -> float:
    """About how long one training on all rows takes: as long as one on the rows that were drawn, for each of these."""
    return measurement.seconds / rows.share / 60


def _too_long(measurement: Measurement, rows: TrialRows) -> str:
    minutes = math.ceil(_training_minutes(measurement, rows))
    what = f"would train for some {counted(minutes, 'minute')} on all rows; --minutes {minutes} may take it"
    return f"{measurement.candidate.name}: {what}"


def _table(
    metric: Metric,
    measurements: Sequence[Measurement],
    best: Measurement,
    notes: Sequence[str],
    rows: TrialRows,
    baseline: str,
) -> list[str]:
    num_folds = len(best.scores)
    one, what = ("later stretch", "later stretches") if rows.forward else ("fold", "folds")
    where = f"{counted(num_folds, one, what)} of {counted(rows.num_rows, 'training row')}"
    lines = [f"measured on {where}, {metric} (difference and its standard error):"]
    names = [baseline, *(measurement.candidate.name for measurement in measurements)]
    width = max(map(len, names))
    beside_best = in_words(*difference(best.baseline, best.scores))
    lines.append(f"  {baseline:{width}}  {number(fmean(best.baseline))}  {beside_best}")
    for measurement in measurements:
        name, own = measurement.candidate.name, fmean(measurement.scores)
        beside = "  <- taken" if measurement is best else f"  {in_words(*difference(measurement.scores, best.scores))}"
        lines.append(f"  {name:{width}}  {number(own)}{beside}")
    if num_folds < len(best.folds):
        notes = [*notes, f"these minutes are enough for {num_folds} of {len(best.folds)} {what}; --minutes gives more"]
    if not best.candidate.is_costly:
        notes = [*notes, "its settings are as drafted: modelwright tune searches them"]
    return [*lines, *(f"  {note}" for note in notes)]


def first_line(error: UserError, paths: Paths) -> str:
    """What an error says, in one line and without the folder that will be gone."""
    return str(error).splitlines()[0].replace(f"{paths.project.root}/", "")
