from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import UnreachableError, UserError
from tasks.params.sources import SqlSource
from tasks.sources.sql import Sql
from tests.postgres import PASSWORD, Postgres, running_postgres
from tests.small_tables import place

NUM_ROWS = 300_000


def ask(root: Path, query: str, url: str) -> Sql:
    config = SqlSource(kind="sql", url=url, query=query, password_env="SHOP_PASSWORD")
    return Sql(config, place(root))


def read(source: Sql) -> pl.DataFrame:
    return pl.concat(source.parts())


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def at_postgres(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sources of that server, by their query."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)

    def source(query: str, url: str = postgres.url) -> Sql:
        return ask(tmp_path, query, url)

    return source


def test_signs_that_the_driver_takes_for_placeholders_are_left_alone(at_postgres: Any) -> None:
    assert read(at_postgres("SELECT '100%' AS share, '%s :x 12:30' AS words")).rows() == [("100%", "%s :x 12:30")]


@pytest.mark.parametrize("statement", ["DELETE FROM sales", "DROP TABLE sales", "INSERT INTO sales VALUES (1, 2)"])
def test_nothing_is_ever_written(at_postgres: Any, postgres: Postgres, statement: str) -> None:
    postgres.run("DROP TABLE IF EXISTS sales", "CREATE TABLE sales AS SELECT 1 AS a, 2 AS b")
    for query in (statement, f"SELECT 1; COMMIT; {statement}", f"WITH gone AS ({statement} RETURNING *) TABLE gone"):
        with pytest.raises(UserError, match=r"the database refuses|gives no rows"):
            read(at_postgres(query))
    assert postgres.run("SELECT * FROM sales") == [(1, 2)]


def test_the_password_comes_from_the_environment(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def message() -> str:
        with pytest.raises(UserError) as caught:
            read(ask(tmp_path, "SELECT 1 AS x", postgres.url))
        # Another try, some seconds later, would not mend it.
        assert not isinstance(caught.value, UnreachableError)
        return str(caught.value)

    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    assert "the environment has no variable SHOP_PASSWORD" in message()
    monkeypatch.setenv("SHOP_PASSWORD", "wr0ng")
    assert "password authentication failed" in message()
    assert "wr0ng" not in message()
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    source = ask(tmp_path, "SELECT 1 AS x", postgres.url)
    assert read(source).rows() == [(1,)]
    assert source.location == f"{postgres.url}: SELECT 1 AS x"
    assert source.watched() is None


def test_postgres_types_become_those_of_a_table(at_postgres: Any) -> None:
    values = {
        "small": ("7::smallint", 7),
        "big": ("9007199254740993::bigint", 9007199254740993),
        "exact": ("1.25::numeric", 1.25),
        "not_a_number": ("'NaN'::float8", None),
        "yes": ("true", True),
        "day": ("date '2024-02-29'", datetime(2024, 2, 29)),
        "moment": ("timestamptz '2024-02-29 12:00+02'", datetime(2024, 2, 29, 10)),
        "local": ("timestamp '2024-02-29 12:00:00.000001'", datetime(2024, 2, 29, 12, 0, 0, 1)),
        "raw": (r"'\x00ff'::bytea", b"\x00\xff"),
        "word": ("'Zoë'::varchar", "Zoë"),
        "hour": ("time '12:30'", "12:30:00"),
        "key": ("'0123456789abcdef0123456789abcdef'::uuid", "01234567-89ab-cdef-0123-456789abcdef"),
        "nothing": ("NULL::int", None),
    }
    columns = ", ".join(f"{sql} AS {name}" for name, (sql, _) in values.items())
    table = read(at_postgres(f"SELECT {columns}"))
    assert table.row(0, named=True) == {name: value for name, (_, value) in values.items()}
    assert table.schema["moment"] == pl.Datetime("us")


@pytest.mark.parametrize("nested", ["ARRAY[1, 2]", """'{"a": 1}'::jsonb""", "'[1]'::json", "ROW(1, 2)"])
def test_postgres_lists_and_mappings_are_refused(at_postgres: Any, nested: str) -> None:
    with pytest.raises(UserError, match=r"column bad holds values of type .*, which are no single cells"):
        read(at_postgres(f"SELECT 1 AS good, {nested} AS bad"))


def test_postgres_says_itself_what_it_refuses(at_postgres: Any) -> None:
    for query, words in {
        "SELECT * FROM absent": 'relation "absent" does not exist',
        "SELECT 1 / (2500 - n) AS x FROM generate_series(1, 3000) n": "division by zero",
        "SELECT date '99999-01-01' AS day": "date too large",
    }.items():
        with pytest.raises(UserError, match=words):
            read(at_postgres(query))


def test_a_server_that_goes_away_in_mid_query_is_told_as_that(at_postgres: Any, postgres: Postgres) -> None:
    query = f"SELECT n, md5(n::text) AS word FROM generate_series(1, {NUM_ROWS}) n"
    parts = at_postgres(query, f"{postgres.url}?application_name=broken").parts()
    next(parts)
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'broken'")
    with pytest.raises(UserError, match=r"the connection broke off .*; check that the server is up, and run again"):
        list(parts)


def test_a_query_that_the_server_ends_is_told_as_that(at_postgres: Any, postgres: Postgres) -> None:
    with pytest.raises(UserError, match=r"the database refuses: canceling statement due to statement timeout"):
        read(at_postgres("SELECT pg_sleep(9)::text AS x", f"{postgres.url}?options=-c%20statement_timeout%3D100"))


def test_postgres_digests_do_not_depend_on_the_session(at_postgres: Any, postgres: Postgres) -> None:
    query = "SELECT n, timestamptz '2024-01-01 00:00Z' + n * interval '1 hour' AS t FROM generate_series(1, 5) n"
    elsewhere = f"{postgres.url}?options=-c%20TimeZone%3DAsia/Tokyo"
    assert at_postgres(query).digest() == at_postgres(query, elsewhere).digest()


def test_postgres_rows_stay_on_the_server_until_they_are_fetched(at_postgres: Any, postgres: Postgres) -> None:
    query = f"SELECT n, md5(n::text) AS word FROM generate_series(1, {NUM_ROWS}) n ORDER BY n"
    parts = at_postgres(query, f"{postgres.url}?application_name=streaming").parts()
    first = next(parts)
    (running,) = postgres.run("SELECT query, state FROM pg_stat_activity WHERE application_name = 'streaming'")
    assert str(running[0]).startswith("FETCH FORWARD")
    assert running[1] == "idle in transaction"
    total = first["n"].sum() + sum(part["n"].sum() for part in parts)
    assert total == NUM_ROWS * (NUM_ROWS + 1) // 2
    assert first.height <= 2_000
    # The server's process ends a moment after its client has gone.
    asked = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'streaming'"
    deadline = time.monotonic() + 60
    while postgres.run(asked) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert postgres.run(asked) == []
