"""Cross validation: the same training once more for each fold, learnt from the other folds and judged on this one.

It tells how much a score owes to which rows were set apart (Stone, 1974, doi:10.1111/j.2517-6161.1974.tb00994.x).
Repairs and recipe are each fold's own, and what stops a training early are the pipeline's validation rows: nothing that
a fold is judged on has had a part in the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Spec
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.splitting.fold_paths import FoldPaths
from tasks.splitting.folds import fold_paths, naming
from tasks.trainers.base import Fitted, Job, Model, score
from tasks.training.job import read_examples, read_job
from tasks.wording import number


def cross_validate(config: Train, paths: Paths, fit: Callable[[Job], Fitted]) -> dict[str, Any] | None:
    """The summary of one training for each fold; None where split made none. Raises UserError that names the fold.

    `fit` trains on `job.train`; each model is dropped once it is judged.
    """
    scores = []
    for fold in fold_paths(paths, "augment"):
        with naming(fold):
            scores.append(_score_of(config, fold, fit))
    return summary(scores) if scores else None


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Answers to rows that nothing was learnt from: probabilities [N, K] or values [N], beside the truth [N] and what
    each row counts [N], None where all count the same."""

    spec: Spec
    answers: NDArray[np.float64]
    truth: NDArray[Any]
    weight: NDArray[np.float64] | None


def held_out(config: Train, paths: Paths, fit: Callable[[Job], Fitted]) -> HeldOut:
    """Trains on the rows of `paths.augmented`, and answers those of its test part. Leaves nothing."""
    job, fitted = fitted_on(config, paths, fit)
    rows = read_examples(config, job.spec, read_recipe(paths.recipe).target.name, paths.normalized("test"))
    return HeldOut(spec=job.spec, answers=answers_of(fitted.model, rows), truth=rows.targets(), weight=rows.weights())


def fitted_on(config: Train, paths: Paths, fit: Callable[[Job], Fitted]) -> tuple[Job, Fitted]:
    """The model of the rows of `paths.augmented`, with the job that it was fitted by. Leaves nothing."""
    # Nobody listens, and no checkpoints: they are kept for the rows and settings of the whole training.
    job = replace(read_job(config, paths, read_recipe(paths.recipe), listeners=()), checkpoints=None)
    return job, fit(job)


def answers_of(model: Model, rows: Examples | StoredExamples) -> NDArray[np.float64]:
    """What the model says of rows that it has not learnt from, [N, K] or [N]."""
    return np.concatenate([model.predict(part.inputs) for part in rows.parts()])


def _score_of(config: Train, fold: FoldPaths, fit: Callable[[Job], Fitted]) -> dict[str, float]:
    judged = held_out(config, fold, fit)
    scores = score(judged.spec, judged.answers, judged.truth, judged.weight)
    return {_plain_name(name, judged.spec): value for name, value in scores.items()}


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
            "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1)),
            "folds": [float(value) for value in values],
        }
    return {"num_folds": len(scores), **metrics}


def in_words(metrics: Mapping[str, Any]) -> str:
    """`5 folds: accuracy 0.9712 ± 0.0103`, or the RMSE of a regression."""
    name, shown = ("accuracy", "accuracy") if "accuracy" in metrics else ("rmse", "RMSE")
    mean, std = metrics[name]["mean"], metrics[name]["std"]
    return f"{metrics['num_folds']} folds: {shown} {number(mean)} ± {number(std)}"
