"""What the report page shows of a pipeline: its rows from stage to stage, its figures, its worst mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tasks import files
from tasks.augmentation.settings import SECTIONS
from tasks.errors import UserError
from tasks.evaluation.alike import AlikeRow, Answered, alike_training_rows, remark
from tasks.evaluation.assessment import Assessment
from tasks.evaluation.predictions import Evaluation
from tasks.evaluation.report_page import Mistake, Page, ShownAlike, Station, show_row
from tasks.evaluation.rows_at_rest import rows_at
from tasks.paths import PARTS, Part, Paths
from tasks.recipe.recipe import Recipe, Target
from tasks.reports import headline
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset
from tasks.wording import counted, number, percent

_ALIKE_SIDE = 96
"""Pixels a side of the pictures beside a mistake."""


def page_of(paths: Paths, dataset: Dataset, recipe: Recipe, assessment: Assessment) -> Page:
    """The page's content, from what this and earlier stages left."""
    run_facts = files.read_json(paths.run)
    augmentation = files.read_json(paths.augmentation_report)
    is_augmented = any(augmentation.get(section) for section in SECTIONS)
    evaluation = assessment.evaluation
    return Page(
        pipeline=paths.pipeline,
        dataset=dataset,
        headline=headline(evaluation.metrics),
        lead=_lead(dataset, len(recipe.computations), run_facts["trainer"], len(evaluation.scores)),
        run=run_facts,
        stations=stations(paths, dataset),
        assessment=assessment,
        mistakes=mistakes(paths, dataset, recipe, evaluation),
        augmentation=paths.augmentation_picture.read_bytes() if is_augmented else None,
    )


def stations(paths: Paths, dataset: Dataset) -> list[Station]:
    """How many rows every stage let through, and what it set aside."""
    validation, cleaning = files.read_json(paths.validation_report), files.read_json(paths.cleaning_report)
    valid = validation["num_rows"] - validation["num_quarantined"]
    checked = (
        _quarantined(validation["num_quarantined"]),
        counted(len(validation["expectations"]), "expectation"),
    )
    rules = [f"{rule['num_quarantined']:,} {name.replace('_', ' ')}" for name, rule in cleaning["rules"].items()]
    return [
        Station(name="ingested", num_rows=dataset.num_rows),
        Station(name="valid", num_rows=valid, notes=checked),
        Station(
            name="clean", num_rows=cleaning["num_rows_out"], notes=(_quarantined(cleaning["num_quarantined"]), *rules)
        ),
        *(Station(name=part, num_rows=cleaning["num_rows"][part]) for part in PARTS),
    ]


def check_test_rows(paths: Paths) -> None:
    """Raises UserError when clean/ and normalized/ do not go together, of test or training rows."""
    check_rows(paths, "test")
    check_rows(paths, "train")


def check_rows(paths: Paths, part: Part) -> None:
    """Raises UserError when a part has not as many rows clean as normalized: they are matched by number alone."""
    clean, normalized = paths.clean(part), paths.normalized(part)
    if storage.count_rows(clean) != storage.count_rows(normalized):
        raise UserError(
            f"{paths.relative(clean)} has {counted(storage.count_rows(clean), 'row')} and {paths.relative(normalized)} "
            f"{storage.count_rows(normalized):,}; run `modelwright run {paths.pipeline} --from normalize`"
        )


def raw_rows(paths: Paths, row_numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The test rows with these numbers as they came in, a part in memory at a time."""
    numbers = np.unique(np.array(row_numbers, dtype=np.int64))
    rows = rows_at(paths.clean("test"), numbers).iter_rows(named=True)
    return dict(zip(numbers.tolist(), rows, strict=True))


def mistakes(paths: Paths, dataset: Dataset, recipe: Recipe, evaluation: Evaluation) -> list[Mistake]:
    """The worst predictions with the raw rows they are for, and the training rows most like these."""
    rows = raw_rows(paths, evaluation.worst)
    alike = alike_training_rows(recipe, paths, evaluation.worst)
    columns = [column for column in dataset.columns if column.role in ("id", "feature")]
    gallery = []
    for row in evaluation.worst:
        answer = evaluation.predictions.row(row, named=True)
        mistake = _mistake(row, answer, show_row(rows[row], columns))
        gallery.append(_with_alike(mistake, answer, alike[row], recipe.target, columns))
    return gallery


def _with_alike(
    mistake: Mistake, answer: dict[str, Any], alike: Sequence[AlikeRow], target: Target, columns: Sequence[Column]
) -> Mistake:
    targets = [str(one.values[target.name]) if target.classes else float(one.values[target.name]) for one in alike]
    answered = Answered(actual=answer["actual"], predicted=answer["predicted"])
    shown = [
        ShownAlike(
            row=one.row,
            target=value if isinstance(value, str) else number(value),
            distance="the same in all that the model reads" if one.is_identical else f"distance {number(one.distance)}",
            values=show_row(one.values, columns, _ALIKE_SIDE),
        )
        for one, value in zip(alike, targets, strict=True)
    ]
    return replace(mistake, alike=shown, remark=remark(answered, targets, [one.is_identical for one in alike]))


def _mistake(row: int, answer: dict[str, Any], values: Any) -> Mistake:
    if "probability" in answer:
        certainty = f"{percent(answer['probability'])} sure"
        return Mistake(
            row=row, actual=answer["actual"], predicted=answer["predicted"], certainty=certainty, values=values
        )
    actual, predicted = answer["actual"], answer["predicted"]
    error = predicted - actual
    certainty = f"{number(abs(error))} too {'high' if error > 0 else 'low'}"
    return Mistake(row=row, actual=number(actual), predicted=number(predicted), certainty=certainty, values=values)


def _lead(dataset: Dataset, num_own: int, kind: str, num_classes: int) -> str:
    features = dataset.features
    counts = Counter(column.type for column in features)
    columns = " and ".join(f"{counted(count, f'{name} column')}" for name, count in counts.items())
    learnt_from = columns if len(features) > 1 else f"the {features[0].type} column {features[0].name}"
    if num_own:
        learnt_from += f", and {counted(num_own, 'feature')} of your own"
    what = f"one of {num_classes:,} classes" if num_classes else "a number"
    return f"Predicts {dataset.target.name}, {what}, from {learnt_from}. Trained with {kind}."


def _quarantined(count: int) -> str:
    return f"{count:,} set aside" if count else "none set aside"
