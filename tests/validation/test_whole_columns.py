from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.validation.whole_columns import WholeColumns

VALUES = st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)), max_size=20)
SHARES = [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.95, 1.0]
FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def columns(tmp_path: Path) -> Iterator[WholeColumns]:
    with closing(WholeColumns(tmp_path)) as opened:
        yield opened


NAMES = map("table {}".format, itertools.count())


def filled(columns: WholeColumns, frame: pl.DataFrame, cut: int) -> str:
    """A new table of the frame's rows, appended as two parts; its name."""
    name = next(NAMES)
    rows = np.arange(frame.height)
    for part in (slice(None, cut), slice(cut, None)):
        columns.append(name, rows[part], frame[part])
    return name


@FEW
@given(values=VALUES, cut=st.integers(0, 20))
def test_order_is_as_in_pandas(columns: WholeColumns, values: list[float | None], cut: int) -> None:
    name = filled(columns, pl.DataFrame({"x": values}, schema={"x": pl.Float64}), cut)
    series = pd.Series(values, dtype="float64")
    assert columns.count(name) == series.count()
    assert columns.num_distinct(name) == series.nunique()
    assert columns.median(name) == pytest.approx(series.median(), nan_ok=True)
    assert columns.modes(name).to_list() == series.mode().to_list()
    for way in ("linear", "lower", "higher", "midpoint", "nearest"):
        expected = series.quantile(SHARES, interpolation=way).to_list()
        assert columns.quantiles(name, SHARES, way) == pytest.approx(expected, nan_ok=True), way


@FEW
@given(
    rows=st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 2)), st.sampled_from(["a", "b", None])), max_size=12),
    cut=st.integers(0, 12),
)
def test_duplicates_are_as_in_pandas(
    columns: WholeColumns, rows: list[tuple[int | None, str | None]], cut: int
) -> None:
    frame = pl.DataFrame(rows, schema={"one": pl.Float64, "other": pl.String}, orient="row")
    name = filled(columns, frame, cut)
    found = [row for batch in columns.duplicates(name) for row in batch]
    assert found == np.flatnonzero(frame.to_pandas().duplicated(keep=False)).tolist()
