from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.timestamp.column import (
    FORMATS,
    TimestampColumn,
    TimestampEncoding,
    ambiguous,
    fitting_formats,
    parse,
)
from tasks.columns.timestamp.formats import best_format, plain_times
from tasks.params.normalize import NormalizeTimestamp
from tasks.repair.repair import FEW

TIMESTAMP = TimestampColumn()
MOMENTS = [datetime(2020, 1, 31, 23, 59), datetime(2021, 6, 1, 0, 0), datetime(2024, 2, 29, 12, 30)]


def learnt(values: list[datetime | None], *parts: str) -> TimestampEncoding:
    chosen = NormalizeTimestamp.model_validate({"parts": parts} if parts else {})
    return TIMESTAMP.finish(TIMESTAMP.fit(series(values), chosen), chosen)


def series(values: list[datetime | None]) -> pl.Series:
    return pl.Series("x", values, dtype=pl.Datetime("us"))


def encoded(values: list[datetime | None], encoding: TimestampEncoding) -> np.ndarray[Any, Any]:
    return TIMESTAMP.transform(series(values), encoding)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-01-31", datetime(2024, 1, 31)),
        (" 2024-01-31 9:05 ", datetime(2024, 1, 31, 9, 5)),
        ("2024-01-31 23:59:58", datetime(2024, 1, 31, 23, 59, 58)),
        ("2024-01-31T23:59:58.25", datetime(2024, 1, 31, 23, 59, 58, 250_000)),
        ("2024-01-31T23:59:58Z", datetime(2024, 1, 31, 23, 59, 58)),
        ("2024-01-31T23:59:58+02:00", datetime(2024, 1, 31, 21, 59, 58)),
        ("2024-01-31 00:00:00-0500", datetime(2024, 1, 31, 5)),
        ("2024-01-31 23:59:58.5 UTC", datetime(2024, 1, 31, 23, 59, 58, 500_000)),
        ("2024/01/31 10:00", datetime(2024, 1, 31, 10)),
        ("31.1.2024", datetime(2024, 1, 31)),
        ("31/01/2024 10:00:01", datetime(2024, 1, 31, 10, 0, 1)),
        ("01/31/2024", datetime(2024, 1, 31)),
        ("1/31/24 1:05 PM", datetime(2024, 1, 31, 13, 5)),
        ("31-01-2024", datetime(2024, 1, 31)),
        ("31 Jan 2024", datetime(2024, 1, 31)),
        ("31-Jan-2024", datetime(2024, 1, 31)),
        ("31-JAN-24", datetime(2024, 1, 31)),
        ("31.01.24", datetime(2024, 1, 31)),
        (" 5.1.24 13:05", datetime(2024, 1, 5, 13, 5)),
        ("January 31, 2024", datetime(2024, 1, 31)),
    ],
)
def test_times_are_read_as_they_are_written(text: str, meant: datetime) -> None:
    assert TIMESTAMP.could_be(pl.Series([text, None]))
    assert TIMESTAMP.cast(pl.Series([text, None])).to_list() == [meant, None]


@pytest.mark.parametrize(
    "text",
    ["20240131", "1706659200", "2024", "1.2.3", "1.2.0", "12:30", "word", "", "01/02/0020", "2024-13-01", "31/02/2024"],
)
def test_numbers_versions_and_days_that_are_none_are_not_guessed(text: str) -> None:
    assert not TIMESTAMP.could_be(pl.Series([text]))
    assert not TIMESTAMP.could_be(pl.Series(["2024-01-31", text]))


def test_one_day_beyond_the_twelfth_tells_days_from_months_for_all_parts() -> None:
    parts = ("1/2/2024", "13/2/2024", "2/13/2024")
    undecided, day_first, month_first = (fitting_formats(pl.Series([text])) for text in parts)
    assert ambiguous(undecided)
    assert undecided & day_first == {"%d/%m/%Y"}
    assert undecided & month_first == {"%m/%d/%Y"}
    assert not day_first & month_first
    assert not ambiguous(undecided & day_first)
    assert TIMESTAMP.cast(pl.Series(parts[:1])).to_list() == [datetime(2024, 2, 1)]
    assert TIMESTAMP.cast(pl.Series(parts[::2])).to_list() == [datetime(2024, 1, 2), datetime(2024, 2, 13)]


def test_formats_of_one_order_are_not_ambiguous() -> None:
    assert not ambiguous(fitting_formats(pl.Series(["2024-01-02"])))
    assert not ambiguous(fitting_formats(pl.Series(["May 1, 2024"])))


def test_a_part_without_values_fits_everything_and_one_of_numbers_nothing() -> None:
    assert fitting_formats(pl.Series([None], dtype=pl.String)) == set(FORMATS)
    assert fitting_formats(pl.Series([20240131])) == frozenset()


def test_a_late_misfit_is_found() -> None:
    assert not fitting_formats(pl.Series([*["2024-01-31"] * 1_000, "soon"]))


def test_what_does_not_fit_the_others_becomes_missing() -> None:
    values = pl.Series(["soon", "2/13/2024", "1/2/2024", "13/13/2024"])
    assert TIMESTAMP.cast(values).to_list() == [None, datetime(2024, 2, 13), datetime(2024, 1, 2), None]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    written=st.sampled_from([name for name in FORMATS if "#" not in name]),
    moments=st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1)), min_size=1, max_size=5),
)
def test_what_a_format_writes_it_reads_again(written: str, moments: list[datetime]) -> None:
    text = series([*moments]).dt.strftime(written)
    again = parse(text, written)
    assert again.dt.strftime(written).to_list() == text.to_list()
    assert again.dt.date().to_list() == [moment.date() for moment in moments]
    assert written in fitting_formats(text)


@pytest.mark.parametrize(
    ("value", "written", "meant"),
    [
        ("20240131", "%Y%m%d", datetime(2024, 1, 31)),
        (20240131, "%Y%m%d", datetime(2024, 1, 31)),
        (20240131.0, "%Y%m%d", datetime(2024, 1, 31)),
        (" 1706659200 ", "epoch seconds", datetime(2024, 1, 31)),
        (1706659200.25, "epoch seconds", datetime(2024, 1, 31, 0, 0, 0, 250_000)),
        (1706659200250, "epoch milliseconds", datetime(2024, 1, 31, 0, 0, 0, 250_000)),
        ("31.01.24 10:00:00.5", "%d.%m.%y %H:%M:%S.%f", datetime(2024, 1, 31, 10, 0, 0, 500_000)),
        ("31.01.2024 10:00 +0200", "%d.%m.%Y %H:%M %z", datetime(2024, 1, 31, 8)),
        ("2024-01", "%Y-%m", datetime(2024, 1, 1)),
        (date(2024, 1, 31), "%Y", datetime(2024, 1, 31)),
        (1e300, "epoch seconds", None),
        (float("nan"), "epoch seconds", None),
        ("soon", "epoch seconds", None),
        ("soon", "%Y-%m-%d", None),
    ],
)
def test_a_format_of_the_users_own(value: object, written: str, meant: datetime | None) -> None:
    read = parse(pl.Series([value, None]), written)
    assert read.dtype == TIMESTAMP.dtype
    assert read.to_list() == [meant, None]


def test_time_zones_become_utc_and_dates_begin_at_midnight() -> None:
    berlin = pl.Series([datetime(2024, 7, 1, 12)]).dt.replace_time_zone("Europe/Berlin")
    assert TIMESTAMP.cast(berlin).to_list() == [datetime(2024, 7, 1, 10)]
    assert TIMESTAMP.cast(pl.Series([date(2024, 7, 1)])).to_list() == [datetime(2024, 7, 1)]
    assert TIMESTAMP.could_be(berlin)
    assert TIMESTAMP.could_be(berlin.dt.date())


ODD_TIMES = [
    *("2024-01-31", " 2024-01-31", "\uff12024-01-31", "2024-02-30", "0999-01-01", "soon", ""),
    *("2024-01-31 09:05", "2024-01-31T09:05", "2024-01-31T24:00", "2024-01-31T09:05:60", "2024-01-31T09:05:59.12"),
    *("2024-01-31T09:05:59Z", "2024-01-31T09:05:59.250+02:00", "2024-01-31T09:05:59.250000-11:30"),
    *("2024-01-31T09:05:59+25:00", "9999-12-31T23:59:59-01:00", "1000-01-01T00:00:00+01:00", "2024-01-31T09:05Z"),
]
TIMES_AS_WRITTEN = st.sampled_from(ODD_TIMES) | st.datetimes(datetime(1, 1, 1)).flatmap(
    lambda time: st.sampled_from([time.isoformat(), time.isoformat(" "), f"{time.isoformat()}Z"])
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(text=st.lists(st.none() | TIMES_AS_WRITTEN, max_size=3))
def test_a_few_texts_are_read_as_many_are(text: list[str | None]) -> None:
    values = pl.Series("x", text, dtype=pl.String)
    read = plain_times(values)
    if read is not None:
        assert read.name == "x"
        assert read.equals(parse(values, best_format(values)), null_equal=True)


@pytest.mark.parametrize(
    "text", ["2024-01-31", "2024-01-31 10:00", "2024-01-31T10:00:01", "2024-01-31T10:00:01.250000"]
)
def test_what_is_written_in_the_commonest_ways_is_read_at_once(text: str) -> None:
    assert plain_times(pl.Series([text, None])) is not None
    assert plain_times(pl.Series([text, "31.1.2024"])) is None
    assert plain_times(pl.Series([text] * (FEW + 1))) is None


def test_numbers_are_no_times_without_a_format() -> None:
    assert not TIMESTAMP.could_be(pl.Series([20240131]))
    assert TIMESTAMP.cast(pl.Series([20240131])).to_list() == [None]


def test_elapsed_and_year_have_mean_0_and_deviation_1() -> None:
    block = encoded([*MOMENTS], learnt([*MOMENTS], "elapsed", "year"))
    assert block.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert block.std(axis=0) == pytest.approx([1, 1], abs=1e-6)
    days = np.array([(moment - MOMENTS[0]).total_seconds() / 86_400 for moment in MOMENTS])
    assert block[:, 0] == pytest.approx((days - days.mean()) / days.std(), abs=1e-5)


def test_december_is_next_to_january() -> None:
    months: list[datetime | None] = [datetime(2024, month, 1) for month in (1, 6, 12)]
    january, june, december = encoded(months, learnt(months, "month"))
    assert january.tolist() == pytest.approx([math.sin(math.pi / 6), math.cos(math.pi / 6)])
    assert np.linalg.norm(january - december) < np.linalg.norm(january - june)


def test_parts_that_do_not_vary_are_left_out() -> None:
    days: list[datetime | None] = [datetime(2024, 3, day) for day in (1, 2, 9)]
    assert learnt(days).field("x").labels == ("x elapsed", "x weekday sin", "x weekday cos")
    assert learnt(days[:1]).field("x").labels == ("x elapsed",)
    assert learnt(days, "hour", "minute").field("x").labels == ("x hour sin", "x hour cos")


def test_a_missing_one_is_the_mean_and_is_marked() -> None:
    encoding = learnt([*MOMENTS, None])
    block = encoded([None], encoding)
    assert encoding.field("x").labels[-1] == "x missing"
    assert block.tolist() == [[0.0] * (block.shape[1] - 1) + [1.0]]
    assert not learnt([*MOMENTS]).indicator


def test_tomorrow_is_expected() -> None:
    bound, filled = TIMESTAMP.expect("x", series([datetime(2024, 1, 3), datetime(2024, 1, 1)]))
    assert (bound["severity"], bound["kwargs"]) == ("warning", {"column": "x", "min_value": "2023-12-31T00:00:00"})
    assert filled["type"] == "expect_column_values_to_not_be_null"
    assert len(TIMESTAMP.expect("x", series([datetime(2024, 1, 3), None]))) == 1


def test_a_part_is_named_once() -> None:
    with pytest.raises(ValueError, match="parts names hour twice; name each part once"):
        NormalizeTimestamp(parts=("hour", "hour"))
