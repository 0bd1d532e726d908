"""How good a pipeline is on one fold: by the metric that its versions are compared by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.evaluation.cost_matrix import decision_by_cost
from tasks.evaluation.judge import Judge, judge_of
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.thresholds import choose_threshold, refuse_threshold
from tasks.model_input.decision import Decision
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples
from tasks.params.config import Task, metrics_of
from tasks.params.pipeline import Pipeline
from tasks.paths import Paths
from tasks.recipe.recipe import Target, read_recipe
from tasks.tables.dataset import read_dataset
from tasks.trainers import fit
from tasks.training.cross_validation import answers_of, fitted_on
from tasks.training.job import read_examples
from tasks.training.result import answers_to


@dataclass(frozen=True, kw_only=True)
class FoldScore:
    """The metric on the rows that nothing was learnt from, and on the validation rows, which stop a training early.

    By the second a trial is given up: what chose by the fold's own rows which trials stay would flatter the fold.
    """

    judged: float
    validation: float


def check_metric(config: Pipeline, paths: Paths) -> None:
    """Raises UserError where the metric that versions are compared by is none of the pipeline's task."""
    metric, task = config.register_.metric, read_dataset(paths.dataset).task
    if metric not in metrics_of(task):
        raise UserError(
            f"params.yaml: pipelines.{paths.pipeline}: register.metric {metric} is not for {_in_words(task)}"
            f"{did_you_mean(metric, metrics_of(task))}"
        )


def judge_fold(config: Pipeline, fold: Paths) -> FoldScore:
    """Trains on the fold's training rows. Raises UserError where settings do not fit, or the metric is undefined."""
    target = read_recipe(fold.recipe).target
    job, fitted = fitted_on(config.train, fold, lambda job: fit(job, config.train))
    held_back = read_examples(config.train, job.spec, target.name, fold.normalized("test"))
    parts = {
        # Some models learn from these as well, and say what others like them answered that did not.
        "validation": _predictions(job.validation, answers_to(job.validation, fitted)),
        "judged": _predictions(held_back, answers_of(fitted.model, held_back)),
    }
    by_metric = config.evaluate.model_copy(update={"metric": config.register_.metric})
    judge = judge_of(by_metric, target, _decision(config, target, parts["validation"]))
    return FoldScore(**{name: _score(judge, predictions) for name, predictions in parts.items()})


def _predictions(rows: Examples | StoredExamples, answers: NDArray[np.float64]) -> Predictions:
    return Predictions(y_true=rows.targets(), y_score=answers, weight=rows.weights())


def _decision(config: Pipeline, target: Target, validation: Predictions) -> Decision:
    if len(target.classes) != 2:
        refuse_threshold(config.evaluate, len(target.classes))
        return decision_by_cost(config.evaluate, target.classes)
    return choose_threshold(target.classes, config.evaluate, validation).decision


def _score(judge: Judge, predictions: Predictions) -> float:
    num_rows = len(predictions.y_true)
    weight = np.ones(num_rows) if predictions.weight is None else predictions.weight
    value = judge.of(predictions.y_true, predictions.y_score)(weight)
    if not math.isfinite(value):
        raise UserError(
            f"{judge.metric} is undefined on {num_rows:,} rows, such as of one class; give fewer folds (split.folds, "
            "tune.folds)"
        )
    return float(value)


def _in_words(task: Task) -> str:
    return {"regression": "a number", "binary": "two classes", "multiclass": "several classes"}[task]
