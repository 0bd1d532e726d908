"""The training loop: fit, an epoch, a step, the validation; every network goes through it, and listeners hear of it."""

from __future__ import annotations

import hashlib
import math
from contextlib import nullcontext
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.columns.draws import on_device_of
from tasks.errors import UserError
from tasks.model_input.step_rows import StepRows
from tasks.trainers.torch.data import NUMBER, Data
from tasks.trainers.torch.gradients import TrainingBatch, add_gradients
from tasks.trainers.torch.loss_check import loss_errors, not_finite
from tasks.trainers.torch.mix import draw_mixture, mix_blocks, weighted
from tasks.trainers.torch.optimizers import add_l1, set_rate
from tasks.trainers.torch.state import Training, home_of_float64


class LoopListener(Protocol):
    """Is told what happens in the loop, and sees all of the training's state: early stopping, checkpoints, history."""

    def started(self, training: Training) -> None:
        """The loop begins, from the start or from where a killed process came to."""

    def step_ended(self, training: Training) -> None:
        """The weights have moved."""

    def epoch_ended(self, training: Training, metrics: dict[str, float]) -> None:
        """An epoch is over and validated; `metrics` has the same names every time."""

    def ended(self, training: Training) -> None:
        """The loop is over, well or not."""


def fit(training: Training, listeners: list[LoopListener]) -> None:
    """Epoch after epoch until the last step, or until a listener says that it is enough."""
    for listener in listeners:
        listener.started(training)
    try:
        # A process that was killed behind the last step has not closed its epoch yet.
        while training.progress.step_in_epoch or not training.is_over:
            metrics = run_epoch(training, listeners)
            for listener in listeners:
                listener.epoch_ended(training, metrics)
    finally:
        for listener in listeners:
            listener.ended(training)


def run_epoch(training: Training, listeners: list[LoopListener]) -> dict[str, float]:
    """One pass over the training rows, or what is left of it, and one over the validation rows. Returns the metrics."""
    progress = training.progress
    # Anew in every epoch, as the validation has left the network in the mode of answering.
    training.learn_mode()
    share = training.share_of_time()
    with loss_errors(training):
        for data in training.batches.epoch(progress.epoch, progress.step_in_epoch):
            if training.is_over:
                break
            train_step(training, data, share)
            for listener in listeners:
                listener.step_ended(training)
            share = training.share_of_time()
            if share == 1:
                break
        train_loss = training.epoch_loss.mean()
    metrics = {"train_loss": train_loss, **validate(training), "learning_rate": progress.learning_rate}
    _close_epoch(training, metrics)
    return metrics


def train_step(training: Training, data: Data, share_of_time: float | None = None) -> None:
    """One step down the gradient on these rows; `share_of_time` is that of `max_minutes`, where there is such a limit.

    Raises NotFiniteError for a loss that is not, of this step or, on an accelerator, of one not long before.
    """
    progress = training.progress
    progress.learning_rate = training.schedule.rate(progress.step, share_of_time)
    set_rate(training.optimizer, progress.learning_rate)
    loss, weight = add_gradients(training, changed(training, data))
    move_weights(training)
    if training.average is not None:
        training.average.update(progress.step)
    progress.step += 1
    progress.step_in_epoch += 1
    training.epoch_loss.add(progress.step_in_epoch - 1, loss, weight)


def move_weights(training: Training) -> None:
    """Takes the optimizer's step by the gradients that are there, with the penalty and clipped."""
    config = training.config
    # Before penalty and clipping, whose numbers are meant for the gradient as it is.
    training.scaler.unscale_(training.optimizer)
    if config.l1:
        add_l1(training.network, config.l1)
    if config.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(training.network.parameters(), config.clip_norm)
    training.scaler.step(training.optimizer)
    training.scaler.update()


def validate(training: Training) -> dict[str, float]:
    """The loss over the validation rows, and their accuracy, or for regression the RMSE in the target's units.

    The loss is the one that is learnt, smoothing and class weights included: the best state is the one that does best
    what it was asked to do. (A network that learns smoothed labels is never sure, and by the plain loss an early epoch
    would look best.) In float32 whatever the training computes in, as that is how the model will answer. Workers share
    the rows.
    """
    # Loss, correct or squared errors, and what each of them is a mean over, in float64 so that sums do not depend on
    # their order; on the device, which would be waited for at every batch.
    sums = torch.zeros(4, dtype=torch.float64, device=home_of_float64(training.device))
    training.network.eval()
    weights = nullcontext() if training.average is None else training.average.swapped_in()
    with weights, torch.inference_mode():
        for data in training.validation:
            own = training.workers.share(len(data))
            with training.reading(data.is_whole):
                sums += _sums(training, data.rows(own.start, own.stop))
    training.workers.sum_([sums])
    loss, right, loss_weight, weight = sums.tolist()
    loss /= loss_weight
    if not math.isfinite(loss):
        raise UserError(not_finite(training, "validation"))
    if training.job.spec.classes:
        return {"validation_loss": loss, "validation_accuracy": right / weight}
    return {"validation_loss": loss, "validation_rmse": (right / weight) ** 0.5 * training.scale.std}


def changed(training: Training, data: Data) -> TrainingBatch:
    """The step's rows as augmentation changes and mixes them; what is drawn depends on the seed and the step alone.

    Of several workers each changes its own rows, as all of them draw alike. Rows that are mixed, with any other of the
    step, are all changed first.
    """
    job, step = training.job, training.progress.step
    # Seeds of their own for dropout and changes: with the same, one would tell what the other draws.
    seed = step_seed(training.config.seed, step, "dropout") if training.dropouts else 0
    own = training.workers.share(len(data)) if job.mix.kind == "none" else slice(0, len(data))
    batch = TrainingBatch(
        blocks={name: block[own] for name, block in data.blocks.items()},
        target=data.target,
        weight=data.weight,
        seed=seed,
        is_whole=data.is_whole,
        first=own.start,
    )
    if not job.augmentations and job.mix.kind == "none":
        return batch
    generator = torch.Generator().manual_seed(step_seed(training.config.seed, step, "augment"))
    rows = StepRows(own=own, numbers=_numbers(data), epoch=training.progress.epoch, seed=training.config.seed)
    changes = {
        name: augment(_unrounded(data.blocks[name], own), generator, rows)
        for name, augment in job.augmentations.items()
    }
    # A text of which words were left out is filled up.
    cut = any(field.kind == "tokens" and field.name in changes for field in job.spec.fields)
    batch = replace(batch, blocks={**batch.blocks, **changes}, is_whole=data.is_whole and not cut)
    mixture = draw_mixture(job.mix, job.spec, len(data), generator)
    if mixture is None:
        return batch
    partner = on_device_of(data.target, mixture.partner)
    batch = replace(batch, blocks=mix_blocks(job.spec, batch.blocks, replace(mixture, partner=partner)))
    others, other_weight = data.target[partner], None if data.weight is None else data.weight[partner]
    if job.spec.classes:
        return replace(batch, others=others, other_weight=other_weight, share=mixture.weight)
    # Two numbers have a mean, which is the mixed row's target; of two classes both count, each by its weight.
    target = weighted(data.target, others, mixture.weight)
    if data.weight is None or other_weight is None:
        return replace(batch, target=target)
    return replace(batch, target=target, weight=weighted(data.weight, other_weight, mixture.weight))


def step_seed(seed: int, step: int, purpose: str) -> int:
    """A seed of its own for every step: so a step draws the same whatever came before, in this process or another."""
    digest = hashlib.sha256(f"{seed} {step} {purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _close_epoch(training: Training, metrics: dict[str, float]) -> None:
    training.progress.epoch += 1
    training.progress.step_in_epoch = 0
    training.progress.history.append(metrics)
    training.schedule.epoch_ended(metrics["validation_loss"])
    training.epoch_loss.restart()
    if training.share_of_time() == 1:
        training.stopped = True


def _numbers(data: Data) -> NDArray[np.int64] | None:
    return data.notes[NUMBER].numpy() if NUMBER in data.notes else None


def _unrounded(block: Tensor, own: slice) -> Tensor:
    """Bytes as float32, so that they are not rounded once more; the network scales them either way. Pictures of rows
    that are not wanted are anything: none of them changes another."""
    if block.dtype != torch.uint8:
        return block
    pictures = torch.empty_like(block, dtype=torch.float32)
    pictures[own] = block[own].to(torch.float32)
    return pictures


def _sums(training: Training, data: Data) -> Tensor:
    if not len(data):
        return torch.zeros(4, dtype=torch.float64, device=home_of_float64(training.device))
    outputs = training.network(data.blocks)
    losses = training.loss.row_losses(outputs, data.target)
    # Accuracy and RMSE are without the weights of classes, as they are everywhere.
    own = torch.ones_like(losses) if data.weight is None else data.weight
    weights = training.loss.row_weights(data.target, data.weight)
    answers = training.loss.answers(outputs.to(torch.float64) if outputs.device.type != "mps" else outputs)
    if training.job.spec.classes:
        right = ((answers.argmax(dim=1) == data.target) * own).sum()
    else:
        right = ((answers - data.target).square() * own).sum()
    sums = ((losses * weights).sum(), right, weights.sum(), own.sum())
    return torch.stack([value.to(home_of_float64(training.device)).to(torch.float64) for value in sums])
