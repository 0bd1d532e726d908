"""What a registered version answers to today's test rows: for versions that were judged on others in their time."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks import files
from tasks.evaluation.judged_rows import judged_rows
from tasks.evaluation.raw_test_rows import raw_test_rows
from tasks.params.pipeline import Pipeline
from tasks.paths import Paths
from tasks.promotion.contest import NotComparableError
from tasks.promotion.passport import other_split
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tracking.champion import champion_answers, find_version


def can_be_asked(paths: Paths) -> bool:
    """Whether there are test rows, and an evaluation of them that says what was true."""
    needed = (paths.predicted, paths.split("test"), paths.cleaning_report, paths.cleaned, paths.model / "recipe.json")
    return all(path.exists() for path in needed)


def answers_today(paths: Paths, pipeline: Pipeline, number: int) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The version's answers as `kept_answers` has them, in a process of its own with its own code, and what to note.

    Raises NotComparableError when it cannot answer.
    """
    dataset, classes = read_dataset(paths.cleaned), read_recipe(paths.model / paths.recipe.name).target.classes
    version = find_version(paths, number)
    with files.scratch(paths.checkpoints) as scratch:
        rows = scratch / "rows"
        storage.write_parts(rows, raw_test_rows(paths, dataset.target.name))
        answers = champion_answers(version, rows, paths, pipeline.register_.champion_minutes)
    judged = judged_rows(paths, dataset, classes)
    if answers.height != len(judged.predictions.y_true):
        raise NotComparableError(f"it answered {answers.height:,} of {len(judged.predictions.y_true):,} rows")
    names = np.array(classes, dtype=object)
    y_true = judged.predictions.y_true
    columns = [pl.Series("actual", names[y_true].tolist() if classes else y_true)]
    columns += [] if judged.groups is None else [pl.Series("group", judged.groups)]
    columns += [] if judged.predictions.weight is None else [pl.Series("weight", judged.predictions.weight)]
    columns += [pl.Series("row", np.arange(answers.height), dtype=pl.UInt64)]
    columns += [pl.Series("number", np.zeros(answers.height), dtype=pl.UInt32)]
    return answers.with_columns(columns), other_split(version.passport, pipeline)
