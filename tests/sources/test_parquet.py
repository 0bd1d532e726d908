from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources import source
from tests.small_tables import place

SIX_HOURS = timedelta(hours=6, microseconds=5)


def read(root: Path, values: pl.Series, form: str = "parquet") -> list[Any]:
    table = pl.DataFrame({"x": values, "y": ["a"] * len(values)})
    file = root / f"data.{form}"
    table.write_parquet(file) if form == "parquet" else table.write_ipc(file)
    rows = source(TableSource(kind="table", path=file.name), place(root))
    return pl.concat(rows.parts())["x"].to_list()


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("values", "cells"),
    [
        (pl.Series([SIX_HOURS, None]), [21600.000005, None]),
        (pl.Series([1500, None]).cast(pl.Duration("ms")), [1.5, None]),
        (pl.Series([1500, -1]).cast(pl.Duration("ns")), [1.5e-6, -1e-9]),
        (pl.Series([time(6, 0, 1, 250_000), time(7)]), ["06:00:01.250", "07:00:00"]),
        (pl.Series([Decimal("1.25"), None]), [1.25, None]),
        (pl.Series([Decimal("9" * 30)], dtype=pl.Decimal(38, 0)), [int("9" * 30)]),
        (pl.Series(["a", "b"], dtype=pl.Categorical()), ["a", "b"]),
        (pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])), ["a", "b"]),
        (pl.Series([date(2024, 2, 29)]), [date(2024, 2, 29)]),
        (pl.Series([datetime(2024, 2, 29, tzinfo=UTC)]), [datetime(2024, 2, 29, tzinfo=UTC)]),
        (pl.Series([b"x", None]), [b"x", None]),
        (pl.Series([0.5, float("nan")], dtype=pl.Float32), [0.5, None]),
        (pl.Series([0.5, float("nan")], dtype=pl.Float16), [0.5, None]),
        (pl.Series([None, None], dtype=pl.Null), [None, None]),
    ],
)
def test_each_type_is_read(tmp_path: Path, values: pl.Series, cells: list[Any], form: str) -> None:
    assert read(tmp_path, values, form) == cells


@pytest.mark.parametrize(
    "values", [pl.Series([[1]]), pl.Series([{"a": 1}]), pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2))]
)
def test_what_is_no_single_cell_is_refused_by_name(tmp_path: Path, values: pl.Series) -> None:
    with pytest.raises(UserError, match=r"column x holds values of type .* unpack them into columns of their own"):
        read(tmp_path, values)


@pytest.mark.parametrize("with_types", [True, False])
def test_a_word_that_repeats_for_ever_is_refused(tmp_path: Path, with_types: bool) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 8_000, pa.int32()), pa.array(["x" * (1 << 16)]))
    table = pa.table({"x": repeated, "y": ["a", "b"] * 4_000})
    pq.write_table(table, tmp_path / "data.parquet", store_schema=with_types)
    assert (tmp_path / "data.parquet").stat().st_size < 10_000
    config = TableSource(kind="table", path="data.parquet")
    with pytest.raises(UserError, match=r"unpacks to more than 256 MiB.*raise ingest\.source\.max_unpacked_mib"):
        list(source(config, place(tmp_path)).parts())
    allowed = source(config.model_copy(update={"max_unpacked_mib": 600}), place(tmp_path))
    assert sum(part.height for part in allowed.parts()) == 8_000


def test_a_piece_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"x": ["x" * (300 << 20)], "y": ["a"]}).write_parquet(tmp_path / "data.parquet")
    with pytest.raises(UserError, match=r"unpacks to more than 256 MiB.*raise ingest\.source\.max_unpacked_mib"):
        list(source(TableSource(kind="table", path="data.parquet"), place(tmp_path)).parts())


def test_a_map_is_refused_by_name(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    values = pa.array([[("a", 1)]], type=pa.map_(pa.string(), pa.int64()))
    parquet.write_table(pa.table({"x": values, "y": [1]}), tmp_path / "data.parquet")
    with pytest.raises(UserError, match="column x holds values of type Map"):
        list(source(TableSource(kind="table", path="data.parquet"), place(tmp_path)).parts())


def test_a_type_that_the_reader_does_not_know_is_not_called_damage_alone(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    values = pa.array([Decimal("1.5")], type=pa.decimal256(50, 2))
    parquet.write_table(pa.table({"x": values}), tmp_path / "data.parquet")
    with pytest.raises(UserError, match="column x holds values of type decimal256"):
        list(source(TableSource(kind="table", path="data.parquet"), place(tmp_path)).parts())
