"""Stage evaluate: what the model does on the test rows, as metrics, pictures and a page to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks import files, reports
from tasks.augmentation.settings import SECTIONS
from tasks.errors import UserError
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.plots import Plot, learning_curves
from tasks.evaluation.predictions import Answers, Judgement, judge_classes, judge_values
from tasks.evaluation.report_page import Mistake, Page, Station, render, show_row
from tasks.model_input.block_columns import read_examples
from tasks.params.evaluate import Evaluate
from tasks.paths import PARTS, Paths
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.reports import Report, number
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.trainers import load

_DIGITS = 6
"""Of a metric in metrics.json."""


def run(config: Evaluate, paths: Paths) -> Report:
    """Reads the model, the test rows and what earlier stages said.

    Leaves metrics.json, predictions.csv (a line a test row), plots/ and report.html.
    Raises UserError when the model cannot be loaded, its answers are not finite, or a metric is undefined.
    """
    recipe, dataset = read_recipe(paths.model / paths.recipe.name), read_dataset(paths.cleaned)
    positive_number(recipe.target.classes, config.positive)
    answers = answer_test_rows(recipe, paths)
    judged = judge_classes(recipe.target.classes, answers, config) if recipe.target.classes else judge_values(answers)
    history = storage.read_csv(paths.history)
    learning = learning_curves({column.name: column.cast(pl.Float64).to_numpy() for column in history})
    metrics = {name: round(value, _DIGITS) for name, value in judged.metrics.items()}
    page = _page(paths, dataset, metrics, judged, learning)
    files.write_text(paths.predictions, judged.predictions.write_csv())
    write_plots(paths, [*learning, *judged.pictures])
    files.write_text(paths.report_page, render(page))
    files.write_json(paths.metrics, metrics)
    return reports.evaluate(paths)


def answer_test_rows(recipe: Recipe, paths: Paths) -> Answers:
    """The model's answers to normalized/test/, a part at a time."""
    spec = recipe.spec()
    model = load(paths.model, spec)
    actual, given = [], []
    for part in storage.read_parts(paths.normalized("test")):
        examples = read_examples(spec, recipe.target.name, [part])
        actual.append(examples.target)
        given.append(model.predict(examples.inputs))
    return Answers(actual=np.concatenate(actual), given=np.concatenate(given).astype(np.float64))


def write_plots(paths: Paths, pictures: Sequence[Plot]) -> None:
    """plots/NAME.png, and nothing else there."""
    with files.aside(paths.plots) as draft:
        draft.mkdir()
        for picture in pictures:
            (draft / f"{picture.name}.png").write_bytes(picture.light)


def stations(paths: Paths, dataset: Dataset) -> list[Station]:
    """How many rows every stage let through, and what it set aside."""
    validation, cleaning, split = map(
        files.read_json, (paths.validation_report, paths.cleaning_report, paths.split_report)
    )
    valid = validation["num_rows"] - validation["num_quarantined"]
    checked = (_quarantined(validation["num_quarantined"]), f"{len(validation['expectations']):,} expectations")
    rules = [f"{rule['num_quarantined']:,} {name.replace('_', ' ')}" for name, rule in cleaning["rules"].items()]
    return [
        Station(name="ingested", num_rows=dataset.num_rows),
        Station(name="valid", num_rows=valid, notes=checked),
        Station(
            name="clean", num_rows=cleaning["num_rows_out"], notes=(_quarantined(cleaning["num_quarantined"]), *rules)
        ),
        *(Station(name=part, num_rows=split["num_rows"][part]) for part in PARTS),
    ]


def raw_rows(paths: Paths, wanted: Sequence[int], num_rows: int) -> dict[int, dict[str, Any]]:
    """The wanted test rows as they came in, by number, a part in memory at a time.

    Raises UserError when split/test/ has not the rows that normalized/test/ has, `num_rows`.
    """
    found: dict[int, dict[str, Any]] = {}
    start = 0
    for part in storage.read_parts(paths.split("test")):
        for row in wanted:
            if start <= row < start + part.height:
                found[row] = part.row(row - start, named=True)
        start += part.height
    if start != num_rows:
        raise UserError(
            f"{paths.relative(paths.split('test'))} has {start:,} rows and {paths.relative(paths.normalized('test'))} "
            f"{num_rows:,}; run `modelwright run {paths.pipeline} --from normalize`"
        )
    return found


def mistakes(paths: Paths, dataset: Dataset, judged: Judgement) -> list[Mistake]:
    """The worst answers with the rows they were given to."""
    rows = raw_rows(paths, judged.worst, judged.predictions.height)
    columns = [column for column in dataset.columns if column.role in ("id", "feature")]
    return [
        _mistake(row, judged.predictions.row(row, named=True), show_row(rows[row], columns)) for row in judged.worst
    ]


def _mistake(row: int, answer: dict[str, Any], values: Any) -> Mistake:
    if "probability" in answer:
        certainty = f"{answer['probability']:.1%} sure"
        return Mistake(
            row=row, actual=answer["actual"], predicted=answer["predicted"], certainty=certainty, values=values
        )
    actual, predicted = answer["actual"], answer["predicted"]
    off = predicted - actual
    certainty = f"{number(abs(off))} too {'high' if off > 0 else 'low'}"
    return Mistake(row=row, actual=number(actual), predicted=number(predicted), certainty=certainty, values=values)


def _page(paths: Paths, dataset: Dataset, metrics: dict[str, float], judged: Judgement, learning: list[Plot]) -> Page:
    run_facts = files.read_json(paths.run)
    told = files.read_json(paths.augmentation_report)
    is_augmented = any(told.get(section) for section in SECTIONS)
    return Page(
        pipeline=paths.pipeline,
        dataset=dataset,
        headline=reports.headline(metrics),
        lead=_lead(dataset, run_facts["trainer"], len(judged.scores)),
        verdict=judged.verdict,
        metrics=metrics,
        run=run_facts,
        stations=stations(paths, dataset),
        learning=learning,
        pictures=judged.pictures,
        scores=judged.scores,
        positive=judged.positive,
        mistakes=mistakes(paths, dataset, judged),
        augmentation=paths.augmentation_picture.read_bytes() if is_augmented else None,
    )


def _lead(dataset: Dataset, kind: str, num_classes: int) -> str:
    features = dataset.features
    counts = Counter(column.type for column in features)
    columns = " and ".join(f"{count:,} {name} column{'s' if count > 1 else ''}" for name, count in counts.items())
    learnt_from = columns if len(features) > 1 else f"the {features[0].type} column {features[0].name}"
    what = f"one of {num_classes:,} classes" if num_classes else "a number"
    return f"Predicts {dataset.target.name}, {what}, from {learnt_from}. Trained with {kind}."


def _quarantined(count: int) -> str:
    return f"{count:,} set aside" if count else "none set aside"
