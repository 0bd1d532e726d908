"""From a job to an ensemble: members on folds of all rows, weights by what they say of rows held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.model_input.block_columns import stack_blocks
from tasks.model_input.inputs import Examples, ModelInput, Spec
from tasks.params.train import EnsembleTrain
from tasks.trainers.base import Fitted, Job, check_job, score
from tasks.trainers.ensemble.bagging import Bag, TimeLimit, bag
from tasks.trainers.ensemble.folds import NEVER, fold_numbers
from tasks.trainers.ensemble.model import EnsembleModel, Member, bounds_of, load
from tasks.trainers.ensemble.weights import Held, best_temperature, greedy_weights, tempered


class EnsembleTrainer:
    """Members learn from validation rows, too: of each row, a model that did not learn from it says how good it is.

    A training that was killed goes on with the fold that it was at.
    """

    requirements: tuple[str, ...] = ("scipy",)

    def fit(self, job: Job, config: EnsembleTrain) -> Fitted:
        check_job(job)
        job = replace(job, train=job.train.loaded(), validation=job.validation.loaded())
        rows = _together(job.spec, job.train.loaded(), job.validation.loaded())
        folds = fold_numbers(job.spec, rows, config.folds, config.seed)
        bags, left_out = _bags(job, config, rows, folds)
        held = np.flatnonzero(folds != NEVER)
        known = Held(spec=job.spec, target=rows.target[held], weight=None if rows.weight is None else rows.weight[held])
        weights = greedy_weights([one.answers[held] for one in bags], known)
        mean = np.asarray(sum(weight * one.answers for weight, one in zip(weights, bags, strict=True)))
        temperature = 1.0
        if job.spec.classes and config.calibrate == "temperature":
            temperature = best_temperature(mean[held], known)
        members = [
            Member(name=one.name, weight=float(weight), models=one.models)
            for one, weight in zip(bags, weights, strict=True)
            if weight
        ]
        model = EnsembleModel(job.spec, members, temperature, bounds_of(job.spec, rows.target))
        answers = tempered(mean, temperature) if job.spec.classes else mean
        return Fitted(
            model=model,
            facts={
                "folds": len(np.unique(folds[held])),
                "rows": rows.num_rows,
                "losses": {one.name: known.loss(one.answers[held]) for one in bags},
                "weights": {one.name: float(weight) for one, weight in zip(bags, weights, strict=True)},
                "loss": known.loss(answers[held]),
                "temperature": temperature,
            },
            diagnostics=tuple(left_out),
            validation_answers=_of_validation(job, model, answers),
        )

    def load(self, folder: Path, spec: Spec) -> EnsembleModel:
        return load(folder, spec)


def _bags(job: Job, config: EnsembleTrain, rows: Examples, folds: NDArray[np.int64]) -> tuple[list[Bag], list[str]]:
    """The members that were trained on all folds, and what to say of those that did not fit into the time."""
    limit, bags, left_out = TimeLimit(config.max_minutes), list[Bag](), list[str]()
    held = np.flatnonzero(folds != NEVER)
    for listener in job.listeners:
        listener.started(len(config.members))
    try:
        for name, member in zip(config.names, config.members, strict=True):
            one = bag(name, member, job, rows, folds, limit)
            if one is None:
                left_out.append(f"{name} did not fit into train.max_minutes, and is no member.")
                continue
            bags.append(one)
            weight = None if rows.weight is None else rows.weight[held]
            metrics = score(job.spec, one.answers[held], rows.target[held], weight)
            for listener in job.listeners:
                listener.epoch_ended(len(bags), {"train_loss": one.train_loss, **metrics})
    finally:
        for listener in job.listeners:
            listener.ended()
    if not bags:
        raise UserError(
            f"train.max_minutes: {config.max_minutes:g} minutes are not enough for any member on {config.folds} folds; "
            "give more, or fewer folds"
        )
    return bags, left_out


def _of_validation(job: Job, model: EnsembleModel, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """What was said of the validation rows, which come last, by models that had not learnt from them."""
    validation = job.validation.loaded()
    of_validation = answers[-validation.num_rows :]
    missing = np.flatnonzero(np.isnan(of_validation.reshape(validation.num_rows, -1)).any(axis=1))
    if len(missing):
        # Rows that are never held out: nobody can say more of them than the model that learnt from them.
        of_validation[missing] = model.predict(validation.inputs.take(missing))
    return of_validation


def _together(spec: Spec, first: Examples, second: Examples) -> Examples:
    """The rows of both, one under the other."""
    blocks = {
        field.name: stack_blocks(field, [first.inputs.blocks[field.name], second.inputs.blocks[field.name]])
        for field in spec.fields
    }

    def joined(name: str) -> Any:
        values = [getattr(one, name) for one in (first, second)]
        return None if any(value is None for value in values) else np.concatenate(values)

    return Examples(
        inputs=ModelInput(blocks=blocks, num_rows=first.num_rows + second.num_rows),
        target=np.concatenate([first.target, second.target]),
        **{name: joined(name) for name in ("weight", "group", "time")},
    )
