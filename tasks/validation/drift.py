"""How incoming data differ from the data that were last accepted: warnings in words, with their numbers."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tasks.params.validate import Drift
from tasks.validation.accepted import Accepted
from tasks.validation.data_profile import NUM_CATEGORIES, ColumnProfile, DataProfile

NUM_NAMED = 10
"""New categories that a warning names, the most frequent ones."""

Warned = dict[str, Any]
"""One warning: `kind`, `column` (None for the table), `sentence`, and the numbers: `accepted` and `now`."""


def drift(config: Drift, incoming: DataProfile, accepted: Accepted) -> list[Warned]:
    """The warnings, columns in the table's order. None when it is switched off, or nothing was accepted before."""
    before = accepted.before(incoming.digest)
    if not config.enabled or before.accepted is None:
        return []
    old, new = before.accepted.columns, incoming.columns
    warnings = list(_rows(config, incoming.num_rows, before.num_rows_history))
    warnings += [_warned("gone_column", name, "is gone", old[name].type, None) for name in old if name not in new]
    for name, column in new.items():
        if name not in old:
            warnings.append(_warned("new_column", name, "is new", None, column.type))
        else:
            warnings += _column(config, name, old[name], column, incoming.num_rows)
    return warnings


def _rows(config: Drift, num_rows: int, history: tuple[int, ...]) -> Iterator[Warned]:
    # The median, as one odd delivery must not decide what is usual.
    usual = statistics.median(history) if history else None
    if usual is not None and not usual * config.rows <= num_rows <= usual / config.rows:
        sentence = f"{num_rows:,} rows came in, where {usual:,.0f} are usual"
        yield {"kind": "rows", "column": None, "sentence": sentence, "accepted": usual, "now": num_rows}


def _column(config: Drift, name: str, old: ColumnProfile, new: ColumnProfile, num_rows: int) -> Iterator[Warned]:
    if old.type != new.type:
        yield _warned("type", name, f"is a {new.type} now, and was a {old.type}", old.type, new.type)
        return
    if new.missing - old.missing > config.missing:
        sentence = f"is missing in {new.missing:.1%} of the rows, and was in {old.missing:.1%}"
        yield _warned("missing", name, sentence, old.missing, new.missing)
    yield from _range(config, name, old, new)
    yield from _categories(config, name, old, new, num_rows)


def _range(config: Drift, name: str, old: ColumnProfile, new: ColumnProfile) -> Iterator[Warned]:
    if old.minimum is None or new.minimum is None or old.maximum is None or new.maximum is None:
        return
    slack = (_number(old.maximum) - _number(old.minimum)) * config.range
    if _number(new.maximum) > _number(old.maximum) + slack:
        sentence = f"goes up to {_shown(new.maximum)}, and went up to {_shown(old.maximum)}"
        yield _warned("range", name, sentence, old.maximum, new.maximum)
    if _number(new.minimum) < _number(old.minimum) - slack:
        sentence = f"goes down to {_shown(new.minimum)}, and went down to {_shown(old.minimum)}"
        yield _warned("range", name, sentence, old.minimum, new.minimum)


def _categories(config: Drift, name: str, old: ColumnProfile, new: ColumnProfile, num_rows: int) -> Iterator[Warned]:
    if old.categories is None or new.categories is None or (old.num_categories or 0) > NUM_CATEGORIES:
        return
    unknown = {value: count for value, count in new.categories.items() if value not in old.categories}
    count = sum(unknown.values())
    if not unknown or count <= config.new_category * num_rows:
        return
    named = ", ".join(f"{value} ({rows:,} rows)" for value, rows in list(unknown.items())[:NUM_NAMED])
    more = f" and {len(unknown) - NUM_NAMED:,} more" if len(unknown) > NUM_NAMED else ""
    sentence = f"has values that were not there: {named}{more}; {count / num_rows:.1%} of the rows"
    yield _warned("new_category", name, sentence, 0, count)


def _warned(kind: str, column: str, sentence: str, accepted: Any, now: Any) -> Warned:
    return {"kind": kind, "column": column, "sentence": f"{column} {sentence}", "accepted": accepted, "now": now}


def _number(extreme: float | str) -> float:
    """Timestamps as seconds."""
    if isinstance(extreme, str):
        # Not `timestamp()`, which would read the time in this machine's own zone.
        return (datetime.fromisoformat(extreme) - datetime(1970, 1, 1)).total_seconds()
    return extreme


def _shown(extreme: float | str) -> str:
    return extreme if isinstance(extreme, str) else f"{extreme:,.6g}"
