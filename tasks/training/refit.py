"""Once more on all rows: when validation has said how long to train, the validation rows are learnt from as well.

The test rows stay untouched. How good the model is on validation rows is from then on what its first training says: of
rows that it has learnt, a model says nothing of others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.params.lightgbm import LightgbmTrain
from tasks.params.sklearn import HistGradientBoosting
from tasks.params.torch import TorchTrain
from tasks.params.train import EnsembleTrain, SingleTrain, Train
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.trainers import fit
from tasks.trainers.base import Fitted, Job
from tasks.training.job import read_examples
from tasks.training.result import answers_to


def refitted(job: Job, config: Train, fitted: Fitted, recipe: Recipe, paths: Paths) -> Fitted:
    """The model of another training on training and validation rows, as long as `fitted` was at its best; the same
    where the settings ask for none.

    With the facts and diagnostics of the first one, beside which stands on how many rows the second was, and with what
    the first one says of the validation rows.
    """
    # Members of an ensemble learn from all rows as it is.
    if isinstance(config, EnsembleTrain) or config.refit == "none":
        return fitted
    rows = read_examples(config, job.spec, recipe.target.name, paths.augmented, paths.normalized("validation"))
    # Of rows that are learnt from the loss only falls: nothing stops it before its end, and all of it stays.
    checkpoints = job.checkpoints.with_name(f"{job.checkpoints.name}-refit") if job.checkpoints else None
    again = replace(job, train=rows, validation=rows, listeners=(), checkpoints=checkpoints)
    facts = {**fitted.facts, "refitted_on": rows.num_rows}
    return replace(
        fitted,
        model=fit(again, _as_long(config, fitted.facts)).model,
        facts=facts,
        validation_answers=answers_to(job.validation, fitted),
    )


def _as_long(config: SingleTrain, facts: dict[str, Any]) -> SingleTrain:
    """The settings that train for as many rounds; an estimator without rounds ends by itself."""
    if isinstance(config, TorchTrain):
        # Its schedule comes to its end with the last epoch, as that of the first training did with all of its own.
        ending = {"patience": None, "max_steps": None, "max_minutes": None}
        return config.model_copy(update={"epochs": facts["best_epoch"], **ending})
    if isinstance(config, LightgbmTrain):
        # None, where the first tree already found nothing to split.
        rounds = max(1, facts["best_tree"])
        return config.model_copy(update={"num_iterations": rounds, "patience": rounds})
    if isinstance(config.estimator, HistGradientBoosting):
        rounds = {"max_iter": facts["best_tree"], "patience": None}
        return config.model_copy(update={"estimator": config.estimator.model_copy(update=rounds)})
    return config
