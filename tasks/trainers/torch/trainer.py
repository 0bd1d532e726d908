"""Trains any of the networks: machine, checkpoint, way of computing, loop; the best weights are kept."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch

from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Fitted, Job, check_job
from tasks.trainers.diagnostics import diagnose
from tasks.trainers.torch.checkpoints import Checkpoints, restore
from tasks.trainers.torch.data import as_tensor, targets_as_tensor
from tasks.trainers.torch.devices import (
    choose_device,
    deterministic,
    fastest,
    kept_random_numbers,
    memory_errors,
    own_random_numbers,
    threads_for,
)
from tasks.trainers.torch.gradients import add_gradients, forget_gradients
from tasks.trainers.torch.listeners import BestWeights, EarlyStopping, Teller
from tasks.trainers.torch.loop import LoopListener, changed, fit, move_weights
from tasks.trainers.torch.model import TorchModel, load_model
from tasks.trainers.torch.optimizers import set_rate
from tasks.trainers.torch.speed import Way, choose, ways
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.test_time import check as check_test_time
from tasks.trainers.torch.workers import joined

_logger = logging.getLogger(__name__)


class TorchTrainer:
    """Trains any of the networks; the same seed on the same machine gives the same weights, bit for bit."""

    requirements: tuple[str, ...] = ("torch", "safetensors")

    def fit(self, job: Job, config: TorchTrain) -> Fitted:
        check_job(job)
        _check_fits(job, config)
        with _prepared(job, config) as training:
            _train(training)
            training.network.load_state_dict(training.best_weights)
        model = TorchModel(job.spec, config, training.network, training.loss, training.scale)
        facts = training.facts()
        waited = {"waited": training.batches.waited / max(training.seconds(), 1e-9)}
        of_run = facts | waited | _bounds(training)
        return Fitted(model=model, facts=facts, diagnostics=tuple(diagnose(training.progress.history, of_run)))

    def load(self, folder: Path, spec: Spec) -> TorchModel:
        return load_model(folder, spec)


@contextmanager
def _prepared(job: Job, config: TorchTrain) -> Iterator[Training]:
    """The training, on its device, with its random numbers, threads and workers; all of it put back at the end."""
    batch_numbers = config.batch_size * sum(field.num_inputs for field in job.spec.fields)
    with ExitStack() as stack:
        # First, as it decides which GPU is this process's.
        workers = stack.enter_context(joined(choose_device(config.device).type))
        device = workers.device(choose_device(config.device))
        stack.enter_context(memory_errors(config.batch_size))
        stack.enter_context(deterministic() if config.determinism == "strict" else fastest())
        stack.enter_context(own_random_numbers(device, config.seed))
        stack.enter_context(threads_for(batch_numbers))
        yield Training(job, config, device, workers)


def _train(training: Training) -> None:
    job, config = training.job, training.config
    # In this order: early stopping looks at the best epoch, and a checkpoint holds the best weights.
    listeners: list[LoopListener] = [BestWeights()]
    if config.patience is not None:
        listeners.append(EarlyStopping(config.patience))
    listeners.append(Teller())
    if job.checkpoints is not None:
        listeners.append(Checkpoints(job.checkpoints, minutes=config.checkpoint_minutes, steps=config.checkpoint_steps))
    if job.checkpoints is None or not restore(job.checkpoints, training):
        choose_way(training)
    else:
        # A warning, as nothing less is shown where nobody has set up logging.
        _logger.warning("train: goes on from step %d, in epoch %d", training.progress.step, training.progress.epoch + 1)
    fit(training, listeners)


def _bounds(training: Training) -> dict[str, float]:
    """Between what the train loss can lie; nothing of rows that are mixed, whose answers no model could know."""
    job = training.job
    if job.mix.kind != "none":
        return {}
    weights = job.train.weights()
    targets = targets_as_tensor(job.train.targets(), job.spec, training.scale)
    return training.loss.bounds(targets, None if weights is None else as_tensor(weights.astype(np.float32)))


def _check_fits(job: Job, config: TorchTrain) -> None:
    check_test_time(job.spec, config.test_time_augmentation)
    rows = job.train.num_rows
    if not config.is_default("batch_size") and config.batch_size > rows:
        raise UserError(
            f"train.batch_size: {config.batch_size:,} rows are asked for at once, and there are {rows:,} training "
            "rows; give at most so many, or add data"
        )


def choose_way(training: Training) -> None:
    """Computes in the way that the settings say, or in the fastest of those that they leave open, and says which.

    A few steps for trial tell which is the fastest, and in how many pieces a batch fits into memory. The first worker's
    choice is everybody's.
    """
    has_pictures = any(field.is_picture for field in training.job.spec.fields)
    open_ways = ways(training.config, training.device, has_pictures)
    if len(open_ways) == 1:
        training.use(open_ways[0])
        return
    data = next(iter(training.batches.epoch(0)))
    # A way that needs less memory than another goes through it in fewer pieces.
    pieces = dict.fromkeys(open_ways, training.progress.num_micro_batches)

    def try_step(way: Way) -> None:
        if way != training.way:
            training.use(way)
        training.progress.num_micro_batches = pieces[way]
        add_gradients(training, changed(training, data))
        # Not only for its time: what it remembers of each weight takes room that the next batch does not have.
        move_weights(training)
        if training.device.type == "cuda":
            # A GPU works on after the call returns: without this the clock would stop too early.
            torch.cuda.synchronize()
        pieces[way] = training.progress.num_micro_batches

    with without_trace(training):
        choice = choose(try_step, open_ways)
    chosen = open_ways[_first_workers(training, open_ways.index(choice.way))]
    if chosen != training.way:
        training.use(chosen)
    # Else it has been the last one that was tried, and would only be compiled once more.
    training.progress.num_micro_batches = pieces[chosen]
    training.progress.chosen = choice.sentence
    _logger.info("train: %s", choice.sentence)


@contextmanager
def without_trace(training: Training) -> Iterator[None]:
    """Steps may be taken within, for trial: weights, batch norms, optimizer and random numbers come back as they were,
    and the memory that the optimizer took is free."""
    weights, optimizer = copy.deepcopy((training.network.state_dict(), training.optimizer.state_dict()))
    training.learn_mode()
    # Weights that stay where they are: steps that lead anywhere could end in numbers that are not finite.
    set_rate(training.optimizer, 0.0)
    with kept_random_numbers(training.device):
        yield
    forget_gradients(training)
    training.network.load_state_dict(weights)
    training.optimizer.load_state_dict(optimizer)
    training.renew_scaler()


def _first_workers(training: Training, number: int) -> int:
    # A sum to which the others add nothing: what workers have to tell each other anything.
    choice = torch.tensor(float(number if training.workers.is_first else 0))
    training.workers.sum_([choice])
    return int(choice)
