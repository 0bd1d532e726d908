"""How one column differs from what was last accepted of it: each difference with its p-value, and a warning in words
where it is larger than the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from tasks.columns.quantiles import Histogram
from tasks.params.validate import Drift
from tasks.validation import two_samples
from tasks.validation.bins import shared_counts
from tasks.validation.data_profile import NUM_CATEGORIES, ColumnProfile
from tasks.validation.two_samples import Counts
from tasks.wording import counted, percent

NUM_NAMED = 10
"""New categories that a warning names, the most frequent ones."""

_NUM_SHIFTED = 3
"""Categories whose shares a warning names, those that changed most."""

_LEAST_POINT = 0.01
"""A missing share that doubles from next to nothing is no news."""

_CLEAR = 0.01
"""The p-value below which the known categories have changed as well where new ones have come."""

_SURELY_NAMED = 10
"""Rows that a category must have in expectation, beyond twice those of the rarest that a profile still names."""

Warned = dict[str, Any]
"""One warning: `kind`, `column` (None for the table), `sentence`, and the numbers: `accepted` and `now`, and `p_value`
where chance could have made the difference."""


@dataclass(frozen=True)
class Difference:
    """A difference that may be by chance; `warning` is None where it is within the limits."""

    p_value: float
    warning: Warned | None

    def told(self) -> Warned:
        """The warning, with the p-value where chance was asked."""
        assert self.warning is not None
        # Its last digits are of no use to anybody, and need not be the same on all machines.
        return self.warning | ({"p_value": float(f"{self.p_value:.2g}")} if self.p_value else {})


@dataclass(frozen=True)
class TwoProfiles:
    """A column as it was accepted and as it comes in; `num_rows` of both tables, `histogram` of the incoming one."""

    name: str
    old: ColumnProfile
    new: ColumnProfile
    num_rows: tuple[int, int]
    histogram: Histogram | None

    @property
    def num_missing(self) -> tuple[int, int]:
        old, new = (round(one.missing * num) for one, num in zip((self.old, self.new), self.num_rows, strict=True))
        return old, new

    @property
    def num_present(self) -> tuple[int, int]:
        old, new = (num - missing for num, missing in zip(self.num_rows, self.num_missing, strict=True))
        return old, new

    @cached_property
    def categories(self) -> tuple[list[str], Counts] | None:
        """Categories [K], rarest first, and the rows of each in both tables after those of the rest: [2, K+1].

        None for a column without categories.
        """
        old, new = self.old.categories, self.new.categories
        if old is None or new is None:
            return None
        values = sorted(old.keys() | new.keys())
        num_unnamed = np.array([self._most_unnamed(self.old), self._most_unnamed(self.new)])
        counts = np.array(
            [
                [own.get(value, 0) or most for value in values]
                for own, most in zip((old, new), num_unnamed, strict=True)
            ],
            dtype=np.int64,
        ).reshape(2, -1)
        num_rows = counts.sum(axis=0)
        # Frequent enough to be named in both, whatever chance does: else being named would itself be a difference.
        expected = np.outer(self.num_present, num_rows) / max(1, sum(self.num_present))
        is_sure = ((expected >= 2 * num_unnamed[:, None] + _SURELY_NAMED) | (num_unnamed[:, None] == 0)).all(axis=0)
        order = np.flatnonzero(is_sure)[np.argsort(num_rows[is_sure], kind="stable")]
        rest = np.maximum(np.array(self.num_present) - counts[:, order].sum(axis=1), 0)
        return [values[place] for place in order], np.column_stack([rest, counts[:, order]])

    def _most_unnamed(self, profile: ColumnProfile) -> int:
        """Rows that a category may have that the profile does not name: it names the most frequent ones."""
        is_whole = (profile.num_categories or 0) <= NUM_CATEGORIES
        return 0 if is_whole or not profile.categories else min(profile.categories.values())


def differences(config: Drift, both: TwoProfiles) -> Iterator[Difference]:
    """All that is compared of the column; of one that changed its type, that alone."""
    old, new = both.old, both.new
    if old.type != new.type:
        sentence = f"is a {new.type} now, and was a {old.type}"
        yield Difference(0.0, warned("type", both.name, sentence, old.type, new.type))
        return
    yield _missing(config, both)
    yield from _range(config, both)
    unknown = _unknown_categories(config, both)
    if unknown is not None:
        yield unknown
    if both.categories is not None:
        yield _shares(config, both, unknown)
    elif both.old.bins is not None and both.histogram is not None:
        yield _numbers(config, both)


def warned(kind: str, column: str, sentence: str, accepted: Any, now: Any) -> Warned:
    """A warning about one column, which its sentence begins with."""
    return {"kind": kind, "column": column, "sentence": f"{column} {sentence}", "accepted": accepted, "now": now}


def _missing(config: Drift, both: TwoProfiles) -> Difference:
    (old, new), (num_old, num_new) = both.num_missing, both.num_rows
    p_value = two_samples.equal_shares((old, num_old), (new, num_new))
    shares = both.old.missing, both.new.missing
    change = abs(shares[1] - shares[0])
    is_large = change > config.missing
    is_large |= change > _LEAST_POINT and max(shares) > config.missing_ratio * min(shares) > 0
    sentence = f"is missing in {percent(shares[1])} of the rows, and was in {percent(shares[0])}"
    return Difference(p_value, warned("missing", both.name, sentence, *shares) if is_large else None)


def _range(config: Drift, both: TwoProfiles) -> Iterator[Difference]:
    old, new = both.old, both.new
    if old.minimum is None or new.minimum is None or old.maximum is None or new.maximum is None:
        return
    slack = (_number(old.maximum) - _number(old.minimum)) * config.range
    above, below = _chances_beyond(both)
    is_above = _number(new.maximum) > _number(old.maximum) + slack
    sentence = f"goes up to {_shown(new.maximum)}, and went up to {_shown(old.maximum)}"
    yield Difference(above, warned("range", both.name, sentence, old.maximum, new.maximum) if is_above else None)
    is_below = _number(new.minimum) < _number(old.minimum) - slack
    sentence = f"goes down to {_shown(new.minimum)}, and went down to {_shown(old.minimum)}"
    yield Difference(below, warned("range", both.name, sentence, old.minimum, new.minimum) if is_below else None)


def _chances_beyond(both: TwoProfiles) -> tuple[float, float]:
    """That so many numbers lie above all accepted ones, and below them, by chance alone."""
    # Times go on as a rule: they are no draws, and what lies far beyond is told in any case.
    if both.histogram is None:
        return 0.0, 0.0
    minimum, maximum = _number(both.old.minimum), _number(both.old.maximum)
    # Numbers that may or may not lie beyond do not count.
    num_below = both.histogram.num_below(np.array([minimum]))[0]
    num_above = both.histogram.count - both.histogram.num_below(np.nextafter([maximum], np.inf))[1]
    above, below = (two_samples.beyond_all(int(number[0]), *both.num_present) for number in (num_above, num_below))
    return above, below


def _unknown_categories(config: Drift, both: TwoProfiles) -> Difference | None:
    old, new = both.old, both.new
    if both.categories is None or (old.num_categories or 0) > NUM_CATEGORIES:
        return None
    assert old.categories is not None
    assert new.categories is not None
    unknown = {value: count for value, count in new.categories.items() if value not in old.categories}
    count, num_rows = sum(unknown.values()), both.num_rows[1]
    p_value = two_samples.unknown_values(both.categories[1][:, 1:])
    if count <= config.new_category * num_rows:
        return Difference(p_value, None)
    named = ", ".join(f"{value} ({counted(rows, 'row')})" for value, rows in list(unknown.items())[:NUM_NAMED])
    more = f" and {len(unknown) - NUM_NAMED:,} more" if len(unknown) > NUM_NAMED else ""
    sentence = f"has values that were not there: {named}{more}; {percent(count / num_rows)} of the rows"
    return Difference(p_value, warned("new_category", both.name, sentence, 0, count))


def _shares(config: Drift, both: TwoProfiles, unknown: Difference | None) -> Difference:
    assert both.categories is not None
    values, counts = both.categories
    cells = two_samples.pooled(counts)
    p_value, apart = two_samples.homogeneity(cells), two_samples.distance(cells)
    is_beyond = apart > config.distribution
    if unknown is not None and unknown.warning is not None:
        # New categories are told already: here counts what else has changed.
        known = two_samples.pooled(counts[:, counts[0] > 0])
        is_beyond = two_samples.distance(known) > config.distribution and two_samples.homogeneity(known) < _CLEAR
    if not is_beyond:
        return Difference(p_value, None)
    shares = counts[:, 1:] / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Rounded, as two of two categories change by the same; the one that has grown comes first then.
    most = np.lexsort((-shares[1], -np.abs(shares[1] - shares[0]).round(9)))[:_NUM_SHIFTED]
    old, new = ({values[place]: float(own[place]) for place in most} for own in shares)
    named = "; ".join(
        f"{value} is in {percent(new[value])} of the rows, and was in {percent(old[value])}" for value in new
    )
    sentence = f"is distributed otherwise: {named}; {percent(apart, 0)} of the rows would have to be others"
    return Difference(p_value, warned("distribution", both.name, sentence, old, new))


def _numbers(config: Drift, both: TwoProfiles) -> Difference:
    assert both.old.bins is not None
    assert both.histogram is not None
    counts = shared_counts(both.old.bins, both.histogram)
    # Numbers that are not finite are in no bin.
    cells = two_samples.pooled(np.column_stack([counts, np.array(both.num_present) - counts.sum(axis=1)]))
    p_value, apart = two_samples.homogeneity(cells), two_samples.distance(cells)
    if apart <= config.distribution:
        return Difference(p_value, None)
    old, new = ({"mean": one.mean, "std": one.std} for one in (both.old, both.new))
    of_what = "has lengths of" if both.old.longest is not None else "has"
    sentence = f"{of_what} mean {_moments(new)}, and had {_moments(old)}; {percent(apart, 0)} of the rows lie elsewhere"
    return Difference(p_value, warned("distribution", both.name, sentence, old, new))


def _moments(of: dict[str, float | None]) -> str:
    mean, std = ("unknown" if one is None else _shown(one) for one in of.values())
    return f"{mean} with standard deviation {std}"


def _number(extreme: float | str | None) -> float:
    """Timestamps as seconds."""
    assert extreme is not None
    if isinstance(extreme, str):
        # Not `timestamp()`, which would read the time in this machine's own zone.
        return (datetime.fromisoformat(extreme) - datetime(1970, 1, 1)).total_seconds()
    return extreme


def _shown(extreme: float | str) -> str:
    return extreme if isinstance(extreme, str) else f"{extreme:,.6g}"
