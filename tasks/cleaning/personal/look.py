"""Which columns look like personal data: e-mails, phones, names, addresses, card, bank and national numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.cleaning.personal.kinds import INSIDE, KINDS, Inside, Kind, PersonalKind
from tasks.cleaning.personal.protection import Guard, masked
from tasks.cleaning.personal.words import kinds_by_name
from tasks.columns import column_type
from tasks.columns.base import round_significant
from tasks.columns.category.column import CategoryColumn
from tasks.params.config import Config
from tasks.tables.dataset import Column
from tasks.tables.row_hashes import checksum_keys, row_hashes
from tasks.tables.samples import HASH, smallest

SAMPLE = 2_000
"""Different values that are looked at, a column: an unbiased sample, so shares are right to 0.02 (two deviations)."""

_LONGEST = 2_000
"""Characters of a value that are looked at."""
_FIRST = 100
_EMPTY = pl.DataFrame(schema={HASH: pl.UInt64(), "value": pl.String()})
_NUM_EXAMPLES = 3
_PARTS_A_MERGE = 16
_FREE_TEXT_WORDS = 3


class PersonalColumn(Config):
    """A column that looks like personal data, or, with `contains`, free text that has some within.

    `share` is that of the different values; `scheme` says which country's number it is. `examples` are masked: no
    value stands in a report.
    """

    column: str
    kind: PersonalKind
    scheme: str | None = None
    share: float
    contains: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class PersonalSample:
    """The values of one column with the smallest hashes; none once a number was seen that is not whole."""

    name: str
    is_numeric: bool
    values: pl.DataFrame
    is_open: bool


PersonalSamples = tuple[PersonalSample, ...]


def look(rows: pl.DataFrame, columns: Sequence[Column]) -> PersonalSamples:
    """What some rows hold in the columns that could be personal: up to `SAMPLE` different values of each.

    These are the values with the smallest hashes (see `tasks.tables.samples`), which any cut of the rows into parts
    and any order of them leave the same. Numbers must be whole to be anybody's number.
    """
    return tuple(_look(rows[column.name]) for column in columns if _may_be_personal(column))


def merge(*samples: PersonalSamples) -> PersonalSamples:
    """What all of them saw together. All are of the same columns."""
    return tuple(_merged(of_column) for of_column in zip(*samples, strict=True))


def personal_columns(samples: PersonalSamples) -> list[PersonalColumn]:
    """Every column that looks like personal data, in the table's order, with the share of values that do."""
    return [
        column for sample in samples if sample.is_open and not sample.values.is_empty() for column in _judged(sample)
    ]


class Watch:
    """Looks for personal data in the parts that pass by."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._samples: list[PersonalSamples] = []

    def add(self, new: PersonalSamples) -> None:
        """What one part looks like."""
        if self._enabled:
            self._samples.append(new)
        # Some parts at a time: most of what a merge takes is the same for two and for many.
        if len(self._samples) > _PARTS_A_MERGE:
            self._samples = [merge(*self._samples)]

    def facts(self, guard: Guard) -> dict[str, Any]:
        """The columns that look like personal data, and what becomes of them."""
        if not self._samples:
            return {}
        columns = [column.model_dump(mode="json") for column in personal_columns(merge(*self._samples))]
        return {"personal": [one | {"treatment": guard.how.get(one["column"], "none")} for one in columns]}


def _may_be_personal(column: Column) -> bool:
    of_type = column_type(column.type)
    return of_type.is_text or of_type.dtype.is_numeric()


def _look(values: pl.Series) -> PersonalSample:
    if not values.dtype.is_numeric():
        return PersonalSample(values.name, is_numeric=False, values=_smallest(values.drop_nulls()), is_open=True)
    # One broken number is enough: a column of measures may well be whole in most rows. Most tell so by the first ones.
    for some in (values.head(_FIRST), values):
        # A NaN is a missing number as well, and says nothing.
        present = some.drop_nulls().cast(pl.Float64).drop_nans()
        if not (present.floor() == present).all():
            return PersonalSample(values.name, is_numeric=True, values=_EMPTY, is_open=False)
    return PersonalSample(values.name, is_numeric=True, values=_smallest(present), is_open=True)


def _smallest(values: pl.Series) -> pl.DataFrame:
    """The different values with the `SAMPLE` smallest hashes, as text."""
    # A value counts once: one that stands in every second row must not decide by itself.
    distinct = values.unique().alias("value").to_frame()
    hashes = row_hashes(distinct, ["value"], keys=checksum_keys)
    chosen = smallest(distinct.with_columns(hashes.alias(HASH)), SAMPLE)
    return chosen.select(HASH, CategoryColumn().cast(chosen["value"]).str.slice(0, _LONGEST))


def _merged(samples: Sequence[PersonalSample]) -> PersonalSample:
    first = samples[0]
    # A part with a number that is not whole speaks for the whole column.
    if not all(one.is_open for one in samples):
        return PersonalSample(first.name, first.is_numeric, _EMPTY, is_open=False)
    # The same value has the same hash in all parts.
    values = pl.concat([one.values for one in samples]).unique()
    return PersonalSample(first.name, first.is_numeric, smallest(values, SAMPLE), is_open=True)


def _judged(sample: PersonalSample) -> Iterator[PersonalColumn]:
    values = sample.values["value"].str.strip_chars().sort()
    values = values.filter(values != "")
    if values.is_empty():
        return
    # Whole values first: in a column of e-mails nobody needs to hear that each contains one.
    whole = _whole(sample, values)
    if whole is not None:
        yield whole
    elif not sample.is_numeric:
        kinds = INSIDE if _is_free_text(values) else [kind for kind in INSIDE if kind.in_any_text]
        yield from (inside for kind in kinds if (inside := _inside(sample.name, kind, values)) is not None)


def _whole(sample: PersonalSample, values: pl.Series) -> PersonalColumn | None:
    """The kind that whole values are of: what the name speaks for first, then the largest share."""
    supported = kinds_by_name(sample.name)
    fits = [fit for kind in _possible(sample) if (fit := _fit(sample, kind, values, supported)) is not None]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def _possible(sample: PersonalSample) -> list[Kind]:
    if not sample.is_numeric:
        return list(KINDS)
    # No other kind is made of digits alone.
    return [kind for kind in KINDS if kind.kind in ("phone", "card", "national_number")]


def _fit(
    sample: PersonalSample, kind: Kind, values: pl.Series, supported: frozenset[str]
) -> tuple[tuple[bool, float], PersonalColumn] | None:
    named = kind.word in supported or (kind.kind == "national_number" and "national_number" in supported)
    if named and sample.is_numeric and kind.digits is not None:
        # A number that was read as one has lost its zeros in front.
        values = values.str.zfill(kind.digits)
    pattern = kind.pattern if named else kind.alone
    if pattern is None:
        return None
    share, valid = kind.share(values, pattern)
    # With the name on its side a kind needs fewer values: no number of them, and a smaller share.
    enough = share >= kind.named_share if named else share >= kind.alone_share and len(valid) >= kind.fewest
    if valid.is_empty() or not enough:
        return None
    column = PersonalColumn(
        column=sample.name,
        kind=kind.kind,
        scheme=kind.scheme,
        share=round_significant(share),
        examples=_examples(valid),
    )
    return (named, share), column


def _is_free_text(values: pl.Series) -> bool:
    """Whether half of the values are of three words and more."""
    return bool((values.str.count_matches(r"\S+") >= _FREE_TEXT_WORDS).mean() >= 0.5)  # type: ignore[operator]


def _inside(name: str, inside: Inside, values: pl.Series) -> PersonalColumn | None:
    parts = values.str.extract(inside.pattern, 1).drop_nulls()
    if inside.valid is not None:
        parts = parts.filter(pl.Series([inside.valid(part) for part in parts.to_list()], dtype=pl.Boolean))
    if parts.is_empty():
        return None
    share = round_significant(len(parts) / len(values))
    return PersonalColumn(column=name, kind=inside.kind, share=share, contains=True, examples=_examples(parts))


def _examples(values: pl.Series) -> tuple[str, ...]:
    """The most frequent forms, masked."""
    forms = masked(values).alias("form").value_counts().sort(["count", "form"], descending=[True, False])
    return tuple(forms["form"].head(_NUM_EXAMPLES).to_list())
