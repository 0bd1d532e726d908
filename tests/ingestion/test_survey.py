from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import ingest
from tasks.columns import inferred_type
from tasks.ingestion.survey import is_exact, merge, survey
from tasks.params.ingest import Ingest
from tasks.paths import Project
from tests.workbooks import write_workbook

FIRST = 2_023_552_585_717_888_193
"""Beyond 2**53, where float64 has every 256th whole number."""

IDS = [FIRST + number // 5 for number in range(200)]
"""40 identifiers, five rows each."""

SIDES = ["BS"[number % 2] for number in range(200)]


def raw(root: Path, source: dict[str, Any], **more: Any) -> pl.DataFrame:
    """What ingest leaves of the source."""
    config = Ingest.model_validate({"source": source, "target": "side", **more})
    ingest.run(config, Project(root=root).pipeline("orders"))
    return pl.read_parquet(root / "data/orders/raw/*.parquet")


def write(root: Path, kind: str, ids: list[int]) -> dict[str, Any]:
    """The orders as a source of that kind."""
    table = pl.DataFrame({"id": [str(number) for number in ids], "side": SIDES})
    file = root / f"rows.{kind.split('-')[0]}"
    match kind:
        case "csv":
            table.write_csv(file)
        case "parquet-int64" | "parquet-uint64" | "parquet-decimal":
            dtype = {"int64": pl.Int64, "uint64": pl.UInt64, "decimal": pl.Decimal(38, 0)}[kind.split("-")[1]]
            table.with_columns(pl.Series("id", ids, dtype=dtype)).write_parquet(file)
        case "jsonl":
            rows = zip(ids, SIDES, strict=True)
            file.write_text("".join(json.dumps({"id": number, "side": side}) + "\n" for number, side in rows))
        case "xlsx":
            write_workbook(file, {"orders": [["id", "side"], *table.rows()]})
        case "db":
            with sqlite3.connect(file) as connection:
                connection.execute("create table orders (id integer, side text)")
                connection.executemany("insert into orders values (?, ?)", zip(ids, SIDES, strict=True))
            return {"kind": "sql", "url": f"sqlite:///{file}", "query": "select id, side from orders"}
    return {"kind": "table", "path": str(file)}


@pytest.mark.parametrize("kind", ["csv", "parquet-int64", "parquet-uint64", "parquet-decimal", "jsonl", "xlsx", "db"])
def test_identifiers_keep_every_digit_whatever_the_source(tmp_path: Path, kind: str) -> None:
    if kind == "xlsx":
        pytest.importorskip("fastexcel")
    ids = [number + 2**63 for number in IDS] if kind == "parquet-uint64" else IDS
    assert raw(tmp_path, write(tmp_path, kind, ids))["id"].to_list() == [str(number) for number in ids]


def test_a_large_number_that_comes_late_makes_identifiers_of_all(tmp_path: Path) -> None:
    ids = [*range(7, 206), FIRST]
    table = raw(tmp_path, write(tmp_path, "csv", ids), rows_per_part=50)
    assert table["id"].to_list() == [str(number) for number in ids]


def test_a_sentinel_among_large_whole_numbers_is_that_number_alone(tmp_path: Path) -> None:
    source = write(tmp_path, "parquet-int64", [FIRST, FIRST + 1, -1, *IDS[3:]])
    ids = raw(tmp_path, source, columns={"id": {"missing": [str(FIRST), "-1.0"]}})["id"]
    assert ids[:6].to_list() == [None, str(FIRST + 1), None, None, None, str(FIRST + 1)]


def test_who_says_that_they_are_amounts_gets_amounts(tmp_path: Path) -> None:
    table = raw(tmp_path, write(tmp_path, "csv", IDS), columns={"id": {"type": "number"}})
    assert table["id"].to_list() == [float(number) for number in IDS]


@pytest.mark.parametrize(
    ("cells", "exact"),
    [
        (["9007199254740992", "-9007199254740992"], True),
        (["9007199254740993"], False),
        # A float64 of its own, whatever its size; and amounts with fractions or exponents, rounded where written.
        (["100000000000000000000", "+36893488147419103232"], True),
        (["9007199254740993.25", "1.5e300", "nan", "inf"], True),
        (["1" * 60], False),
        ([" 9007199254740993 "], False),
    ],
)
def test_digits_are_compared_where_float64_has_gaps(cells: list[str], exact: bool) -> None:
    values = pl.Series(cells)
    assert is_exact(values, values.str.strip_chars().cast(pl.Float64)) == exact


def test_one_part_of_identifiers_makes_the_column_one() -> None:
    small, large = survey(pl.Series([str(number) for number in range(99)])), survey(pl.Series([str(FIRST)]))
    assert [inferred_type(each) for each in (small, large, merge(small, large))] == ["number", "category", "category"]
    assert survey(pl.Series([FIRST, FIRST + 1])).num_distinct == 2
