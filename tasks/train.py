"""The train stage: fits the model on the augmented training rows, and leaves it with the record of how it went."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tasks import files, reports
from tasks.digests import folder_digest
from tasks.params.torch import TorchTrain
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.reports import Report
from tasks.tracking.runs import RunLog, open_run
from tasks.trainers import fit
from tasks.trainers.base import Fitted, Job
from tasks.trainers.diagnostics import diagnose, light_rows
from tasks.trainers.listener import Listener
from tasks.training.cross_validation import cross_validate
from tasks.training.job import read_job
from tasks.training.listeners import History, watching
from tasks.training.refit import refitted
from tasks.training.result import run_record, validation_metrics, write_model
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
        cross_validation = cross_validate(config, paths, lambda of_fold: fit(of_fold, config))
        fitted = refitted(job, config, fitted, recipe, paths)
        digest = write_model(paths, fitted)
        files.write_text(paths.history, history.as_csv())
        rows = {"num_rows": job.train.num_rows, "digest": folder_digest(paths.augmented)}
        start = {} if job.init_from is None else {"init_from": folder_digest(job.init_from)}
        # Trainers say what only they know; what the curves show is the same for all of them.
        diagnoses = fitted.diagnostics or tuple(diagnose(history.rows, fitted.facts))
        # A network's loss is a mean by the weights, whatever they add up to.
        if not isinstance(config, TorchTrain):
            diagnoses = (*light_rows(job.train.weights()), *diagnoses)
        record = run_record(digest, config, replace(fitted, diagnostics=diagnoses), metrics, cross_validation)
        files.write_json(paths.run, record | start | {"training_rows": rows})
        # Only now, when the model is safe: whoever is killed before goes on from the last checkpoint.
        files.remove(paths.checkpoints)
    close(log, paths, digest)
    return reports.train(paths)


def close(log: RunLog, paths: Paths, model: str) -> None:
    """Ends the run at the tracking server, or leaves word that this training is still to be delivered."""
    if log.finish(paths):
        files.remove(paths.undelivered)
    else:
        files.write_json(paths.undelivered, {"pipeline": paths.pipeline, "model": model})


def _fit(config: Train, paths: Paths, job: Job) -> Fitted:
    if isinstance(config, TorchTrain) and config.workers > 1:
        return fit_in_workers(config, paths, job.listeners)
    return fit(job, config)


@contextmanager
def _failing(log: RunLog) -> Iterator[None]:
    """Marks the run when the training ends with whatever error: as killed after Ctrl-C or SIGTERM, else as failed."""
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            # What is no Exception is a signal: Python's own, ours, or Prefect's.
            log.fail(killed=not isinstance(sys.exception(), Exception))
