"""Features of two numbers that trees would have to build from steps: what is left of one when the other is known.

A tree cuts one column at a time. Where two columns rise together, as rooms and households do, what sets rows apart is
their ratio; where one falls as the other rises, as torque and speed do, it is their product: the direction in which the
cloud of their logarithms is thin. And a border that runs across a map is a staircase by latitude and longitude, and a
line by axes that are turned.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.drafting.profile import Facts

_TOGETHER = 0.7
"""Rank correlation from which two columns go together, or against each other."""
_SAME = 0.9999
"""From which they are one column in two units."""
_MOST = 12
"""Pairs, those first that are closest: a table of many columns that go together would drown in them."""
_FEWEST_VALUES = 10
"""Different numbers: fewer are rather codes or counts of a few things."""
_ANGLES = (22.5, 45.0, 67.5)


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """What a coordinate is called, and how many degrees it has on either side of 0."""

    words: frozenset[str]
    most: float


_AXES = (
    _Axis(words=frozenset({"latitude", "lat"}), most=90.0),
    _Axis(words=frozenset({"longitude", "long", "lon", "lng"}), most=180.0),
)


def ratios_and_products(facts: Facts, features: Sequence[str]) -> dict[str, str]:
    """Of number columns that are never below 0 and go together, or against each other: expressions by their names."""
    numbers = [name for name in features if _is_amount(facts, name)]
    correlations = _rank_correlations(facts.sample.select(numbers)) if len(numbers) > 1 else np.empty((0, 0))
    pairs = [
        (abs(correlations[one, other]), one, other)
        for one, other in combinations(range(len(correlations)), 2)
        if _TOGETHER <= abs(correlations[one, other]) < _SAME
    ]
    closest = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:_MOST]
    made = [_of_pair(numbers[one], numbers[other], correlations[one, other] > 0) for _, one, other in closest]
    return {name: expression for name, expression in made if name not in facts.names}


def turned_coordinates(facts: Facts, features: Sequence[str]) -> dict[str, str]:
    """Axes between those of each latitude and the longitude of the same place: expressions by their names."""
    latitudes, longitudes = (_of_axis(facts, features, axis) for axis in _AXES)
    made: dict[str, str] = {}
    for place in latitudes.keys() & longitudes.keys():
        made |= _turned(latitudes[place], longitudes[place])
    return {name: made[name] for name in sorted(made) if name not in facts.names}


def _is_amount(facts: Facts, name: str) -> bool:
    state = facts.state(name)
    return facts.is_number(name) and state.num_distinct > _FEWEST_VALUES and state.extremes.low >= 0


def _rank_correlations(columns: pl.DataFrame) -> NDArray[np.float64]:
    """[C, C], of the rows in which no value is missing; Spearman's, since amounts have long tails."""
    ranks = columns.drop_nulls().select(pl.all().rank())
    if ranks.height < _FEWEST_VALUES:
        return np.zeros((0, 0))
    with np.errstate(invalid="ignore"):
        correlations = np.corrcoef(ranks.to_numpy(), rowvar=False)
    return np.asarray(np.nan_to_num(np.atleast_2d(correlations)))


def _of_pair(one: str, other: str, rise_together: bool) -> tuple[str, str]:
    if rise_together:
        return f"{one}_per_{other}", f"{_quoted(one)} / {_quoted(other)}"
    return f"{one}_times_{other}", f"{_quoted(one)} * {_quoted(other)}"


def _of_axis(facts: Facts, features: Sequence[str], axis: _Axis) -> dict[tuple[str, ...], str]:
    """Columns of coordinates by the other words of their names, such as `pickup`; two of one name are neither."""
    places: dict[tuple[str, ...], list[str]] = {}
    for name in features:
        words = re.split(r"[\W_]+", name.lower())
        extremes = facts.state(name).extremes
        is_within = max(abs(extremes.low), abs(extremes.high)) <= axis.most
        if facts.is_number(name) and is_within and len(axis.words.intersection(words)) == 1:
            places.setdefault(tuple(word for word in words if word not in axis.words), []).append(name)
    return {place: names[0] for place, names in places.items() if len(names) == 1}


def _turned(latitude: str, longitude: str) -> dict[str, str]:
    made = {}
    for angle in _ANGLES:
        across, along = (round(of(math.radians(angle)), 4) for of in (math.cos, math.sin))
        east, north = _quoted(longitude), _quoted(latitude)
        made[f"{longitude}_turned_{angle:g}"] = f"{across} * {east} + {along} * {north}"
        made[f"{latitude}_turned_{angle:g}"] = f"{across} * {north} - {along} * {east}"
    return made


def _quoted(name: str) -> str:
    """As SQL writes a column's name."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
