"""The statistics of batch norms, put back where a step is tried again: else its rows would count twice."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class NormStatistics:
    """Means, variances and numbers of batches, which move when rows go through a network in training."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        buffers = [buffer for module in modules if isinstance(module, _BatchNorm) for buffer in module.buffers()]
        # Apart by dtype, as one call on an accelerator copies many tensors of one.
        by_dtype = {buffer.dtype: [other for other in buffers if other.dtype == buffer.dtype] for buffer in buffers}
        self._pairs: list[tuple[list[Tensor], list[Tensor]]] = [
            (now, [buffer.clone() for buffer in now]) for now in by_dtype.values()
        ]

    @torch.no_grad()
    def keep(self) -> None:
        """Remembers them as they are."""
        for now, kept in self._pairs:
            torch._foreach_copy_(kept, now)

    @torch.no_grad()
    def put_back(self) -> None:
        """Makes them what they were when `keep` was called."""
        for now, kept in self._pairs:
            torch._foreach_copy_(now, kept)
