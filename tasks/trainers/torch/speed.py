"""Which way of computing is the fastest on this machine: a few steps each way tell."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch

from tasks.errors import UserError
from tasks.params.torch import TorchTrain

Precision = Literal["float32", "bf16", "fp16"]
Layout = Literal["contiguous", "channels_last"]

_WARM_UP = 2
"""Steps before the clock: the first compiles and looks for algorithms, the second meets the memory that it left."""
_STEPS = 2
"""Steps under the clock at once."""
_WORTH_IT = 0.95
"""The share of the plain way's time that another must stay below: less is within what a busy machine makes of it."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a network computes. The plain way is float32, contiguous, not compiled."""

    precision: Precision
    layout: Layout
    compile: bool

    def in_words(self) -> str:
        """The way in a few words: `bf16 with channels_last and torch.compile`."""
        with_ = [*(["channels_last"] if self.layout == "channels_last" else []), *(["torch.compile"] * self.compile)]
        return " with ".join([self.precision, *([" and ".join(with_)] if with_ else [])])


@dataclass(frozen=True, kw_only=True)
class WayChoice:
    """The way that was chosen, and a sentence that says why, with the times of all that were tried."""

    way: Way
    sentence: str


def ways(config: TorchTrain, device: torch.device, has_pictures: bool) -> list[Way]:
    """The ways that the settings leave open, the plainest first. `auto` is plain unless determinism is off: the clock
    decides otherwise, and two runs could differ.

    Raises UserError for `compile: true` on a CPU without a C++ compiler, and for an LSTM in bf16 on one without
    instructions for it.
    """
    if config.precision == "bf16" and device.type == "cpu" and _is_lstm(config) and not has_bf16_instructions():
        raise UserError(
            "train.precision: PyTorch has no LSTM in bf16 on a processor without instructions for it, as this is; "
            "use `precision: float32`, or `cell: gru`"
        )
    if config.compile is True and device.type == "cpu" and shutil.which(_compiler()) is None:
        raise UserError(
            f"train.compile: torch.compile needs a C++ compiler on a CPU, and {_compiler()} is not there; "
            "install it (or name another in CXX), or use `compile: false`"
        )
    is_open = config.determinism == "off"
    precisions: Sequence[Precision] = ["float32"]
    if config.precision != "auto":
        precisions = [config.precision]
    elif is_open:
        precisions = ["float32", "bf16", *(["fp16"] if device.type == "cuda" else [])]  # type: ignore[list-item]
    layouts: Sequence[Layout] = ["contiguous"]
    if config.layout != "auto":
        layouts = [config.layout]
    elif is_open and has_pictures:
        layouts = ["contiguous", "channels_last"]
    compiled = [config.compile] if config.compile != "auto" else [False, *([True] if is_open else [])]
    return [
        Way(precision=precision, layout=layout, compile=compile_)
        for compile_, precision, layout in product(compiled, precisions, layouts)
    ]


def choose(
    try_step: Callable[[Way], None],
    ways: Sequence[Way],
    repeats: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> WayChoice:
    """The fastest way, by the best of `repeats` times; the first, which is the plainest, unless one is 5 % faster.

    `try_step` does a training step and returns when the device is done. Compiling takes a minute, so of the compiled
    ways only the one whose precision and layout were fastest without is tried. A way that this machine cannot go
    (no compiler, an operation that bf16 lacks, too little memory) raises RuntimeError, and is left out; the first one's
    error is passed on.
    """
    trial = _WayTimings(try_step, ways[0], repeats, clock)
    for way in [way for way in ways if not way.compile]:
        trial.measure(way)
    best = trial.fastest()
    for way in [way for way in ways if way.compile]:
        if best is None or (way.precision, way.layout) == (best.precision, best.layout):
            trial.measure(way)
    return trial.choice()


def autocast(way: Way, device: torch.device) -> AbstractContextManager[object]:
    """Inside, most operations compute in the way's precision, and those that lose by it in float32."""
    if way.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16 if way.precision == "bf16" else torch.float16)


class _WayTimings:
    """The times that were taken, and what could not be tried."""

    def __init__(self, try_step: Callable[[Way], None], first: Way, repeats: int, clock: Callable[[], float]) -> None:
        self._try_step, self._first, self._repeats, self._clock = try_step, first, repeats, clock
        self._seconds: dict[Way, float] = {}
        self._failed: list[str] = []

    def measure(self, way: Way) -> None:
        """Takes the time of a step."""
        try:
            self._go(way, _WARM_UP)
            # The shortest, as a busy machine can only make a step longer.
            self._seconds[way] = min(self._go(way, _STEPS) for _ in range(self._repeats)) / _STEPS
        except RuntimeError as error:
            if way == self._first:
                raise
            self._failed.append(f"{way.in_words()} is not possible here ({_first_line(error)})")

    def fastest(self) -> Way | None:
        """The way with the shortest time; None before any was taken."""
        return min(self._seconds, key=self._seconds.__getitem__, default=None)

    def choice(self) -> WayChoice:
        """The fastest way if it is worth it, and all that was found out."""
        way = self.fastest()
        if way is None or self._seconds[way] > _WORTH_IT * self._seconds[self._first]:
            way = self._first
        others = sorted((other for other in self._seconds if other != way), key=self._seconds.__getitem__)
        timings = [f"{way.in_words()}: {_milliseconds(self._seconds[way])} a step"]
        timings += [f"{other.in_words()} {_milliseconds(self._seconds[other])}" for other in others]
        return WayChoice(way=way, sentence="; ".join([*timings, *self._failed]))

    def _go(self, way: Way, num_steps: int) -> float:
        since = self._clock()
        for _ in range(num_steps):
            self._try_step(way)
        return self._clock() - since


def has_bf16_instructions() -> bool:
    """Whether this CPU computes in bf16 by itself."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_lstm(config: TorchTrain) -> bool:
    return config.network.kind == "rnn" and config.network.cell == "lstm"


def _compiler() -> str:
    """What torch.compile calls on a CPU."""
    return os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _first_line(error: RuntimeError) -> str:
    lines: Iterable[str] = str(error).strip().splitlines()
    return next(iter(lines), type(error).__name__)[:200]
