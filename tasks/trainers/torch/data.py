"""Rows as tensors, and their way to the device while it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.model_input.inputs import Examples, Spec
from tasks.parallel import prefetch

WHOLE, NUMBER = "whole", "number"
"""The notes that no text of a row is filled up, bool, and which of all rows it is, from 0: int64."""


@dataclass(frozen=True, kw_only=True)
class TargetScale:
    """How a regression target is standardized: the network learns (value - mean) / std."""

    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Data:
    """Examples as tensors: a block a column, and the target [N] int64, or float32 standardized.

    `weight` is how much each row counts, [N] float32; None where all count the same. `notes` are what is known of each
    row by itself, [N] each. They stay on the CPU wherever the blocks are: asking a device would mean to wait for it.
    """

    blocks: dict[str, Tensor]
    target: Tensor
    weight: Tensor | None = None
    notes: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, start: int, stop: int) -> Data:
        """Neighbouring rows, as a view."""
        return self.cut(lambda tensor: tensor[start:stop])

    def split(self, sizes: list[int]) -> Iterator[Data]:
        """Neighbouring rows, so many each, as views; in one call a tensor, as a call for each takes longer."""
        if len(sizes) == 1:
            return iter([self])
        weights = [None] * len(sizes) if self.weight is None else torch.split(self.weight, sizes)
        blocks = zip(*(torch.split(block, sizes) for block in self.blocks.values()), strict=True)
        pieces = (
            Data(blocks=dict(zip(self.blocks, of_step, strict=True)), target=target, weight=weight)
            for of_step, target, weight in zip(blocks, torch.split(self.target, sizes), weights, strict=True)
        )
        if not self.notes:
            return pieces
        notes = zip(*(torch.split(note, sizes) for note in self.notes.values()), strict=True)
        return (
            piece.noted(dict(zip(self.notes, of_step, strict=True)))
            for piece, of_step in zip(pieces, notes, strict=True)
        )

    def tensors(self) -> Iterator[Tensor]:
        """All of them: blocks, target, and weight where there is one."""
        yield from (*self.blocks.values(), self.target, *([] if self.weight is None else [self.weight]))

    def take(self, rows: Tensor, device: torch.device) -> Data:
        """A copy of the rows of these numbers, on the device, without their notes."""
        rows = rows.to(self.target.device)
        return self.each(lambda tensor: gathered(tensor, rows).to(device)).noted({})

    def to(self, device: torch.device) -> Data:
        """The same rows on the device; themselves when they are there. Rows in pinned memory do not keep the caller."""
        # Only CUDA waits by itself for what it copies from memory that is not pinned.
        return self.each(lambda tensor: tensor.to(device, non_blocking=device.type == "cuda"))

    def pinned(self) -> Data:
        """A copy in memory that a CUDA device reads by itself."""
        return self.each(lambda tensor: tensor.pin_memory())

    def copied(self) -> Data:
        """A copy in torch's own memory, which begins where vector instructions like it: a view may begin anywhere, and
        then sums may come out in another order, and differ in their last bits."""
        return self.each(lambda tensor: tensor.clone())

    def each(self, change: Callable[[Tensor], Tensor]) -> Data:
        """The same change of every tensor that goes to the device; the notes stay as they are."""
        blocks = {name: change(block) for name, block in self.blocks.items()}
        weight = None if self.weight is None else change(self.weight)
        return Data(blocks=blocks, target=change(self.target), weight=weight, notes=self.notes)

    def noted(self, notes: Mapping[str, Tensor]) -> Data:
        """The same rows with these notes."""
        return replace(self, notes=notes)

    @property
    def is_whole(self) -> bool:
        """Whether no text of any row is filled up; False also where there is no text."""
        return WHOLE in self.notes and bool(self.notes[WHOLE].all())

    def numbered(self, first: int = 0) -> Data:
        """The same rows with their numbers, from `first` on."""
        return self.noted({**self.notes, NUMBER: torch.arange(first, first + len(self))})

    def cut(self, change: Callable[[Tensor], Tensor]) -> Data:
        """The same change of every tensor, the notes among them: a choice of rows."""
        return self.each(change).noted({name: change(note) for name, note in self.notes.items()})


def as_data(spec: Spec, examples: Examples, scale: TargetScale) -> Data:
    """Examples as tensors in the memory that they are in already."""
    blocks = {field.name: as_tensor(examples.inputs.blocks[field.name]) for field in spec.fields}
    weight = None if examples.weight is None else as_tensor(examples.weight.astype(np.float32))
    target = targets_as_tensor(examples.target, spec, scale)
    return Data(blocks=blocks, target=target, weight=weight, notes=_notes(spec, blocks))


def _notes(spec: Spec, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    texts = [blocks[field.name] for field in spec.fields if field.kind == "tokens"]
    return {WHOLE: torch.stack([(text != 0).all(dim=1) for text in texts]).all(dim=0)} if texts else {}


def targets_as_tensor(targets: NDArray[Any], spec: Spec, scale: TargetScale) -> Tensor:
    """Numbers of classes as int64; numbers as float32, scaled as the network answers them."""
    if not spec.classes:
        # In float64: of large numbers that differ little, float32 would keep next to nothing once the mean is off.
        targets = (targets.astype(np.float64) - scale.mean) / scale.std
    return as_tensor(targets.astype(np.int64 if spec.classes else np.float32))


def as_tensor(block: NDArray[Any]) -> Tensor:
    """The block in its own memory, or a copy where polars lent it read-only, which torch warns of; float64 as float32:
    here numbers enter a network, and they have been scaled."""
    if block.dtype == np.float64:
        block = block.astype(np.float32)
    return torch.from_numpy(np.require(block, requirements=["C", "W"]))


def gathered(block: Tensor, rows: Tensor) -> Tensor:
    """A copy of the rows of these numbers, where the block is.

    On the CPU by numpy, in one thread, into torch's own memory (see `Data.copied`). torch's threads wait longer for
    each other than they copy: 128 pictures of 28 x 28 took 20 us so, and on two busy cores 1 ms with `block[rows]`.
    """
    if block.device.type != "cpu":
        return block.index_select(0, rows)
    selected = block.new_empty((len(rows), *block.shape[1:]))
    # The indices are ours and valid; only to raise for one that is not would numpy copy twice.
    np.take(block.numpy(), rows.numpy(), axis=0, out=selected.numpy(), mode="clip")
    return selected


def joined(pieces: Sequence[Data]) -> Data:
    """The rows of all pieces, one under the other."""
    if len(pieces) == 1:
        return pieces[0]
    names = pieces[0].blocks
    blocks = {name: torch.cat([piece.blocks[name] for piece in pieces]) for name in names}
    weights = [piece.weight for piece in pieces if piece.weight is not None]
    weight = torch.cat(weights) if weights else None
    notes = {name: torch.cat([piece.notes[name] for piece in pieces]) for name in pieces[0].notes}
    return Data(blocks=blocks, target=torch.cat([piece.target for piece in pieces]), weight=weight, notes=notes)


def recut(pieces: Iterable[Data], sizes: Iterable[int]) -> Iterator[Data]:
    """The same rows in the same order, so many at once: views where a piece has them all."""
    source, rest = iter(pieces), None
    for size in sizes:
        taken: list[Data] = []
        while size > 0:
            if rest is None or len(rest) == 0:
                rest = next(source)
            taken.append(rest.rows(0, size))
            rest = rest.rows(size, len(rest))
            size -= len(taken[-1])
        yield joined(taken)


def sent_ahead(pieces: Iterable[Data], device: torch.device) -> Iterator[Data]:
    """The same pieces on the device, each made and copied there by another thread while the one before is in use.

    A CUDA device copies them from pinned memory, beside what it computes.
    """
    if device.type == "cuda":
        yield from _sent_by_stream(pieces, device)
    else:
        yield from prefetch((piece.to(device) for piece in pieces), depth=1)


def _sent_by_stream(pieces: Iterable[Data], device: torch.device) -> Iterator[Data]:
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def copies() -> Iterator[tuple[Data, torch.cuda.Event]]:
        for piece in pieces:
            with torch.cuda.stream(stream):
                copy, done = piece.pinned().to(device), stream.record_event()
            yield copy, done

    for copy, done in prefetch(copies(), depth=2):
        current = torch.cuda.current_stream(device)
        current.wait_event(done)
        for tensor in (*copy.blocks.values(), copy.target):
            # Else the memory could be given to the next copy while this stream still reads it.
            tensor.record_stream(current)
        yield copy
