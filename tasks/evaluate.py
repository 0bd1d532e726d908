"""Stage evaluate: what the model does on the test rows, as metrics, pictures and a page to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tasks import files, reports
from tasks.errors import UserError
from tasks.evaluation.answer_costs import answer_costs
from tasks.evaluation.assessment import Assessment
from tasks.evaluation.baseline import baseline
from tasks.evaluation.class_settings import check_class_settings
from tasks.evaluation.confidence import confidence_table
from tasks.evaluation.conformal_rows import coverage_of_test_rows, rule_of_validation_rows
from tasks.evaluation.cost import costs_of_keeping
from tasks.evaluation.cost_matrix import decision_by_cost
from tasks.evaluation.drawing import Plot
from tasks.evaluation.drift_of_test import drift_of_test_rows
from tasks.evaluation.fairness import fairness_of_test_rows
from tasks.evaluation.judge import judge_of
from tasks.evaluation.judged_rows import JudgedRows, test_groups
from tasks.evaluation.page_content import check_test_rows, page_of
from tasks.evaluation.plots import learning_curves
from tasks.evaluation.predictions import Evaluation, Predictions, evaluate_classification, evaluate_regression
from tasks.evaluation.report_page import render
from tasks.evaluation.robustness import robustness_of_test_rows
from tasks.evaluation.slices import slices_of_test_rows
from tasks.evaluation.summary import summary
from tasks.evaluation.threshold_table import threshold_table
from tasks.evaluation.thresholds import ThresholdChoice, choose_threshold
from tasks.evaluation.use_of_columns import use_of_columns
from tasks.measures import Measure
from tasks.model_input.block_columns import read_examples
from tasks.model_input.conformal import ConformalRule
from tasks.model_input.decision import ANSWER_COSTS, Decision
from tasks.params.config import Metric
from tasks.params.evaluate import Evaluate
from tasks.paths import Part, Paths
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.trainers import load
from tasks.trainers.base import Model

_ROWS_A_PART = 100_000


def run(config: Evaluate, paths: Paths) -> Report:
    """Reads the model, the test rows and what earlier stages said; of two classes, and for intervals and sets of
    classes, the validation rows.

    Leaves metrics.json, evaluation.json, decision.json, conformal.json, measures.json, what else was found out
    (AssessmentName) as JSON, predictions.csv (a line a test row), predicted/ (the same to the last digit),
    importance.csv and its picture, plots/ and report.html. Raises UserError when the model cannot be loaded, its
    predictions are not finite, a metric is undefined, or a threshold, an interval or a set cannot be chosen.
    """
    recipe, dataset = read_recipe(paths.model / paths.recipe.name), read_dataset(paths.cleaned)
    classes = recipe.target.classes
    # First, so that a class that does not exist is refused before any row is predicted.
    check_class_settings(config, classes)
    check_test_rows(paths)
    model = load(paths.model, recipe.spec())
    answered = _answered(config, model, recipe, dataset, paths)
    assessment = _assessed(config, model, recipe, dataset, answered, paths)
    page = page_of(paths, dataset, recipe, assessment)
    rule = answered.rule
    storage.write_parts(paths.predicted, answered.predictions.as_table().iter_slices(_ROWS_A_PART))
    files.write_json(paths.decision, answered.decision_as_dict(classes))
    files.write_json(paths.assessment("conformal"), rule.model_dump(mode="json") if rule else {"coverage": None})
    _write(assessment, {**costs_of_keeping(model, paths), **assessment.measures}, paths)
    files.write_text(paths.report_page, render(page))
    return reports.evaluate(paths)


@dataclass(frozen=True, kw_only=True)
class _TestAnswers:
    """What the model answers to the test rows, and what validation rows have chosen of how it answers."""

    predictions: Predictions
    choice: ThresholdChoice | None
    rule: ConformalRule | None
    decision: Decision

    def decision_as_dict(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """decision.json: what travels with the model."""
        if self.decision.costs is not None:
            by_cost = {"classes": list(classes), "costs": [list(row) for row in self.decision.costs]}
            return {"threshold": None, ANSWER_COSTS: by_cost}
        return self.choice.as_dict() if self.choice else {"threshold": None}


def _answered(config: Evaluate, model: Model, recipe: Recipe, dataset: Dataset, paths: Paths) -> _TestAnswers:
    classes = recipe.target.classes
    validation = _validation(config, model, recipe, paths)
    choice = _threshold(config, classes, validation)
    rule = None
    if config.conformal is not None and validation is not None:
        rule = rule_of_validation_rows(config.conformal, classes, validation, dataset, paths)
    predictions = predict_rows(recipe, paths, "test", model)
    decision = choice.decision if choice else decision_by_cost(config, classes)
    # The class that a threshold or costs answer; without these the likeliest is.
    if decision.threshold is not None or decision.costs is not None:
        predictions = replace(predictions, answered=decision.of(predictions.y_score))
    return _TestAnswers(predictions=predictions, choice=choice, rule=rule, decision=decision)


def _assessed(
    config: Evaluate, model: Model, recipe: Recipe, dataset: Dataset, answered: _TestAnswers, paths: Paths
) -> Assessment:
    classes, predictions, choice, rule = recipe.target.classes, answered.predictions, answered.choice, answered.rule
    judge, groups = judge_of(config, recipe.target, answered.decision), test_groups(paths, dataset)
    evaluation = _led_by(
        judge.metric,
        evaluate_classification(classes, predictions, config) if classes else evaluate_regression(predictions),
    )
    rows = JudgedRows(classes=classes, predictions=predictions, groups=groups)
    importance, effects = use_of_columns(judge, model, recipe, paths, groups)
    return Assessment(
        evaluation=evaluation,
        judged=summary(judge, rows, baseline(paths, recipe, judge.deciding_costs), [*evaluation.metrics]),
        confidence=confidence_table(predictions),
        learning=_learning(paths),
        importance=importance,
        effects=effects,
        thresholds=threshold_table(choice, predictions) if choice and choice.curve else None,
        answer_costs=answer_costs(config, judge, rows),
        slices=slices_of_test_rows(judge, rows, dataset, recipe, paths),
        coverage=coverage_of_test_rows(rule, rows, dataset, paths) if rule else None,
        robustness=robustness_of_test_rows(config.robustness, judge, model, recipe, rows, paths),
        drift=drift_of_test_rows(dataset, paths),
        fairness=fairness_of_test_rows(judge, rows, dataset, paths),
    )


def _write(assessment: Assessment, measures: Mapping[str, Measure], paths: Paths) -> None:
    """What was found out as files, for programs and for the stages to come."""
    files.write_text(paths.predictions, assessment.evaluation.predictions.write_csv())
    write_plots(paths, assessment.pictures)
    files.write_text(paths.importance, assessment.importance.as_table().write_csv())
    files.write_bytes(paths.importance_picture, assessment.importance.picture())
    files.write_json(paths.evaluation, assessment.judged.model_dump(mode="json"))
    for name, report in assessment.reports.items():
        files.write_json(paths.assessment(name), report.model_dump(mode="json") if report else {name: None})
    files.write_json(paths.assessment("measures"), {name: one.as_dict() for name, one in measures.items()})
    files.write_json(paths.metrics, assessment.evaluation.metrics)


def predict_rows(recipe: Recipe, paths: Paths, part: Part = "test", model: Model | None = None) -> Predictions:
    """The model's predictions for the rows of a part, a file in memory at a time; loaded here, if it is not given."""
    spec = recipe.spec()
    model = model or load(paths.model, spec)
    y_true, y_score, weights = [], [], []
    for rows in storage.read_parts(paths.normalized(part)):
        examples = read_examples(spec, recipe.target.name, [rows])
        y_true.append(examples.target)
        y_score.append(model.predict(examples.inputs))
        weights += [] if examples.weight is None else [examples.weight]
    return Predictions(
        y_true=np.concatenate(y_true),
        y_score=np.concatenate(y_score).astype(np.float64),
        weight=np.concatenate(weights) if weights else None,
    )


def _validation(config: Evaluate, model: Model, recipe: Recipe, paths: Paths) -> Predictions | None:
    """What was said of the validation rows before the model learnt from them as well, if it did: a choice by the test
    rows would flatter it. None where nobody asks."""
    if len(recipe.target.classes) != 2 and config.conformal is None:
        return None
    predictions = predict_rows(recipe, paths, "validation", model)
    if paths.validation_answers.exists():
        # Of rows that it has learnt since, the model would be too sure.
        first = storage.read_table(paths.validation_answers)["answer"].to_numpy()
        predictions = replace(predictions, y_score=first)
    return predictions


def _threshold(config: Evaluate, classes: tuple[str, ...], validation: Predictions | None) -> ThresholdChoice | None:
    """How the model decides between two classes, by validation rows."""
    if len(classes) != 2 or validation is None:
        return None
    return choose_threshold(classes, config, validation)


def _led_by(metric: Metric, evaluation: Evaluation) -> Evaluation:
    """With the metric first that the pipeline is judged by: that one every front end shows."""
    if metric not in evaluation.metrics:
        raise UserError(
            f"evaluate: {metric} is undefined for these test rows: of a value below 0 there is no logarithm; choose "
            "another register.metric, such as mae"
        )
    return replace(evaluation, metrics={metric: evaluation.metrics[metric], **evaluation.metrics})


def _learning(paths: Paths) -> list[Plot]:
    history = storage.read_csv(paths.history)
    curves = {column.name: column.cast(pl.Float64).to_numpy() for column in history}
    # Boosting grows a tree where a network goes once over all rows.
    facts = files.read_json(paths.run)["facts"]
    # The members of an ensemble stand beside each other: a line through them would say nothing.
    if "weights" in facts:
        return []
    return learning_curves(curves, "tree" if "trees" in facts else "epoch")


def write_plots(paths: Paths, pictures: Sequence[Plot]) -> None:
    """plots/NAME.png, and nothing else there."""
    with files.aside(paths.plots) as draft:
        draft.mkdir()
        for picture in pictures:
            (draft / f"{picture.name}.png").write_bytes(picture.light)
