"""The rows of each step of the training, on the device: held there, or streamed from their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch

from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Spec
from tasks.trainers.torch.data import Data, TargetScale, as_data, as_tensor, recut, sent_ahead
from tasks.trainers.torch.steps import CountedSteps, EpochSteps, drawn, timed
from tasks.trainers.torch.streaming import StreamingBatches

__all__ = ["Batches", "Data", "RowsInOrder", "TargetScale", "as_tensor", "make_rows", "make_batches"]


_FETCHED_BYTES = 2**20
_MOST_STEPS = 32
_ALIGNMENT = 64
"""Bytes at whose multiples torch's own memory on the CPU begins, and the widest vector instructions read."""


class Batches(Protocol):
    """The training rows, cut into steps in an order that depends on (seed, epoch) alone.

    So a run that was killed goes on with the very rows that would have been next, and stores no state for it.
    """

    @property
    def num_rows(self) -> int:
        """All training rows."""

    @property
    def num_steps(self) -> int:
        """Steps in an epoch."""

    @property
    def waited(self) -> float:
        """For how many seconds the loop has waited for rows. A device may have been at work meanwhile."""

    def epoch(self, number: int, first: int = 0) -> Iterator[Data]:
        """The rows of each step of the epoch, from step `first` on, on the device. Every row comes once an epoch.

        Raises UserError when a file is damaged.
        """


class RowsInOrder(Protocol):
    """Rows to go through again and again, in order."""

    @property
    def num_rows(self) -> int:
        """All rows."""

    def __iter__(self) -> Iterator[Data]:
        """The rows on the device, so many at once. Raises UserError when a file is damaged."""


def make_batches(
    examples: Examples | StoredExamples,
    spec: Spec,
    scale: TargetScale,
    *,
    step_rows: int,
    device: torch.device,
    max_bytes: int,
    seed: int,
    min_rows: int = 2,
    numbered: bool = False,
) -> Batches:
    """Batches of `step_rows` rows; a last one of fewer than `min_rows` joins the one before. `numbered` ones note which
    of all rows each is.

    Rows of at most `max_bytes` are held on the device. More of them are streamed from their files, or sent from the
    memory where they are already.
    """
    steps = EpochSteps(num_rows=examples.num_rows, step_rows=step_rows, min_rows=min_rows)
    fits = examples.num_bytes <= max_bytes
    if isinstance(examples, StoredExamples) and not fits:
        return StreamingBatches(
            examples, scale, steps, device=device, max_bytes=max_bytes, seed=seed, numbered=numbered
        )
    data = _in_memory(examples, spec, scale, device, fits)
    return InMemoryBatches(data.numbered() if numbered else data, steps, device=device, seed=seed)


def make_rows(
    examples: Examples | StoredExamples,
    spec: Spec,
    scale: TargetScale,
    device: torch.device,
    max_bytes: int,
    batch_rows: int,
) -> RowsInOrder:
    """Rows in order, `batch_rows` at a time, held or streamed as in `make_batches`: the same slices either way."""
    steps = EpochSteps(num_rows=examples.num_rows, step_rows=batch_rows, min_rows=1)
    fits = examples.num_bytes <= max_bytes
    if isinstance(examples, StoredExamples) and not fits:
        return StreamingRows(examples, scale, steps, device)
    return InMemoryRows(_in_memory(examples, spec, scale, device, fits), steps, device)


class InMemoryBatches(CountedSteps):
    """Rows in memory, in an order that is drawn anew for every epoch; sent ahead when they are not on the device."""

    def __init__(self, data: Data, steps: EpochSteps, *, device: torch.device, seed: int) -> None:
        super().__init__(steps)
        self._data, self._device, self._seed = data, device, seed
        self._steps_at_once = _steps_at_once(data, steps.step_rows)

    def epoch(self, number: int, first: int = 0) -> Iterator[Data]:
        """The rows of each step of the epoch, from step `first` on, on the device."""
        home = self._data.target.device
        taken = self._taken(drawn(self.num_rows, self._seed, number), first)
        if home.type == self._device.type:
            return taken
        return timed(sent_ahead(taken, self._device), self._clock)

    def _taken(self, order: torch.Tensor, first: int) -> Iterator[Data]:
        """The rows of each step, in this order; those of several small steps are fetched at once, and cut apart."""
        start, at_once, notes = self._steps.start, self._steps_at_once, self._data.notes
        at_home = order.to(self._data.target.device)
        for step in range(first, self.num_steps, at_once):
            bounds = [start(each) for each in range(step, min(step + at_once, self.num_steps) + 1)]
            fetched = slice(bounds[0], bounds[-1])
            rows = self._data.take(at_home[fetched], at_home.device)
            rows = rows.noted({name: note[order[fetched]] for name, note in notes.items()})
            yield from rows.split([stop - start for start, stop in pairwise(bounds)])


@dataclass(frozen=True)
class InMemoryRows:
    """Rows in memory, in order; sent ahead when they are not on the device."""

    data: Data
    steps: EpochSteps
    device: torch.device

    @property
    def num_rows(self) -> int:
        return self.steps.num_rows

    def __iter__(self) -> Iterator[Data]:
        # Copies, so that sums do not depend on where in memory a slice begins.
        slices = (piece.copied() for piece in recut([self.data], self.steps.sizes()))
        return slices if self.data.target.device.type == self.device.type else sent_ahead(slices, self.device)


@dataclass(frozen=True)
class StreamingRows:
    """Rows from their files, in order: one part in memory, and one that is being read."""

    examples: StoredExamples
    scale: TargetScale
    steps: EpochSteps
    device: torch.device

    @property
    def num_rows(self) -> int:
        return self.steps.num_rows

    def __iter__(self) -> Iterator[Data]:
        parts = (as_data(self.examples.spec, part, self.scale) for part in self.examples.parts())
        slices = (piece.copied() for piece in recut(parts, self.steps.sizes()))
        return sent_ahead(slices, self.device)


def _steps_at_once(data: Data, step_rows: int) -> int:
    """Of how many steps the rows are fetched in one go: of a small step, calling costs more than copying."""
    step_bytes = [step_rows * tensor[:1].nbytes for tensor in data.tensors()]
    # Where a step began anywhere else in memory, sums could come out in another order (see `Data.copied`), and a run
    # that goes on in the middle of an epoch would not have the bits of one that was not killed.
    if any(size % _ALIGNMENT for size in step_bytes):
        return 1
    return max(1, min(_MOST_STEPS, _FETCHED_BYTES // max(1, sum(step_bytes))))


def _in_memory(
    examples: Examples | StoredExamples, spec: Spec, scale: TargetScale, device: torch.device, on_device: bool
) -> Data:
    data = as_data(spec, examples.loaded(), scale)
    return data.to(device) if on_device else data
