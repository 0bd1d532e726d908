"""Numbers in bins of about equal counts, as a profile keeps them, and how later numbers fall into the same bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.columns.quantiles import Histogram
from tasks.params.config import Config

NUM_BINS = 16
"""Bins of one sixteenth of the numbers each: fine enough for a second peak, coarse enough that 100 rows fill them."""


class Bins(Config):
    """`counts` [K] of the numbers from one edge up to the next; the first bin has no lower edge, the last no upper."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


def bins_of(numbers: Histogram) -> Bins:
    """At most 2 * NUM_BINS + 1 bins of counted numbers, of which there must be one at least."""
    num_before = np.cumsum(numbers.counts) - numbers.counts
    level = num_before * NUM_BINS // numbers.count
    # A value that fills a bin is one by itself: its neighbours would not be seen beside it.
    is_heavy = numbers.counts * NUM_BINS >= numbers.count
    begins = (level[1:] != level[:-1]) | is_heavy[1:] | is_heavy[:-1]
    starts = np.concatenate([[0], np.flatnonzero(begins) + 1])
    edges, counts = numbers.edges[starts[1:] - 1], np.add.reduceat(numbers.counts, starts)
    return Bins(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))


def shared_counts(bins: Bins, numbers: Histogram) -> NDArray[np.int64]:
    """How many of the binned numbers, and how many of the others, are in each bin: [2, K], exactly.

    Two bins are one where the others were counted too coarsely to tell on which side of their edge each lies.
    """
    at_least, at_most = numbers.num_below(np.array(bins.edges))
    sharp = np.flatnonzero(at_least == at_most)
    old = np.add.reduceat(np.array(bins.counts), np.concatenate([[0], sharp + 1]))
    new = np.diff(at_least[sharp], prepend=0, append=numbers.count)
    return np.stack([old, new])
