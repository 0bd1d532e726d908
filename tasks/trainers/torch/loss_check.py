"""What is said of a loss that is not finite: its batch, its layer, and what to try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tasks.errors import UserError
from tasks.trainers.torch.checkpoints import has_checkpoint
from tasks.trainers.torch.epoch_loss import NotFiniteError
from tasks.trainers.torch.state import Training


@contextmanager
def loss_errors(training: Training) -> Iterator[None]:
    """Says of a step's loss that is not finite, as a UserError, in which batch it was, and in which layer if in one."""
    try:
        yield
    except NotFiniteError as lost:
        where = f"batch {lost.step + 1:,} of {training.batches.num_steps:,}"
        raise UserError(not_finite(training, where)) from None


def not_finite(training: Training, where: str) -> str:
    """What to say of a loss that is not finite."""
    config, layer = training.config, losing_layer(training)
    named = f" (layer {layer} gives values that are not finite)" if layer else ""
    training.wait_for_checkpoint()
    folder = training.job.checkpoints
    kept = f"; the last good checkpoint is kept in {folder}" if folder is not None and has_checkpoint(folder) else ""
    return (
        f"train: the loss is not finite in epoch {training.progress.epoch + 1}, {where}{named}{kept}; try a smaller "
        f"train.learning_rate (it is {config.learning_rate:g}), train.clip_norm: 1, or `normalize: number: scale: "
        "standard`"
    )


def losing_layer(training: Training) -> str | None:
    """The first layer whose values are not finite on the first validation rows; None where all are."""
    # As it answers: dropout would still expect the step's rows, and batch norm the other workers.
    training.network.eval()
    for data in training.validation:
        return first_not_finite(training.network, data.blocks)
    return None


def first_not_finite(network: nn.Module, blocks: Mapping[str, Tensor]) -> str | None:
    """The first layer to make what is not finite of these rows, in the order of computing: its place and its kind."""
    layers: list[str] = []

    def look(name: str, module: nn.Module) -> Any:
        def hook(_: nn.Module, __: Any, outputs: Any) -> None:
            # Recurrent layers answer with their states as well.
            values = outputs[0] if isinstance(outputs, tuple) else outputs
            if not layers and not values.isfinite().all():
                layers.append(f"{name} ({type(module).__name__})")

        return module.register_forward_hook(hook)

    leaves = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    handles = [look(name, module) for name, module in leaves]
    try:
        with torch.inference_mode():
            network(blocks)
    finally:
        for handle in handles:
            handle.remove()
    return layers[0] if layers else None
