"""The train stage: fits the model on the augmented training rows, and leaves it with the record of how it went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from tasks import files, reports
from tasks.digests import folder_digest
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Spec
from tasks.params.torch import TorchTrain
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import copy_recipe, read_recipe
from tasks.reports import Report
from tasks.tracking.runs import RunLog, flat_params, open_run
from tasks.trainers import fit
from tasks.trainers.base import Fitted, Job, score
from tasks.trainers.diagnostics import diagnose
from tasks.trainers.listener import Listener
from tasks.training.cross_validation import cross_validate, in_words, read_folds
from tasks.training.job import read_job
from tasks.training.listeners import History, watching
from tasks.training.workers import fit_in_workers


def run(config: Train, paths: Paths) -> Report:
    """Trains, writes models/P/, history.csv and run.json, and only then closes the run at the tracking server.

    A server that is down costs nothing: it is written down that the training is still to be delivered.
    """
    recipe = read_recipe(paths.recipe)
    log, history = open_run(paths, config), History()
    with _failing(log):
        listeners: list[Listener] = [history, log, *watching(f"train {paths.pipeline}")]
        job = read_job(config, paths, recipe, listeners)
        fitted = _fit(config, paths, job)
        metrics = validation_metrics(job.spec, fitted, job.validation)
        folds = read_folds(paths.augmented, job.spec, recipe.target.name)
        found = None if folds is None else cross_validate(job, folds, lambda one: fit(one, config))
        digest = write_model(paths, fitted)
        files.write_text(paths.history, history.as_csv())
        rows = {"num_rows": job.train.num_rows, "digest": folder_digest(paths.augmented)}
        begun = {} if job.init_from is None else {"init_from": folder_digest(job.init_from)}
        # Trainers say what only they know; what the curves show is the same for all of them.
        said = fitted.diagnostics or tuple(diagnose(history.rows, fitted.facts))
        record = _record(digest, config, replace(fitted, diagnostics=said), metrics, found)
        files.write_json(paths.run, record | begun | {"training_rows": rows})
        # Only now, when the model is safe: whoever is killed before goes on from the last checkpoint.
        files.remove(paths.checkpoints)
    close(log, paths, digest)
    return reports.train(paths)


def write_model(paths: Paths, fitted: Fitted) -> str:
    """The model's folder, whole or not at all, with the recipe that makes its input. Returns the folder's digest."""
    with files.aside(paths.model) as draft:
        draft.mkdir()
        fitted.model.save(draft)
        copy_recipe(paths.recipe, draft)
    return folder_digest(paths.model)


def validation_metrics(spec: Spec, fitted: Fitted, validation: Examples | StoredExamples) -> dict[str, float]:
    """How the model that was kept does on the validation rows, to six decimals."""
    answers = [fitted.model.predict(part.inputs) for part in validation.parts()]
    scores = score(spec, np.concatenate(answers), validation.targets())
    return {name: round(value, 6) for name, value in scores.items()}


def close(log: RunLog, paths: Paths, model: str) -> None:
    """Ends the run at the tracking server, or leaves word that this training is still to be delivered."""
    if log.finish(paths):
        files.remove(paths.undelivered)
    else:
        files.write_json(paths.undelivered, {"pipeline": paths.pipeline, "model": model})


def how_it_went(facts: dict[str, Any], metrics: dict[str, float]) -> str:
    """The training in a few words: how good it was, and when, as far as the trainer tells."""
    if "validation_accuracy" in metrics:
        quality = f"validation accuracy {metrics['validation_accuracy']:.4f}"
    else:
        quality = f"validation RMSE {metrics['validation_rmse']:.4g}"
    if "best_epoch" in facts:
        way = f", {facts['way']}" if "way" in facts else ""
        return f"{quality}, epoch {facts['best_epoch']} of {facts['epochs']}{way}"
    if "best_tree" in facts:
        return f"{quality}, tree {facts['best_tree']} of {facts['trees']}"
    if facts.get("converged") is False:
        return f"{quality}, not converged in {facts['iterations']} iterations"
    return quality


def _fit(config: Train, paths: Paths, job: Job) -> Fitted:
    if isinstance(config, TorchTrain) and config.workers > 1:
        return fit_in_workers(config, paths, job.listeners)
    return fit(job, config)


def _record(
    digest: str, config: Train, fitted: Fitted, metrics: dict[str, float], folds: dict[str, Any] | None
) -> dict[str, Any]:
    """run.json; `cross_validation` is only there when split made folds."""
    figure = how_it_went(fitted.facts, metrics)
    return {
        "figure": figure if folds is None else f"{figure}, {in_words(folds)}",
        "model": digest,
        "trainer": config.kind,
        "facts": fitted.facts,
        "diagnostics": list(fitted.diagnostics),
        "metrics": metrics,
        "params": flat_params(config),
        **({} if folds is None else {"cross_validation": folds}),
    }


@contextmanager
def _failing(log: RunLog) -> Iterator[None]:
    """Marks the run as failed when the training ends with whatever error, Ctrl-C too."""
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            log.fail()
