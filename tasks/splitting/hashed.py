"""Split by a hash of each row: stratified, and the same in any order of the rows and any cut into parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.params.split import HashSplit
from tasks.splitting.base import Assign, Read, below, has_counts, sizes
from tasks.splitting.key import Key, placer
from tasks.tables.dataset import Dataset

Cuts = Mapping[str, tuple[float, float]]
"""For each class, the position below which its rows are for the test, and the one below which they are held out."""

_ONE_CLASS = ""
"""What stands for the class in a regression, and where a class is missing."""


def by_hash(config: HashSplit, dataset: Dataset, key: Key, read: Read) -> Assign:
    """Each row's part from its key and the seed; from the other rows only where counts are given.

    Within every class the hash is uniform, so every class is cut in the same shares, in expectation. An exact share
    would need the other rows, and a row would change its part when rows are added: a test row would become a train row.
    Rows of one key have one hash, and so one part, unless their repeats are apart.
    """
    salt, place = str(config.seed), placer(config, key)
    # Shares need no second reading: a row alone tells its part.
    if not has_counts(config):
        held_out = config.test + config.validation
        return lambda rows: below(place(rows, salt), config.test, held_out)
    cuts = exact_cuts(config, dataset, key, read)

    def assign(rows: pl.DataFrame) -> pl.Series:
        classes = _classes(rows, dataset)
        test, held_out = (
            classes.replace_strict(list(cuts), [pair[place] for pair in cuts.values()], return_dtype=pl.Float64)
            for place in (0, 1)
        )
        return below(place(rows, salt), test.to_numpy(), held_out.to_numpy())

    return assign


def exact_cuts(config: HashSplit, dataset: Dataset, key: Key, read: Read) -> Cuts:
    """Where to cut so that the counts are exact: each class gives its quota, the rows with the smallest positions.

    Holds a position for each row, 8 bytes. Only rows of one key, which stay together, can move a count.
    """
    positions_of: dict[str, list[NDArray[np.float64]]] = {}
    place = placer(config, key)
    for rows in read(list(dict.fromkeys([*key.columns, dataset.target.name]))):
        places = pl.DataFrame({"place": place(rows, str(config.seed))})
        # Classes apart, as each gives its own quota.
        by_class = places.with_columns(_classes(rows, dataset).alias("class")).partition_by("class", as_dict=True)
        for (name,), of_class in by_class.items():
            positions_of.setdefault(name, []).append(of_class["place"].to_numpy())
    # Sorted by name: of equal remainders the first class counts, in whatever order rows come.
    ordered = {name: np.sort(np.concatenate(positions_of[name])) for name in sorted(positions_of)}
    counts = np.array([len(places) for places in ordered.values()], dtype=np.int64)
    num_test, num_validation = sizes(config, int(counts.sum()))
    # Of two rows one is learnt and one judged, of three each part has one; a single row can only be learnt.
    most = np.minimum(counts - 1, np.maximum(counts - 2, 1)) if dataset.task != "regression" else counts
    test = spread(quotas(counts, num_test), most)
    most = np.maximum(counts - test - 1, 0) if dataset.task != "regression" else counts - test
    # Of what the test has left, so that no class gives more than it has.
    held_out = test + spread(quotas(counts - test, num_validation), most)
    return {
        name: (_cut(places, int(first)), _cut(places, int(second)))
        for (name, places), first, second in zip(ordered.items(), test, held_out, strict=True)
    }


def quotas(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Each class's share of `total` rows, [K], by the largest remainder (Hamilton's method): their sum is exact.

    Of equal remainders the first class's counts. No class gives more rows than it has when `total` is not above them.
    """
    whole, remainders = np.divmod(total * counts, counts.sum())
    # Stable: of equal remainders the first class comes first.
    by_remainder = np.argsort(-remainders, kind="stable")
    whole[by_remainder[: total - int(whole.sum())]] += 1
    return whole


def spread(wanted: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of each class, [K], as near to what is wanted as can be: one at least and `most` at most, and the same sum.

    A class of which the test has no row cannot be judged, and one that train lacks cannot be learnt. With fewer rows
    than classes, the commonest have one.
    """
    rows = np.clip(wanted, np.minimum(most, 1), most)
    while (excess := int(rows.sum() - wanted.sum())) > 0:
        if rows.max() == 1:
            # A row each is more than there are: the commonest classes keep theirs.
            rows[np.argsort(np.where(rows > 0, wanted, wanted.sum() + 1), kind="stable")[:excess]] = 0
        else:
            rows[int(rows.argmax())] -= 1
    while rows.sum() < wanted.sum() and (most > rows).any():
        rows[int((most - rows).argmax())] += 1
    return rows


def _cut(places: NDArray[np.float64], quota: int) -> float:
    """The position with `quota` of the sorted ones below it, or the nearest number of them where some are equal."""
    # Positions are below 1, so that all of them are below the cut.
    if quota == len(places):
        return 1.0
    # Equal positions are identical rows, which stay together: the cut moves before or behind them.
    first, after = (int(np.searchsorted(places, places[quota], side)) for side in ("left", "right"))
    nearest = first if quota - first <= after - quota else after
    return float(places[nearest]) if nearest < len(places) else 1.0


def _classes(rows: pl.DataFrame, dataset: Dataset) -> pl.Series:
    """Each row's class; one and the same for a regression."""
    if dataset.task == "regression":
        return pl.repeat(_ONE_CLASS, rows.height, eager=True)
    # Rows without a target are rows all the same here: clean takes them out.
    return rows[dataset.target.name].cast(pl.String).fill_null(_ONE_CLASS)
