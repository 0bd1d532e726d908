"""Settings of torch that hold for the whole process, shared by threads that compute side by side.

A served model answers in several threads. Were each of them to put back what it found, one that ends would take the
setting from another that still computes, or leave it behind for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

FASTEST, STRICT = 0, 1
"""How strongly a setting is asked for: of two at once, the stricter holds for both."""


class ProcessFlags:
    """Set when the first thread asks, and back as they were when the last one that asked is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: dict[str, Any] = {}
        self._requests: list[tuple[int, dict[str, Any]]] = []

    @contextmanager
    def held(self, strength: int, **values: Any) -> Iterator[None]:
        """The flags with these values, unless another block at work asks for others more strongly, or later."""
        request = (strength, values)
        with self._lock:
            for name in values:
                self._before.setdefault(name, _read(name))
            self._requests.append(request)
            self._apply()
        try:
            yield
        finally:
            with self._lock:
                # By identity: another thread may ask for the very same.
                self._requests = [other for other in self._requests if other is not request]
                self._apply()

    def _apply(self) -> None:
        asked: dict[str, Any] = {}
        # A stable sort: of equally strong ones the latest comes last, so that a block within another has its way.
        for _, values in sorted(self._requests, key=lambda request: request[0]):
            asked |= values
        for name, before in list(self._before.items()):
            _write(name, asked.get(name, before))
            if name not in asked:
                del self._before[name]


class ThreadCounts:
    """How many threads torch computes with: a number of each Python thread, whose first value is a global one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_active = 0
        self._num_threads = 1
        self._own = threading.local()

    @contextmanager
    def at_most(self, most: int) -> Iterator[None]:
        """This thread with so many threads at most; those of the caller come back."""
        before = self._enter()
        torch.set_num_threads(max(1, min(most, before)))
        try:
            yield
        finally:
            with self._lock:
                self._own.depth -= 1
                self._num_active -= 1
                torch.set_num_threads(before)

    def _enter(self) -> int:
        with self._lock:
            depth = getattr(self._own, "depth", 0)
            # Always asked: a thread's first question gives it the process's number, and would undo one set before.
            own = torch.get_num_threads()
            # A thread that begins while another has lowered the number would take that for its own.
            before = own if depth or not self._num_active else self._num_threads
            if not self._num_active:
                self._num_threads = before
            self._own.depth = depth + 1
            self._num_active += 1
        return before


def _read(name: str) -> Any:
    match name:
        case "algorithms":
            return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        case "benchmark":
            return torch.backends.cudnn.benchmark
        case "matmul":
            return torch.get_float32_matmul_precision()
        case "tf32_convolutions":
            return torch.backends.cudnn.allow_tf32
        case _:
            return torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]


def _write(name: str, value: Any) -> None:
    match name:
        case "algorithms":
            torch.use_deterministic_algorithms(value[0], warn_only=value[1])
        case "benchmark":
            torch.backends.cudnn.benchmark = value
        case "matmul":
            torch.set_float32_matmul_precision(value)
        case "tf32_convolutions":
            torch.backends.cudnn.allow_tf32 = value
        case _:
            torch.utils.deterministic.fill_uninitialized_memory = value  # type: ignore[attr-defined]


flags, thread_counts = ProcessFlags(), ThreadCounts()
"""Of this process: there is one torch in it."""
