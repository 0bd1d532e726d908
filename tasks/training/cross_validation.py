"""Cross validation: the same training once more for each fold, learnt from the other folds and judged on this one.

It tells how much a score owes to which rows were set apart (Stone, 1974, doi:10.1111/j.2517-6161.1974.tb00994.x). The
recipe is that of all training rows, and a trainer that stops early stops by the fold that it is judged on, as it does
by the validation rows: both make the scores a little too good, for every fold alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, ModelInput, Spec
from tasks.splitting.folds import FOLD
from tasks.tables import storage
from tasks.trainers.base import Fitted, Job, score

_NOWHERE = np.iinfo(np.int8).min
"""The fold of a row that was made from rows of two folds: it is neither learnt from nor judged on."""


def read_folds(folder: Path, spec: Spec, target: str) -> NDArray[np.int8] | None:
    """Each row's fold as `tasks.splitting.folds` has it, [N]; None where split made none."""
    known = {target, *(field.name for field in spec.fields)}
    if FOLD in known or FOLD not in storage.column_names(folder):
        return None
    parts = storage.read_parts(folder, [FOLD])
    return np.concatenate([part[FOLD].fill_null(_NOWHERE).to_numpy() for part in parts])


def fold_jobs(job: Job, folds: NDArray[np.int8]) -> Iterator[Job]:
    """For each fold in order the job that learns from the others and is judged on this one; nobody listens.

    `folds`: [N] of the rows of `job.train`, with copies as `splitting.folds` has them. Holds a copy of the training
    rows.
    """
    examples = job.train.loaded()
    # Rows made from those of fold k have the fold -1 - k: they are learnt from with it, and never judged on.
    own = np.where(folds < 0, -1 - folds, folds)
    own[folds == _NOWHERE] = _NOWHERE
    for fold in range(int(folds.max(initial=-1)) + 1):
        learnt = (own != fold) & (own != _NOWHERE)
        train, validation = chosen(examples, learnt), chosen(examples, folds == fold)
        # No checkpoints: they are kept for the rows and settings of the whole training.
        yield replace(job, train=train, validation=validation, listeners=(), checkpoints=None)


def chosen(examples: Examples, mask: NDArray[np.bool_]) -> Examples:
    """The rows where the mask [N] says so, of dense and sparse blocks alike."""
    rows = np.flatnonzero(mask)
    blocks = {name: block[rows] for name, block in examples.inputs.blocks.items()}
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=len(rows)), target=examples.target[rows])


def cross_validate(job: Job, folds: NDArray[np.int8], fit: Callable[[Job], Fitted]) -> dict[str, Any]:
    """The summary of one training for each fold. Raises UserError that names the fold which cannot be learnt without.

    `fit` trains on `job.train`; each model is dropped once it is judged.
    """
    scores = []
    for number, fold_job in enumerate(fold_jobs(job, folds)):
        try:
            model = fit(fold_job).model
        except UserError as error:
            # The whole training went well, so the user has to know that it was a fold.
            raise UserError(f"cross validation without fold {number}: {error}") from None
        held_out = fold_job.validation.loaded()
        fold_scores = score(job.spec, model.predict(held_out.inputs), held_out.target)
        scores.append({_plain_name(name, job.spec): value for name, value in fold_scores.items()})
    return summary(scores)


def _plain_name(name: str, spec: Spec) -> str:
    """A metric without the part that it was taken on; a loss as what it is."""
    plain = name.removeprefix("validation_")
    return ("log_loss" if spec.classes else "mse") if plain == "loss" else plain


def summary(scores: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Each metric's mean over the folds, its standard deviation (of a sample: K - 1), and its value on each fold.

    The standard deviation is that of single folds. It is no error of the mean: folds share most of their training rows,
    so that none can be had without bias (Bengio and Grandvalet, JMLR 5, 2004).
    """
    metrics: dict[str, Any] = {}
    for name in scores[0]:
        values = [of_fold[name] for of_fold in scores]
        metrics[name] = {
            "mean": round(float(np.mean(values)), 6),
            "std": round(float(np.std(values, ddof=1)), 6),
            "folds": [round(float(value), 6) for value in values],
        }
    return {"num_folds": len(scores), **metrics}


def in_words(metrics: Mapping[str, Any]) -> str:
    """`5 folds: accuracy 0.9712 ± 0.0103`, or the RMSE of a regression."""
    name, shown = ("accuracy", "accuracy") if "accuracy" in metrics else ("rmse", "RMSE")
    mean, std = metrics[name]["mean"], metrics[name]["std"]
    digits = f"{mean:.4f} ± {std:.4f}" if name == "accuracy" else f"{mean:.4g} ± {std:.2g}"
    return f"{metrics['num_folds']} folds: {shown} {digits}"
