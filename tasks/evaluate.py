"""Stage evaluate: what the model does on the test rows, as metrics, pictures and a page to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks import files, reports
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.page_content import page_of
from tasks.evaluation.plots import Plot, learning_curves
from tasks.evaluation.predictions import Predictions, evaluate_classification, evaluate_regression
from tasks.evaluation.report_page import render
from tasks.model_input.block_columns import read_examples
from tasks.params.evaluate import Evaluate
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.trainers import load

_ROWS_A_PART = 100_000


def run(config: Evaluate, paths: Paths) -> Report:
    """Reads the model, the test rows and what earlier stages said.

    Leaves metrics.json, predictions.csv (a line a test row), predicted/ (the same to the last digit), plots/ and
    report.html.
    Raises UserError when the model cannot be loaded, its predictions are not finite, or a metric is undefined.
    """
    recipe, dataset = read_recipe(paths.model / paths.recipe.name), read_dataset(paths.cleaned)
    # First, so that a class that does not exist is refused before any row is predicted.
    positive_number(recipe.target.classes, config.positive)
    predictions, classes = predict_test_rows(recipe, paths), recipe.target.classes
    evaluation = evaluate_classification(classes, predictions, config) if classes else evaluate_regression(predictions)
    history = storage.read_csv(paths.history)
    learning = learning_curves({column.name: column.cast(pl.Float64).to_numpy() for column in history})
    page = page_of(paths, dataset, evaluation.metrics, evaluation, learning)
    storage.write_parts(paths.predicted, predictions.as_table().iter_slices(_ROWS_A_PART))
    files.write_text(paths.predictions, evaluation.predictions.write_csv())
    write_plots(paths, [*learning, *evaluation.plots])
    files.write_text(paths.report_page, render(page))
    files.write_json(paths.metrics, evaluation.metrics)
    return reports.evaluate(paths)


def predict_test_rows(recipe: Recipe, paths: Paths) -> Predictions:
    """The model's predictions for normalized/test/, a part at a time."""
    spec = recipe.spec()
    model = load(paths.model, spec)
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


def write_plots(paths: Paths, pictures: Sequence[Plot]) -> None:
    """plots/NAME.png, and nothing else there."""
    with files.aside(paths.plots) as draft:
        draft.mkdir()
        for picture in pictures:
            (draft / f"{picture.name}.png").write_bytes(picture.light)
