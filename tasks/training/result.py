"""What a training leaves: the model's folder, its validation metrics, and run.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files
from tasks.digests import folder_digest
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Spec
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import copy_recipe
from tasks.tables import storage
from tasks.tracking.runs import flat_params
from tasks.trainers.base import Fitted, score
from tasks.trainers.introspection import size_of
from tasks.training.cross_validation import in_words
from tasks.wording import counted, number


def write_model(paths: Paths, fitted: Fitted) -> str:
    """The model's folder, whole or not at all, with the recipe that makes its input. Returns the folder's digest.

    With the answers to the validation rows, where the model has learnt from them.
    """
    with files.aside(paths.model) as draft:
        draft.mkdir()
        fitted.model.save(draft)
        copy_recipe(paths.recipe, draft)
        if fitted.validation_answers is not None:
            answers = pl.Series("answer", fitted.validation_answers).to_frame()
            storage.write_parts(draft / paths.validation_answers.name, [answers])
    return folder_digest(paths.model)


def answers_to(validation: Examples | StoredExamples, fitted: Fitted) -> NDArray[np.float64]:
    """What is said of the validation rows by a model that did not learn from them, [N] or [N, K]."""
    if fitted.validation_answers is not None:
        return fitted.validation_answers
    # By the model that is kept, not from the history: its last epoch need not be its best.
    return np.concatenate([fitted.model.predict(part.inputs) for part in validation.parts()])


def validation_metrics(spec: Spec, fitted: Fitted, validation: Examples | StoredExamples) -> dict[str, float]:
    """How the model does on the validation rows, or those like it that did not learn from them."""
    return score(spec, answers_to(validation, fitted), validation.targets(), validation.weights())


def how_it_went(facts: dict[str, Any], metrics: dict[str, float]) -> str:
    """The training in a few words: how good it was, and when, as far as the trainer tells."""
    if "validation_accuracy" in metrics:
        quality = f"validation accuracy {metrics['validation_accuracy']:.4f}"
    else:
        quality = f"validation RMSE {number(metrics['validation_rmse'])}"
    again = f", then {counted(facts['refitted_on'], 'row')}" if "refitted_on" in facts else ""
    if "best_epoch" in facts:
        way = f", {facts['way']}" if "way" in facts else ""
        return f"{quality}, epoch {facts['best_epoch']} of {facts['epochs']}{way}{again}"
    if "best_tree" in facts:
        return f"{quality}, tree {facts['best_tree']} of {facts['trees']}{again}"
    if "weights" in facts:
        used = sum(weight > 0 for weight in facts["weights"].values())
        return f"{quality}, {used} of {len(facts['weights'])} members on {facts['folds']} folds"
    if facts.get("converged") is False:
        return f"{quality}, not converged in {facts['iterations']} iterations"
    return f"{quality}{again}"


def run_record(
    digest: str, config: Train, fitted: Fitted, metrics: dict[str, float], folds: dict[str, Any] | None
) -> dict[str, Any]:
    """run.json; `cross_validation` is only there when split made folds."""
    figure = how_it_went(fitted.facts, metrics)
    size = size_of(fitted.model)
    return {
        "figure": figure if folds is None else f"{figure}, {in_words(folds)}",
        "model": digest,
        "trainer": config.kind,
        "facts": {**fitted.facts, **(asdict(size) if size else {})},
        "diagnostics": list(fitted.diagnostics),
        "metrics": metrics,
        "params": flat_params(config),
        **({} if folds is None else {"cross_validation": folds}),
    }
