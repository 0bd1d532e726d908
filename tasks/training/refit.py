"""Once more on all rows: when validation has said how long to train, the validation rows are learnt from as well.

The test rows stay untouched. How good the model is on validation rows is from then on what its first training says: of
rows that it has learnt, a model says nothing of others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.model_input.example_parts import StoredExamples
from tasks.params.train import HistGradientBoosting, LightgbmTrain, SklearnTrain
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.tables import storage
from tasks.trainers import fit
from tasks.trainers.base import Fitted, Job
from tasks.training.result import answers_to


def refitted(job: Job, config: LightgbmTrain | SklearnTrain, fitted: Fitted, recipe: Recipe, paths: Paths) -> Fitted:
    """The model of another training on training and validation rows, as long as `fitted` was at its best.

    With the facts and diagnostics of the first one, beside which stands on how many rows the second was, and with what
    the first one says of the validation rows.
    """
    parts = (*storage.part_files(paths.augmented), *storage.part_files(paths.normalized("validation")))
    rows = StoredExamples(spec=job.spec, target=recipe.target.name, files=parts).loaded()
    # Of rows that are learnt from the loss only falls: nothing stops it before its end, and all of it stays.
    again = replace(job, train=rows, validation=rows, listeners=(), checkpoints=None)
    facts = {**fitted.facts, "refitted_on": rows.num_rows}
    return replace(
        fitted,
        model=fit(again, _as_long(config, fitted.facts)).model,
        facts=facts,
        validation_answers=answers_to(job.validation, fitted),
    )


def _as_long(config: LightgbmTrain | SklearnTrain, facts: dict[str, Any]) -> LightgbmTrain | SklearnTrain:
    """The settings that train for as many rounds; an estimator without rounds ends by itself."""
    if isinstance(config, LightgbmTrain):
        # None, where the first tree already found nothing to split.
        rounds = max(1, facts["best_tree"])
        return config.model_copy(update={"num_iterations": rounds, "patience": rounds})
    if isinstance(config.estimator, HistGradientBoosting):
        rounds = {"max_iter": facts["best_tree"], "patience": None}
        return config.model_copy(update={"estimator": config.estimator.model_copy(update=rounds)})
    return config
