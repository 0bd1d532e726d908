"""The gradient of one step: in as many micro-batches as memory asks for, summed over the workers, always the same."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.networks.base import PlaceInBatch
from tasks.trainers.torch.devices import is_out_of_memory, seed_device
from tasks.trainers.torch.speed import autocast
from tasks.trainers.torch.state import Training

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingBatch:
    """A step's rows as the network reads them. `others` are the targets of the rows that were mixed in, which count
    1 - `share`; `weight` and `other_weight` are how much each row counts by itself, where rows have weights; `seed` is
    what dropout draws from; `is_whole` says that no text is filled up. `blocks` may begin with the step's row of number
    `first`, and end before the last: a worker has its own rows of them, and the targets of all."""

    blocks: dict[str, Tensor]
    target: Tensor
    weight: Tensor | None = None
    others: Tensor | None = None
    other_weight: Tensor | None = None
    share: float = 1.0
    seed: int = 0
    is_whole: bool = False
    first: int = 0

    def __len__(self) -> int:
        return len(self.target)


class StepLoss(NamedTuple):
    """The mean loss of a step's rows, by the weights of rows and classes, and how much they count together: float32
    scalars on the device, but for a number of rows, which is known without it."""

    loss: Tensor
    weight: Tensor | float


def add_gradients(training: Training, batch: TrainingBatch) -> StepLoss:
    """Leaves the gradients of the batch's mean loss at the weights; returns that loss.

    A batch that memory would not hold is tried again in twice as many micro-batches, and so for the rest of the run.
    """
    training.norm_statistics.keep()
    while True:
        # In the loop: a try that ran out of memory has left the gradients of some micro-batches.
        forget_gradients(training)
        try:
            with training.reading(batch.is_whole):
                step = _in_micro_batches(training, batch)
        except RuntimeError as error:
            # Other workers wait for this one, in batch norm or in the sum: they cannot be asked to go back.
            alone = training.workers.size == 1
            if not (is_out_of_memory(error) and alone and training.progress.num_micro_batches < len(batch)):
                raise
            training.norm_statistics.put_back()
            _halve(training, batch)
            continue
        if training.workers.size > 1:
            gradients = [weights.grad for weights in training.parameters if weights.grad is not None]
            training.workers.sum_([*gradients, step.loss])
        return step


def forget_gradients(training: Training) -> None:
    """As the optimizer's `zero_grad(set_to_none=True)`, of which a short step would feel the profiler's hooks."""
    for weights in training.parameters:
        weights.grad = None


def micro_batches(num_rows: int, num_micro_batches: int) -> Iterator[slice]:
    """Rows 0 ... num_rows in micro-batches whose sizes differ by one at most; fewer where rows are fewer."""
    num_micro_batches = min(num_micro_batches, num_rows)
    bounds = (
        [num_rows * number // num_micro_batches for number in range(num_micro_batches + 1)] if num_micro_batches else []
    )
    for start, stop in pairwise(bounds):
        yield slice(start, stop)


def _in_micro_batches(training: Training, batch: TrainingBatch) -> StepLoss:
    weight, num_micro_batches = _total_weight(training, batch), _num_micro_batches(training, batch)
    if num_micro_batches == 1 and training.workers.size == 1:
        return StepLoss(_add_part(training, batch, None, weight), weight)
    own = training.workers.share(len(batch))
    loss = torch.zeros((), device=training.device)
    for piece in micro_batches(own.stop - own.start, num_micro_batches):
        loss += _add_part(training, batch, slice(own.start + piece.start, own.start + piece.stop), weight)
    return StepLoss(loss, weight)


def _add_part(training: Training, batch: TrainingBatch, rows: slice | None, weight: Tensor | float) -> Tensor:
    """Adds the gradients of these rows' share of the mean loss, or of all rows; returns the share."""
    _prepare_dropout(training, batch, rows)
    blocks = batch.blocks if rows is None else _blocks_of(batch, rows)
    with autocast(training.way, training.device):
        outputs = training.forward(blocks)
    if rows is None and batch.others is None and isinstance(weight, float):
        # In torch's one step, where all rows count the same.
        part = training.loss.mean(outputs, batch.target)
    else:
        # A batch of rows that all have the weight 0 teaches nothing, and has no mean.
        total = weight if isinstance(weight, float) else weight.clamp(min=torch.finfo(torch.float32).tiny)
        part = _weighted_loss(training, outputs, batch, rows or slice(None)) / total
    training.scaler.scale(part).backward()  # type: ignore[no-untyped-call]
    return part.detach()


def _num_micro_batches(training: Training, batch: TrainingBatch) -> int:
    """The same on every worker, as batch norm waits for all of them in every micro-batch."""
    config = training.config
    rows = config.batch_size * config.gradient_accumulation / training.progress.num_micro_batches
    # No more micro-batches than leave each worker a row in every one of them.
    return max(1, min(math.ceil(len(batch) / rows), len(batch) // training.workers.size))


def _total_weight(training: Training, batch: TrainingBatch) -> Tensor | float:
    """How much all rows of the batch count together."""
    loss = training.loss
    total = loss.total_weight(batch.target, batch.weight)
    if batch.others is None:
        return total
    return batch.share * total + (1 - batch.share) * loss.total_weight(batch.others, batch.other_weight)


def _weighted_loss(training: Training, outputs: Tensor, batch: TrainingBatch, rows: slice) -> Tensor:
    own = training.loss.weighted_sum(outputs, batch.target[rows], _rows_of(batch.weight, rows))
    if batch.others is None:
        return own
    mixed_in = training.loss.weighted_sum(outputs, batch.others[rows], _rows_of(batch.other_weight, rows))
    return batch.share * own + (1 - batch.share) * mixed_in


def _blocks_of(batch: TrainingBatch, rows: slice) -> dict[str, Tensor]:
    place = slice(rows.start - batch.first, rows.stop - batch.first)
    return {name: block[place] for name, block in batch.blocks.items()}


def _rows_of(weight: Tensor | None, rows: slice) -> Tensor | None:
    return None if weight is None else weight[rows]


def _prepare_dropout(training: Training, batch: TrainingBatch, rows: slice | None) -> None:
    if not training.dropouts:
        return
    # Each micro-batch draws what the whole batch draws, and takes its rows of it.
    seed_device(training.device, batch.seed)
    place = None
    if rows is not None and rows.stop - rows.start < len(batch):
        place = PlaceInBatch(rows=torch.arange(rows.start, rows.stop, device=training.device), num_rows=len(batch))
    for dropout in training.dropouts:
        dropout.place = place


def _halve(training: Training, batch: TrainingBatch) -> None:
    training.progress.num_micro_batches *= 2
    if training.device.type == "cuda":
        # The allocator keeps blocks of the failed try's sizes, which would not serve smaller ones.
        torch.cuda.empty_cache()
    rows = math.ceil(len(batch) / training.progress.num_micro_batches)
    _logger.warning(
        "train: %s rows at once would not fit into memory; from now on they go through in micro-batches of %s",
        f"{len(batch):,}",
        f"{rows:,}",
    )
