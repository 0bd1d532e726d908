"""Rows that are too many to be held: read part by part, and mixed in a pool of several parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.model_input.example_parts import StoredExamples
from tasks.parallel import prefetch
from tasks.trainers.torch.data import Data, TargetScale, as_data, recut, sent_ahead
from tasks.trainers.torch.steps import CountedSteps, EpochSteps, drawn, timed

_CHUNK_BYTES = 2**24
"""What is gathered and copied to the device at once: large enough for a copy at full speed, small beside a part."""

_PARTS, _HANDS, _ROUND = range(3)
"""What is drawn: the order of the parts, how a part's rows are dealt, and the order of a round's rows."""


@dataclass(frozen=True, kw_only=True)
class _Dealt:
    """A part in the pool, with the numbers of its rows in each hand."""

    data: Data
    hands: Sequence[Tensor]


class StreamingBatches(CountedSteps):
    """Training rows from their files, in an order that is drawn anew for every epoch.

    The parts are read in a drawn order. Each part's rows are dealt at random into as many hands as the pool has parts,
    and a hand is played in each round that the part is in the pool. With parts a, b, c, ... and a pool of three:

        round 0: hands 0, 1 and 2 of a; hands 0 and 1 of b; hand 0 of c
        round 1: hand 2 of b; hand 1 of c; hand 0 of d
        round 2: hand 2 of c; hand 1 of d; hand 0 of e, and so on; the last round plays all that is left

    A round is shuffled as a whole and cut into steps, so a step has rows of every part in the pool. Rows of parts that
    are far from each other in the epoch's order never meet: where that matters, larger `max_bytes` make a larger pool.

    The pool takes half of `max_bytes`, and two parts at least; beside it there are one part that is being read and
    three chunks of 16 MiB that are being gathered, sent and used. One thread reads and another gathers and sends, so
    the loop waits only when reading is slower than learning; `waited` is for how many seconds it did. The threads end
    with the iterator.

    What is drawn depends on (seed, epoch, part or round) and on nothing that was drawn before: an epoch goes on from
    any step, and the parts that are over by then are not read.
    """

    def __init__(
        self,
        examples: StoredExamples,
        scale: TargetScale,
        steps: EpochSteps,
        *,
        device: torch.device,
        max_bytes: int,
        seed: int,
        numbered: bool = False,
    ) -> None:
        super().__init__(steps)
        self._examples, self._scale, self._numbered = examples, scale, numbered
        self._device, self._seed = device, seed
        self._parts = [number for number, num_rows in enumerate(examples.part_rows) if num_rows]
        row_bytes = max(1, examples.num_bytes // max(1, examples.num_rows))
        self._chunk_rows = max(1, _CHUNK_BYTES // row_bytes)
        self.num_pooled = min(len(self._parts), max(2, max_bytes // 2 // (row_bytes * max(1, *examples.part_rows))))
        self._num_rounds = len(self._parts) - self.num_pooled + 1

    def epoch(self, number: int, first: int = 0) -> Iterator[Data]:
        """The rows of each step of the epoch, from step `first` on, on the device."""
        chunks = sent_ahead(self._chunks(number, self._steps.start(first)), self._device)
        return recut(timed(chunks, self._clock), self._steps.sizes(first))

    def _chunks(self, number: int, skipped: int) -> Iterator[Data]:
        """The epoch's rows in their order, but for the first ones, in pieces of `_CHUNK_BYTES` at most."""
        order = [self._parts[place] for place in drawn(len(self._parts), self._seed, number, _PARTS).tolist()]
        first = 0
        while skipped >= (size := self._round_size(order, first)):
            skipped, first = skipped - size, first + 1
        parts = prefetch((self._deal(number, part) for part in order[first:]), depth=1)
        pool: deque[_Dealt] = deque()
        for round_ in range(first, self._num_rounds):
            while len(pool) < self.num_pooled:
                pool.append(next(parts))
            for chunk in torch.split(self._order(number, round_, pool)[skipped:], self._chunk_rows):
                yield _gathered(pool, chunk)
            # Only the first round that is played has rows that were learnt from already.
            skipped = 0
            pool.popleft()

    def _deal(self, number: int, part: int) -> _Dealt:
        data = as_data(self._examples.spec, self._examples.part(part), self._scale)
        if self._numbered:
            data = data.numbered(sum(self._examples.part_rows[:part]))
        rows = drawn(len(data), self._seed, number, _HANDS, part)
        return _Dealt(data=data, hands=rows.tensor_split(self.num_pooled))

    def _played(self, round_: int, slot: int) -> range:
        """The hands that the part in this slot of the pool plays: see the class."""
        due = self.num_pooled - 1 - slot
        first, last = round_ == 0, round_ == self._num_rounds - 1
        return range(0 if first else due, self.num_pooled if last else due + 1)

    def _round_size(self, order: Sequence[int], round_: int) -> int:
        size = 0
        for slot in range(self.num_pooled):
            whole, rest = divmod(self._examples.part_rows[order[round_ + slot]], self.num_pooled)
            size += sum(whole + (hand < rest) for hand in self._played(round_, slot))
        return size

    def _order(self, number: int, round_: int, pool: Sequence[_Dealt]) -> Tensor:
        """The round's rows, shuffled: [N, 2], each row's slot in the pool and its number there."""
        rows = []
        for slot, part in enumerate(pool):
            played = torch.cat([part.hands[hand] for hand in self._played(round_, slot)])
            rows.append(torch.stack([torch.full_like(played, slot), played], dim=1))
        together = torch.cat(rows)
        return together[drawn(len(together), self._seed, number, _ROUND, round_)]


def _gathered(pool: Sequence[_Dealt], order: Tensor) -> Data:
    """A copy of these rows [N, 2] of the pool, in their order."""
    chunk = pool[0].data.cut(lambda tensor: tensor.new_empty((len(order), *tensor.shape[1:])))
    for slot, part in enumerate(pool):
        places = (order[:, 0] == slot).nonzero()[:, 0]
        taken = part.data.take(order[places, 1], torch.device("cpu"))
        chunk.target.numpy()[places.numpy()] = taken.target.numpy()
        if chunk.weight is not None and taken.weight is not None:
            chunk.weight.numpy()[places.numpy()] = taken.weight.numpy()
        for name, block in chunk.blocks.items():
            block.numpy()[places.numpy()] = taken.blocks[name].numpy()
        for name, note in chunk.notes.items():
            note[places] = part.data.notes[name][order[places, 1]]
    return chunk
