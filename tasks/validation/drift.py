"""How incoming data differ from the data that were last accepted: warnings in words, with their numbers.

Distributions, missing shares, ranges and categories are each compared by a test. What is told is larger than the user's
limits, and beyond chance: over all tests of a run, Holm's method keeps the rate of false alarms (see
tasks.validation.two_samples).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from tasks.columns.quantiles import Histogram
from tasks.errors import UserError, did_you_mean
from tasks.holm import holm
from tasks.params.validate import Drift
from tasks.validation.accepted import Accepted
from tasks.validation.column_drift import Difference, TwoProfiles, Warned, differences, warned
from tasks.validation.data_profile import DataProfile
from tasks.wording import counted

FALSE_ALARMS = 0.01
"""Share of runs that may warn of values though nothing changed: one in a hundred days."""


def drift(
    config: Drift, incoming: DataProfile, histograms: Mapping[str, Histogram], accepted: Accepted
) -> list[Warned]:
    """The warnings, columns in the table's order. None when it is switched off, or nothing was accepted before.

    `histograms` are those of the incoming numbers and lengths. Raises UserError for an ignored column that neither has.
    """
    before = accepted.before(incoming.digest)
    if not config.enabled or before.accepted is None:
        return []
    old, new = before.accepted.columns, incoming.columns
    _check_ignored(config, [*new, *old])
    warnings = list(_rows(config, incoming.num_rows, before.num_rows_history))
    warnings += [warned("gone_column", name, "is gone", old[name].type, None) for name in old if name not in new]
    compared: list[Difference] = []
    for name, column in new.items():
        if name not in old:
            # As sure as anything, and told at its place among the columns.
            compared.append(Difference(0.0, warned("new_column", name, "is new", None, column.type)))
        elif name not in config.ignore:
            num_rows = (before.accepted.num_rows, incoming.num_rows)
            compared += differences(config, TwoProfiles(name, old[name], column, num_rows, histograms.get(name)))
    return warnings + _beyond_chance(compared)


def _check_ignored(config: Drift, names: list[str]) -> None:
    for name in config.ignore:
        if name not in names:
            raise UserError(
                f"validate.drift.ignore: there is no column {name}{did_you_mean(name, names)}; name columns that the "
                "data have"
            )


def _rows(config: Drift, num_rows: int, history: tuple[int, ...]) -> Iterator[Warned]:
    # The median, as one odd delivery must not decide what is usual.
    usual = statistics.median(history) if history else None
    if usual is not None and not usual * config.rows <= num_rows <= usual / config.rows:
        sentence = f"{counted(num_rows, 'row')} came in, where {usual:,.0f} are usual"
        yield {"kind": "rows", "column": None, "sentence": sentence, "accepted": usual, "now": num_rows}


def _beyond_chance(compared: list[Difference]) -> list[Warned]:
    # Small differences are tests of this run as well: leaving them out would let chance choose what is counted.
    is_beyond = holm([difference.p_value for difference in compared]) <= FALSE_ALARMS
    return [one.told() for one, sure in zip(compared, is_beyond, strict=True) if sure and one.warning is not None]
