"""Where torch computes, and how it does so in the same way every time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tasks.errors import UserError
from tasks.parallel import num_cores
from tasks.trainers.torch.process_flags import FASTEST, STRICT, flags, thread_counts

_WORTH_SHARING = 2**15
"""Numbers in a batch from which several threads are faster than one: about 64 images of 23 x 23 pixels."""


def choose_device(wanted: str) -> torch.device:
    """The device of that name; `auto` is cuda, then mps, then cpu. Raises UserError for one that is not there."""
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if is_there(torch.device(name))))
    if not is_there(torch.device(wanted)):
        raise UserError(f"train.device: {wanted} is not there on this machine; use `device: auto`, or mend its driver")
    return torch.device(wanted)


_NO_MEMORY = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)
"""What is said of memory by those that do not raise torch.OutOfMemoryError: the CPU's allocator, the driver, libraries
of kernels that want room of their own, and Apple's devices."""

# Here, as PyTorch reads it once, before the first matrix product on a GPU, which may be anybody's in this process:
# https://docs.nvidia.com/cuda/cublas/index.html#results-reproducibility
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@contextmanager
def deterministic() -> Iterator[None]:
    """Only algorithms that give the same bits every time, in float32 as it is; what the caller had set comes back."""
    # Benchmarks would choose among algorithms by the clock, and two runs might choose differently. TF32, which torch
    # lets convolutions use unless told, has 10 of float32's 23 binary digits. Memory that nobody has written to is not
    # filled, as nobody reads it either.
    with flags.held(
        STRICT, algorithms=(True, False), benchmark=False, matmul="highest", tf32_convolutions=False, fill=False
    ):
        yield


@contextmanager
def fastest() -> Iterator[None]:
    """The fastest algorithms, though two runs may differ in the last bits; what the caller had set comes back."""
    # TF32, where a GPU has it: faster matrix products with fewer digits.
    with flags.held(
        FASTEST, algorithms=(False, False), benchmark=True, matmul="high", tf32_convolutions=True, fill=False
    ):
        yield


@contextmanager
def threads_for(batch_numbers: int) -> Iterator[None]:
    """One CPU thread while batches are small (so many numbers each), else as many as the caller has set and there are
    cores.

    Threads that share a small batch wait longer for each other than they compute: on two busy cores a step on 64 images
    of 8 x 8 pixels took four times as long with two threads as with one.
    """
    with thread_counts.at_most(1 if batch_numbers < _WORTH_SHARING else num_cores()):
        yield


@contextmanager
def memory_errors(batch_size: int) -> Iterator[None]:
    """Says that the memory would not do as a UserError."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"train: the device's memory would not do; make train.batch_size (it is {batch_size}) "
            "or the network smaller"
        ) from None


@contextmanager
def own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Fresh weights and dropout draw from torch's global generators: seeded here, and put back at the end."""
    with kept_random_numbers(device):
        seed_device(device, seed)
        yield


@contextmanager
def kept_random_numbers(device: torch.device) -> Iterator[None]:
    """What is drawn within leaves no trace: torch's global generators come back as they were."""
    # fork_rng asks for a kind of accelerator even where the CPU's generator is all that is put back.
    accelerator = "cuda" if device.type == "cpu" else device.type
    numbers = [] if device.type == "cpu" else [device.index or 0]
    with torch.random.fork_rng(devices=numbers, device_type=accelerator):
        yield


def seed_device(device: torch.device, seed: int) -> None:
    """What is drawn next on the CPU, or on this device, depends on the seed alone."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device, or the CPU's allocator, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _NO_MEMORY)


def is_there(device: torch.device) -> bool:
    """Whether this machine has that device, and torch can use it."""
    match device.type:
        case "cuda":
            return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
        case "mps":
            return torch.backends.mps.is_available()
        case _:
            return True
