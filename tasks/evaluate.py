"""Stage evaluate: what the model does on the test rows, as metrics, pictures and a page to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks import files, reports
from tasks.evaluation.importance import Importance, Judge, measured_importance, metric_for
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.page_content import page_of
from tasks.evaluation.plots import Plot, learning_curves
from tasks.evaluation.predictions import Predictions, evaluate_classification, evaluate_regression
from tasks.evaluation.report_page import render
from tasks.explanation.permutation import rows_to_ask
from tasks.model_input.block_columns import read_examples
from tasks.model_input.example_parts import StoredExamples
from tasks.params.evaluate import Evaluate
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.trainers import load
from tasks.trainers.base import Model

_ROWS_A_PART = 100_000


def run(config: Evaluate, paths: Paths) -> Report:
    """Reads the model, the test rows and what earlier stages said.

    Leaves metrics.json, predictions.csv (a line a test row), predicted/ (the same to the last digit), importance.csv
    and its picture, plots/ and report.html.
    Raises UserError when the model cannot be loaded, its predictions are not finite, or a metric is undefined.
    """
    recipe, dataset = read_recipe(paths.model / paths.recipe.name), read_dataset(paths.cleaned)
    # First, so that a class that does not exist is refused before any row is predicted.
    positive_number(recipe.target.classes, config.positive)
    model = load(paths.model, recipe.spec())
    predictions, classes = predict_test_rows(recipe, paths, model), recipe.target.classes
    evaluation = evaluate_classification(classes, predictions, config) if classes else evaluate_regression(predictions)
    importance = _importance(config, model, recipe, paths)
    history = storage.read_csv(paths.history)
    learning = learning_curves({column.name: column.cast(pl.Float64).to_numpy() for column in history})
    page = page_of(paths, dataset, evaluation.metrics, evaluation, learning, importance)
    storage.write_parts(paths.predicted, predictions.as_table().iter_slices(_ROWS_A_PART))
    files.write_text(paths.predictions, evaluation.predictions.write_csv())
    write_plots(paths, [*learning, *evaluation.plots])
    files.write_text(paths.importance, importance.as_table().write_csv())
    files.write_bytes(paths.importance_picture, importance.picture())
    files.write_text(paths.report_page, render(page))
    files.write_json(paths.metrics, evaluation.metrics)
    return reports.evaluate(paths)


def predict_test_rows(recipe: Recipe, paths: Paths, model: Model | None = None) -> Predictions:
    """The model's predictions for normalized/test/, a part at a time; loaded here, where it is not given."""
    spec = recipe.spec()
    model = model or load(paths.model, spec)
    y_true, y_score, weights = [], [], []
    for part in storage.read_parts(paths.normalized("test")):
        examples = read_examples(spec, recipe.target.name, [part])
        y_true.append(examples.target)
        y_score.append(model.predict(examples.inputs))
        weights += [] if examples.weight is None else [examples.weight]
    return Predictions(
        y_true=np.concatenate(y_true),
        y_score=np.concatenate(y_score).astype(np.float64),
        weight=np.concatenate(weights) if weights else None,
    )


def _importance(config: Evaluate, model: Model, recipe: Recipe, paths: Paths) -> Importance:
    """How much the model needs each column, on test rows drawn at random where there are many."""
    spec, parts = recipe.spec(), tuple(storage.part_files(paths.normalized("test")))
    _, rows = StoredExamples(spec=spec, target=recipe.target.name, files=parts).sample(rows_to_ask(spec))
    judge = Judge(
        # One that is not for the task is refused by register, which says so.
        metric=metric_for(recipe.target.task, config.metric),
        positive=positive_number(recipe.target.classes, config.positive),
        average=config.average,
    )
    return measured_importance(model, spec, rows, judge)


def write_plots(paths: Paths, pictures: Sequence[Plot]) -> None:
    """plots/NAME.png, and nothing else there."""
    with files.aside(paths.plots) as draft:
        draft.mkdir()
        for picture in pictures:
            (draft / f"{picture.name}.png").write_bytes(picture.light)
