"""A loss that is not finite: noticed soon, and reported with its batch and its layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tasks.errors import UserError
from tasks.trainers.torch.checkpoints import has_checkpoint
from tasks.trainers.torch.state import Training

_LOOK_EVERY = 50
"""Steps between two looks at an accelerator's losses: each look makes it wait. On a CPU a look costs nothing."""


class LossCheck:
    """Looks at the steps' losses, and ends the training at the first that is not finite."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._every = 1 if training.device.type == "cpu" else _LOOK_EVERY
        self._losses: list[Tensor] = []

    def add(self, loss: Tensor) -> None:
        """Takes the loss of the step that was last taken."""
        if loss.device.type == "cpu" and math.isfinite(loss.item()):
            return
        self._losses.append(loss)
        if len(self._losses) >= self._every:
            self.close()

    def close(self) -> None:
        """Looks at what was not looked at yet. Raises UserError that names the batch, and the layer if there is one."""
        if not self._losses:
            return
        finite = torch.stack(self._losses).isfinite().cpu()
        if not finite.all():
            first = int((~finite).nonzero()[0])
            progress = self._training.progress
            batch = progress.step_in_epoch - len(self._losses) + first + 1
            raise UserError(not_finite(self._training, f"batch {batch:,} of {self._training.batches.num_steps:,}"))
        self._losses.clear()


def not_finite(training: Training, where: str) -> str:
    """What to say of a loss that is not finite."""
    config, layer = training.config, losing_layer(training)
    named = f" (layer {layer} gives values that are not finite)" if layer else ""
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
