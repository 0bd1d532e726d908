"""Muon: a step of a hidden layer's matrix turns all its directions alike (Jordan et al., 2024,
https://kellerjordan.github.io/posts/muon/); AdamW for what is no such matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tasks.networks.base import JoinedNetwork
from tasks.trainers.torch.speed import has_bf16_instructions

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of Newton and Schulz's iteration, as Jordan et al. chose them: steep at zero, so that five rounds are enough."""
_ROUNDS = 5
_EPSILON = 1e-7
_LIKE_ADAMW = 0.2
"""A step's root mean square, in learning rates: about that of AdamW's, so that one rate serves both (Liu et al., 2025,
arXiv:2502.16982, section 2.2)."""


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for groups that say `is_hidden`, AdamW for all others; their states lie side by side, as of one optimizer.

    v <- 0.95 v + 0.05 g; w <- (1 - rate * decay) w - rate * 0.2 * sqrt(max(rows, columns)) * O, where O is the nearest
    orthogonal matrix to 0.95 v + 0.05 g, roughly: its singular values lie between 0.7 and 1.2. A convolution's filters
    are the rows of a matrix. With `nesterov` off, O is that of v. As torch.optim.Muon, which takes matrices alone.
    """

    def __init__(self, groups: list[dict[str, Any]], *, rate: float, momentum: float, nesterov: bool) -> None:
        super().__init__(groups, {"lr": rate, "is_hidden": False})
        self._momentum, self._nesterov = momentum, nesterov
        others = self._groups(is_hidden=False)
        # It leaves its own settings in the groups, which are the same ones.
        self._adamw = torch.optim.AdamW(others, lr=rate, foreach=True) if others else None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Moves all weights that have a gradient."""
        assert closure is None, "the gradients are there"
        for group in self._groups(is_hidden=True):
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)
        if self._adamw is not None:
            # Anew each time, as a checkpoint puts others in their place.
            self._adamw.param_groups, self._adamw.state = self._groups(is_hidden=False), self.state
            self._adamw.step()

    def _groups(self, *, is_hidden: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group["is_hidden"] == is_hidden]

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].lerp_(gradient, 1 - self._momentum)
        update = gradient.lerp(average, self._momentum) if self._nesterov else average
        direction = orthogonalized(update.flatten(1))
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        size = _LIKE_ADAMW * math.sqrt(max(direction.shape))
        weight.add_(direction.view(weight.shape), alpha=-group["lr"] * size)


def orthogonalized(matrix: Tensor) -> Tensor:
    """The matrix [R, C] with its singular values all near 1, and the same directions; bfloat16, where the processor
    computes in it, else float32."""
    first, second, third = _COEFFICIENTS
    # The error of 16 bits is far below what five rounds leave of the singular values.
    in_bf16 = matrix.device.type != "cpu" or has_bf16_instructions()
    turned = matrix.to(torch.bfloat16 if in_bf16 else torch.float32)
    # The product of the shorter side with itself is the smaller one.
    is_tall = matrix.shape[0] > matrix.shape[1]
    turned = turned.T if is_tall else turned
    # So that no singular value is above 1, where the iteration would not hold.
    turned = turned / turned.norm().clamp(min=_EPSILON)
    for _ in range(_ROUNDS):
        products = turned @ turned.T
        polynomial = torch.addmm(products, products, products, beta=second, alpha=third)
        turned = torch.addmm(turned, polynomial, turned, beta=first)
    return (turned.T if is_tall else turned).contiguous()


def hidden_weights(network: nn.Module) -> set[str]:
    """The names of the matrices and filters between what reads the columns and what answers.

    Not among them: embeddings, the first layer of each encoder, the head's first where a column reaches it as it is,
    and the last. Nor what is a step's matrices in one, as of recurrent layers: their rows do not belong together.
    """
    if not isinstance(network, JoinedNetwork):
        return set()
    encoders, head = [_layers(encoder) for encoder in network.encoders], _layers(network.head)[:-1]
    head = head if all(encoders) else head[1:]
    hidden = {id(layer.weight) for layers in [*(layers[1:] for layers in encoders), head] for layer in layers}
    return {name for name, weight in network.named_parameters() if id(weight) in hidden}


def _layers(module: nn.Module) -> list[nn.Module]:
    """What has a matrix of weights, in the order in which it computes."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Embedding)
    return [layer for layer in module.modules() if isinstance(layer, kinds)]
