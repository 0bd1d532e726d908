"""A few steps for trial, by which the fastest way of computing is chosen; the training then begins untouched."""

from __future__ import annotations

import copy
import logging

import torch

from tasks.trainers.torch.gradients import add_gradients
from tasks.trainers.torch.loop import changed
from tasks.trainers.torch.speed import Way, choose, ways
from tasks.trainers.torch.state import Training

_logger = logging.getLogger(__name__)


def choose_way(training: Training) -> None:
    """Computes in the way that the settings say, or in the fastest of those that they leave open, and says which.

    The first worker's choice is everybody's. Weights and optimizer are afterwards as they were.
    """
    has_pictures = any(field.is_picture for field in training.job.spec.fields)
    open_ways = ways(training.config, training.device, has_pictures)
    if len(open_ways) == 1:
        training.use(open_ways[0])
        return
    data = next(iter(training.batches.epoch(0)))
    weights = copy.deepcopy(training.network.state_dict())

    def try_step(way: Way) -> None:
        if way != training.way:
            training.use(way)
        add_gradients(training, changed(training, data))
        training.optimizer.zero_grad(set_to_none=True)
        if training.device.type == "cuda":
            torch.cuda.synchronize()

    training.learn_mode()
    choice = choose(try_step, open_ways)
    # Batch norms have seen the rows of the trial.
    training.network.load_state_dict(weights)
    training.use(open_ways[_of_the_first(training, open_ways.index(choice.way))])
    training.progress.chosen = choice.sentence
    _logger.info("train: %s", choice.sentence)


def _of_the_first(training: Training, number: int) -> int:
    told = torch.tensor(float(number if training.workers.is_first else 0))
    training.workers.sum_([told])
    return int(told)
