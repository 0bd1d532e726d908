"""Several processes that train one model: which rows of a step are whose, and how their gradients add up.

Every worker goes through the same steps in the same order. It takes its share of a step's rows, and all gradients are
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
from torch.nn.modules.batchnorm import _BatchNorm

from tasks.errors import UserError

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
        # One message can hold numbers of one dtype on one device.
        alike: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for tensor in tensors:
            alike.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        for group in alike.values():
            _sum_flat(group)

    def agree(self, value: bool) -> bool:
        """The first worker's value, for all of them: whether to stop now, by its clock or its patience."""
        if self.size == 1:
            return value
        decision = torch.tensor(value)
        dist.broadcast(decision, src=0)
        return bool(decision)


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


def synchronized(network: _Network, workers: Workers, device: torch.device) -> _Network:
    """The network, its batch norms going by the rows of all workers (torch.nn.SyncBatchNorm); weights and their names
    stay. Nothing changes for a process that is alone.

    To be called before anything else keeps hold of the network's modules. Raises UserError for batch norm on a CPU.
    """
    if workers.size == 1 or not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return network
    if device.type != "cuda":
        raise batch_norm_needs_gpus(workers.size)
    whole: _Network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return whole


def batch_norm_needs_gpus(num_workers: int) -> UserError:
    """The refusal of batch norm in several processes on CPUs: torch's SyncBatchNorm sends between GPUs alone."""
    return UserError(
        f"train.workers: {num_workers} processes cannot share a batch norm on a CPU, only on GPUs; "
        "use `network: norm: none` (mlp also has layer), or `workers: 1`"
    )


def _from_environment() -> Workers:
    if not all(name in os.environ for name in _TORCHRUN):
        return ALONE
    return Workers(rank=int(os.environ["RANK"]), size=int(os.environ["WORLD_SIZE"]))


def _open_group(backend: str, workers: Workers) -> None:
    if MEETING not in os.environ:
        dist.init_process_group(backend)
        return
    # By a file, so that nothing has to listen on the network.
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
