"""Rows before the test cut once more in time: each cut is learnt from what came before the rows that it is judged on.

Folds drawn at random would be judged among neighbours in time, which tomorrow's rows do not have: of a series, they say
how well a model fills gaps, not how well it forecasts (Tashman, 2000, doi:10.1016/S0169-2070(00)00065-0, who calls cuts
such as these rolling origins).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.split import GivenSplit, Split, TimeSplit
from tasks.paths import Paths
from tasks.splitting.times import TimeOrder, time_order
from tasks.tables import storage
from tasks.tables.dataset import Dataset

_JUDGED = 0.5
"""The share of the rows that stretches are cut from, the newest; all of them learn from the others."""


def before_test(paths: Paths) -> Iterator[pl.DataFrame]:
    """The rows that split has left for training and validation, part by part."""
    return chain.from_iterable(storage.read_parts(paths.split(part)) for part in ("train", "validation"))


def cut_once_more(config: Split, dataset: Dataset) -> TimeSplit:
    """The split of the rows before the test, of which the newest are judged on; of a split that goes by time."""
    if isinstance(config, TimeSplit):
        return config
    assert isinstance(config, GivenSplit)
    # Rows that the data name for validation are as good to judge on as others here.
    return TimeSplit(kind="time", column=time_order(config, dataset).name, validation=config.validation or 0.15)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Rows up to an instant, and how the newest of them are held out."""

    order: TimeOrder
    before: Any
    split: TimeSplit

    def rows(self, paths: Paths) -> Iterator[pl.DataFrame]:
        """Those of `before_test` that it is made of."""
        for part in before_test(paths):
            yield part if self.before is None else part.filter(self.order.instants(part) < self.before)


def forward_cuts(config: Split, dataset: Dataset, paths: Paths, count: int) -> list[Cut]:
    """Up to so many cuts that split has left the rows of, the newest first, with the most rows to learn from.

    The newest half of the rows is divided into as many stretches, each of which judges what was learnt from all rows
    before it; of these the newest are validation rows, the same share as in the pipeline. Rows of one instant stay
    together. Raises UserError where the rows have too few instants.
    """
    assert isinstance(config, TimeSplit | GivenSplit)
    order = time_order(config, dataset)
    values = np.sort(order.known(rows[order.name] for rows in before_test(paths)))
    share = storage.count_rows(paths.split("validation")) / len(values)
    cuts = [_cut(order, values, *ends, share) for ends in _stretches(values, count)]
    if not cuts:
        raise UserError(f"{order.setting}: column {order.name} has too few different values to divide rows in time")
    return cuts


def _stretches(values: NDArray[Any], count: int) -> list[tuple[int, int]]:
    """Where each begins and ends among the sorted instants, the newest first; without those that ties leave empty."""
    places = np.linspace((1 - _JUDGED) * len(values), len(values), count + 1).astype(int)
    # The first row of its instant: an instant is never cut.
    ends = [int(np.searchsorted(values, values[place])) for place in places[:-1]] + [len(values)]
    pairs = zip(ends[-2::-1], ends[:0:-1], strict=True)
    # Two instants before it: one to learn from, one for validation.
    return [(start, end) for start, end in pairs if 0 < start < end and values[0] < values[start - 1]]


def _cut(order: TimeOrder, values: NDArray[Any], start: int, end: int, share: float) -> Cut:
    split = TimeSplit(kind="time", column=order.name, validation=max(1, round(share * start)), test=end - start)
    return Cut(order=order, before=None if end == len(values) else values[end].item(), split=split)
