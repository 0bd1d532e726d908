"""Several processes that train one model: which rows of a step are whose, and how they add up what they found.

Every worker goes through the same steps in the same order. It takes its share of a step's rows, and what all found is
summed, so that the weights stay the same everywhere, and to rounding those that one process would have.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

MEETING = "MODELWRIGHT_MEETING"
"""The variable that names the file by which workers of one machine find each other."""
_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun tells each of its processes."""

_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Workers:
    """One of `size` processes, the one of number `rank`, from 0. What it does together all must do, in one order."""

    rank: int
    size: int

    @property
    def is_first(self) -> bool:
        """Whether this is the worker that speaks for all: to listeners, and by checkpoints."""
        return self.rank == 0

    def device(self, wanted: torch.device) -> torch.device:
        """Where this worker computes: on a GPU of its own, where GPUs are wanted."""
        if wanted.type == "cuda" and self.size > 1:
            return torch.device("cuda", torch.cuda.current_device())
        return wanted

    def share(self, num_rows: int) -> slice:
        """This worker's rows of a step's: contiguous, in the order of ranks, as many as any other's or one less."""
        return slice(num_rows * self.rank // self.size, num_rows * (self.rank + 1) // self.size)

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Puts into each tensor the sum of what all workers have in its place; the bits are the same for all."""
        if self.size == 1:
            return
        alike: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for tensor in tensors:
            alike.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        for group in alike.values():
            _sum_flat(group)

    def agree(self, value: bool) -> bool:
        """The first worker's value, for all of them: whether to stop now, by its clock or its patience."""
        if self.size == 1:
            return value
        said = torch.tensor(value)
        dist.broadcast(said, src=0)
        return bool(said)


ALONE = Workers(rank=0, size=1)
"""The only process: nothing is shared, and nothing is sent."""


@contextmanager
def joined(device_type: str) -> Iterator[Workers]:
    """The workers that torchrun has started this process with, or ALONE where it has not; all must enter, and leave.

    Numbers on a GPU go by NCCL, those in main memory by gloo. The GPU of this worker's local number becomes the current
    one, which `torch.device("cuda")` means.
    """
    workers = _from_environment()
    if workers.size == 1:
        yield workers
        return
    if device_type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    _open_group("cpu:gloo,cuda:nccl" if device_type == "cuda" else "cpu:gloo", workers)
    try:
        yield workers
    finally:
        dist.destroy_process_group()


class CommonBatchNorm(_BatchNorm):
    """Batch norm by the mean and the variance of all workers' rows together: [B, C, ...] -> [B, C, ...].

    torch.nn.SyncBatchNorm does the same, but only where a GPU is (Ioffe and Szegedy, 2015, arXiv:1502.03167).
    """

    workers: Workers = ALONE

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name of it
        if not self.training:
            found: Tensor = super().forward(input)
            return found
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        mean, variance, num_values = _common_statistics(values, self.workers)
        self._remember(mean, variance, num_values)
        scale = torch.rsqrt(variance + self.eps)
        shape = (1, -1) + (1,) * (values.dim() - 2)
        if self.affine:
            scale = scale * self.weight
        normed = (values - mean.view(shape)) * scale.view(shape)
        return (normed + self.bias.view(shape) if self.affine else normed).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, num_values: Tensor) -> None:
        # For rows to come; their variance is that of a sample, one value less.
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        of_sample = variance * num_values / (num_values - 1).clamp(min=1)
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(of_sample.to(self.running_var), share)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Takes what the norm in whose place it stands took: [B, C], [B, C, L], [B, C, H, W]."""


def with_common_batch_norm(network: _Network, workers: Workers) -> _Network:
    """The network, the batch norms within it put in place by those of all workers; weights and their names stay.

    To be called before anything else keeps hold of the network's modules. Nothing changes for a process that is alone.
    """
    assert not isinstance(network, _BatchNorm), "a batch norm is a layer, not a network"
    if workers.size == 1:
        return network
    for name, module in network.named_children():
        changed = (
            _common(module, workers) if isinstance(module, _BatchNorm) else with_common_batch_norm(module, workers)
        )
        setattr(network, name, changed)
    return network


def _from_environment() -> Workers:
    if not all(name in os.environ for name in _TORCHRUN):
        return ALONE
    return Workers(rank=int(os.environ["RANK"]), size=int(os.environ["WORLD_SIZE"]))


def _open_group(backend: str, workers: Workers) -> None:
    if MEETING not in os.environ:
        dist.init_process_group(backend)
        return
    place = f"file://{os.environ[MEETING]}"
    dist.init_process_group(backend, init_method=place, rank=workers.rank, world_size=workers.size)


def _sum_flat(tensors: Sequence[Tensor]) -> None:
    # One message for all: for small tensors, the way there and back is what takes the time.
    flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))


def _common(norm: _BatchNorm, workers: Workers) -> CommonBatchNorm:
    common = CommonBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    common.workers = workers
    common.weight, common.bias = norm.weight, norm.bias
    common.running_mean, common.running_var = norm.running_mean, norm.running_var
    common.num_batches_tracked = norm.num_batches_tracked
    return common.train(norm.training)


def _common_statistics(values: Tensor, workers: Workers) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [C] and variance [C] over all workers' values [B, C, ...], and how many there are of each channel.

    Each worker's own come together in one message, a row each, and are merged (Chan et al., 1979, STAN-CS-79-773).
    """
    own = _own_statistics(values)
    row = functional.pad(own[None], (0, 0, workers.rank, workers.size - 1 - workers.rank))
    everyone: Tensor = _SumOverWorkers.apply(row)  # type: ignore[no-untyped-call]
    channels = values.shape[1]
    means, variances, counts = torch.split(everyone, [channels, channels, 1], dim=1)
    num_values = counts.sum()
    mean = (counts * means).sum(dim=0) / num_values
    variance = (counts * (variances + (means - mean).square())).sum(dim=0) / num_values
    return mean, variance, num_values


def _own_statistics(values: Tensor) -> Tensor:
    """Mean, variance and count of this worker's values [B, C, ...] -> [2 C + 1]; zeros where it has no rows."""
    over = [dim for dim in range(values.dim()) if dim != 1]
    num_values = values.numel() // values.shape[1]
    if num_values:
        variance, mean = torch.var_mean(values, dim=over, correction=0)
    else:
        variance = mean = values.sum(dim=over)
    return torch.cat([mean, variance, mean.new_tensor([num_values])])


class _SumOverWorkers(torch.autograd.Function):
    """The sum over all workers, and of the gradients: what one worker sent is in what every worker got."""

    @staticmethod
    def forward(context: object, values: Tensor) -> Tensor:
        summed = values.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(context: object, *gradients: Tensor) -> Tensor:
        summed = gradients[0].clone()
        dist.all_reduce(summed)
        return summed
