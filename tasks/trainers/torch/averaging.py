"""The average of a network's weights over the steps, which is often better than the last of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of the weights (Polyak and Juditsky 1992), and of batch norms' statistics: those of
    the last step belong to weights that have moved on.

    The first steps count less, as the first weights are random: the decay of step t is min(decay, (1 + t) / (10 + t)).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay = network, decay
        self._weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self._averaged = [name for name, tensor in self._weights.items() if tensor.is_floating_point()]
        # Counts, such as a batch norm's number of batches, have no average.
        self._copied = [name for name, tensor in self._weights.items() if not tensor.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights as they are after step 0, 1, ..., in place."""
        now = self._network.state_dict()
        decay = min(self._decay, (1 + step) / (10 + step))
        if self._averaged:
            averages = [self._weights[name] for name in self._averaged]
            # One call for all tensors: with one for each, small networks would wait for Python.
            torch._foreach_lerp_(averages, [now[name] for name in self._averaged], 1 - decay)
        for name in self._copied:
            self._weights[name].copy_(now[name])

    def weights(self) -> dict[str, Tensor]:
        """A state_dict of the network with the averaged weights, as copies."""
        return {name: tensor.clone() for name, tensor in self._weights.items()}

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold: the averages by the names of the network's weights."""
        return dict(self._weights)

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` gave, on any device."""
        for name, tensor in self._weights.items():
            tensor.copy_(state[name])

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within, the network holds the averaged weights, in the same memory; nothing may train in there."""
        now = self._network.state_dict()
        before = {name: tensor.clone() for name, tensor in now.items()}
        _copy(self._weights, now)
        try:
            yield
        finally:
            _copy(before, now)


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
