"""How well the network does on the validation rows, with the weights that would be kept."""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor

from tasks.errors import UserError
from tasks.trainers.torch.batches import Data
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.trouble import not_finite


def validate(training: Training) -> dict[str, float]:
    """The loss over the validation rows, and their accuracy, or for regression the RMSE in the target's units.

    The loss is the one that is learnt, smoothing and class weights included: the best state is the one that does best
    what it was asked to do. (A network that learns smoothed labels is never sure, and by the plain loss an early epoch
    would look best.) In float32 whatever the training computes in, as that is how the model will answer. Workers share
    the rows.
    """
    # Loss, correct or squared errors, and weights of the rows, in float64 so that sums do not depend on their order.
    sums = torch.zeros(3, dtype=torch.float64)
    training.network.eval()
    weights = nullcontext() if training.average is None else training.average.swapped_in()
    with weights, torch.inference_mode():
        for data in training.validation:
            own = training.workers.share(len(data))
            sums += _sums(training, data.rows(own.start, own.stop))
    training.workers.sum_([sums])
    loss, right, weight = sums.tolist()
    loss /= weight
    if not math.isfinite(loss):
        raise UserError(not_finite(training, "validation"))
    num_rows = training.job.validation.num_rows
    if training.job.spec.classes:
        return {"validation_loss": loss, "validation_accuracy": right / num_rows}
    return {"validation_loss": loss, "validation_rmse": (right / num_rows) ** 0.5 * training.scale.std}


def _sums(training: Training, data: Data) -> Tensor:
    if not len(data):
        return torch.zeros(3, dtype=torch.float64)
    outputs = training.network(data.blocks)
    losses = training.loss.row_losses(outputs, data.target)
    weights = training.loss.row_weights(data.target)
    answers = training.loss.answers(outputs.to(torch.float64) if outputs.device.type != "mps" else outputs)
    if training.job.spec.classes:
        right = (answers.argmax(dim=1) == data.target).sum()
    else:
        right = (answers - data.target).square().sum()
    return torch.stack([value.cpu().to(torch.float64) for value in ((losses * weights).sum(), right, weights.sum())])
