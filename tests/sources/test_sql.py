from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from tasks.errors import UnreachableError, UserError, is_outage
from tasks.params.sources import SqlSource
from tasks.sources.sql import Sql
from tasks.sources.sql_engine import forbid_writing
from tasks.sources.sql_values import column_type, frame, kinds, plain_rows
from tests.projects import environment
from tests.small_tables import place

NUM_ROWS = 300_000


def make_shop(root: Path, *statements: str) -> None:
    with closing(sqlite3.connect(root / "shop.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def make_sales(root: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    """A table without types, as SQLite allows: any column holds anything."""
    with closing(sqlite3.connect(root / "shop.db")) as connection:
        connection.execute("CREATE TABLE sales (a, b)")
        connection.executemany("INSERT INTO sales VALUES (?, ?)", rows)
        connection.commit()


def shop(root: Path, query: str = "SELECT * FROM sales", url: str = "sqlite:///shop.db", **more: Any) -> Sql:
    return Sql(SqlSource(kind="sql", url=url, query=query, **more), place(root))


def read(source: Sql) -> pl.DataFrame:
    first, second = pl.concat(source.parts()), pl.concat(source.parts())
    assert first.equals(second)
    return first


def refused(root: Path, *arguments: str, **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(shop(root, *arguments, **more))
    return str(caught.value)


def test_a_query_gives_its_rows_in_their_order(tmp_path: Path) -> None:
    make_sales(tmp_path, [(3, "c"), (1, "a"), (2, None)])
    table = read(shop(tmp_path, "SELECT a AS number, b FROM sales ORDER BY a;"))
    assert table.to_dict(as_series=False) == {"number": [1, 2, 3], "b": ["a", None, "c"]}
    assert table.schema == {"number": pl.Int64, "b": pl.String}


def test_signs_that_drivers_take_for_placeholders_are_left_alone(tmp_path: Path) -> None:
    query = "SELECT '100%' AS share, '%s :x 12:30' AS words WHERE 'abc' LIKE 'a%'"
    make_sales(tmp_path, [])
    assert read(shop(tmp_path, query)).rows() == [("100%", "%s :x 12:30")]


def test_a_column_that_is_missing_or_whole_for_thousands_of_rows_may_change_its_mind(tmp_path: Path) -> None:
    make_sales(tmp_path, [(None, 1)] * 5_000 + [(7, 2.5), ("x", 3)])
    frames = list(shop(tmp_path).parts())
    assert len(frames) > 2
    assert {tuple(frame.schema.items()) for frame in frames} == {(("a", pl.String()), ("b", pl.Float64()))}
    assert pl.concat(frames).tail(2).rows() == [("7", 2.5), ("x", 3.0)]


def test_no_rows_still_have_columns(tmp_path: Path) -> None:
    make_sales(tmp_path, [])
    table = read(shop(tmp_path))
    assert table.columns == ["a", "b"]
    assert table.height == 0


def test_relative_and_absolute_files_are_the_same(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, 2)])
    absolute = shop(Path("elsewhere"), url=f"sqlite:///{tmp_path / 'shop.db'}")
    assert read(absolute).equals(read(shop(tmp_path)))
    assert absolute.digest() == shop(tmp_path).digest()
    assert shop(tmp_path).watched() == absolute.watched() == [tmp_path / "shop.db"]
    (tmp_path / "shop.db-wal").touch()
    assert shop(tmp_path).watched() == [tmp_path / "shop.db", tmp_path / "shop.db-wal"]


def test_the_digest_changes_with_the_rows_their_order_and_their_names(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, "a"), (2, "b")])
    others = (
        "SELECT a, b FROM sales ORDER BY 1 DESC",
        "SELECT a, b AS c FROM sales",
        "SELECT a, upper(b) AS b FROM sales",
        "SELECT CAST(a AS TEXT) AS a, b FROM sales",
        "SELECT a, b FROM sales LIMIT 1",
        "SELECT a, b FROM sales WHERE a = 0",
        "SELECT b AS a, a AS b FROM sales",
    )
    digest = shop(tmp_path, "SELECT a, b FROM sales").digest()
    assert shop(tmp_path, "SELECT a, b FROM  sales ORDER BY 1").digest() == digest
    assert len({digest, *(shop(tmp_path, query).digest() for query in others)}) == 1 + len(others)


def test_a_digest_is_asked_for_anew(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, "a")])
    source = shop(tmp_path)
    before = source.digest()
    make_shop(tmp_path, "UPDATE sales SET a = 2")
    assert source.digest() != before


def test_digests_are_the_same_wherever_and_whenever_they_are_made(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, "Zoë \N{SNOWMAN}"), (2.5, b"\x00\xff"), (None, "")])
    assert shop(tmp_path).digest() == "04cd37edc5526128461966828fb6e31f5a7e2e0ecd5263fca90ee4f885c54f7f"


def test_rows_that_change_between_two_passes_are_noticed(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, 2)])
    source = shop(tmp_path)
    read(source)
    make_shop(tmp_path, "UPDATE sales SET a = 'word'")
    with pytest.raises(UserError, match="changed while it was read"):
        list(source.parts())


class Recorded:
    """A connection to a database that is not installed here: the statements that it is given."""

    def __init__(self, dialect: str) -> None:
        self.dialect = SimpleNamespace(name=dialect)
        self.statements: list[str] = []

    def exec_driver_sql(self, statement: str) -> None:
        self.statements.append(statement)


@pytest.mark.parametrize(
    ("dialect", "statements"),
    [
        ("mysql", ["SET SESSION TRANSACTION READ ONLY"]),
        ("mariadb", ["SET SESSION TRANSACTION READ ONLY"]),
        ("oracle", ["SET TRANSACTION READ ONLY"]),
        ("duckdb", []),
    ],
)
def test_other_databases_are_asked_for_transactions_that_cannot_write(dialect: str, statements: list[str]) -> None:
    connection: Any = Recorded(dialect)
    forbid_writing(connection)
    assert connection.statements == statements


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sales",
        "DROP TABLE sales",
        "INSERT INTO sales VALUES (1, 2)",
        "PRAGMA journal_mode = WAL",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 7",
        "ATTACH 'FOLDER/other.db' AS other",
        "VACUUM",
        "VACUUM INTO 'FOLDER/copy.db'",
        "CREATE TEMP TABLE copied AS SELECT * FROM sales",
        "BEGIN EXCLUSIVE",
        "ANALYZE",
        "SELECT load_extension('FOLDER/code.so')",
    ],
)
def test_nothing_is_ever_written(tmp_path: Path, statement: str) -> None:
    make_sales(tmp_path, [(1, 2)])
    before = contents(tmp_path)
    message = refused(tmp_path, statement.replace("FOLDER", str(tmp_path)))
    assert re.search("the database refuses: (not authorized|authorization denied); .*which may only read", message)
    assert contents(tmp_path) == before


def in_wal_mode(root: Path) -> None:
    with closing(sqlite3.connect(root / "shop.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def test_a_file_in_wal_mode_is_read_and_left_alone(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, 2)])
    in_wal_mode(tmp_path)
    before = contents(tmp_path)
    assert list(before) == ["shop.db"]
    assert read(shop(tmp_path)).rows() == [(1, 2)]
    assert contents(tmp_path) == before


def test_rows_that_are_in_the_log_alone_are_read(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, 2)])
    in_wal_mode(tmp_path)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as writer:
        writer.execute("INSERT INTO sales VALUES (3, 4)")
        writer.commit()
        before = contents(tmp_path)
        assert read(shop(tmp_path)).rows() == [(1, 2), (3, 4)]
        # The -shm file holds the readers' locks.
        assert {name: before[name] for name in ("shop.db", "shop.db-wal")}.items() <= contents(tmp_path).items()


def test_who_begins_to_write_meanwhile_is_noticed(tmp_path: Path) -> None:
    make_sales(tmp_path, [(number, "x" * 100) for number in range(30_000)])
    in_wal_mode(tmp_path)
    parts = shop(tmp_path).parts()
    next(parts)
    make_shop(tmp_path, "DELETE FROM sales WHERE a > 5")
    with pytest.raises(UserError, match="changed while it was read; run again when nothing writes to it"):
        list(parts)


def test_a_write_that_was_cut_off_is_told(tmp_path: Path) -> None:
    make_sales(tmp_path, [(number, "x" * 1_000) for number in range(3_000)])
    cut_off = (
        "import os, sqlite3, sys; shop = sqlite3.connect(sys.argv[1]); shop.execute('PRAGMA cache_size = 5');"
        "shop.execute('UPDATE sales SET b = 0'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", cut_off, str(tmp_path / "shop.db")], check=True)
    assert (tmp_path / "shop.db-journal").stat().st_size
    message = refused(tmp_path, "SELECT * FROM sales WHERE a < 5")
    assert "another program was cut off while it wrote" in message
    # The advice: any program that may write puts it right.
    make_shop(tmp_path, "SELECT * FROM sales")
    assert read(shop(tmp_path, "SELECT a FROM sales WHERE a < 2")).rows() == [(0,), (1,)]


@pytest.mark.parametrize("name", ["shop #1.db", "100%.db", "a&mode=rwc.db", "dörfer.db"])
def test_signs_of_urls_in_a_files_name_are_its_own(tmp_path: Path, name: str) -> None:
    make_sales(tmp_path, [(1, 2)])
    (tmp_path / "shop.db").rename(tmp_path / name)
    url = URL.create("sqlite", database=name).render_as_string()
    assert read(shop(tmp_path, url=url)).rows() == [(1, 2)]
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("mode", ["?mode=rwc", "?immutable=0", "?uri=true&mode=rw"])
def test_the_url_cannot_ask_for_writing(tmp_path: Path, mode: str) -> None:
    make_sales(tmp_path, [(1, 2)])
    assert "the database refuses" in refused(tmp_path, "DELETE FROM sales", url=f"sqlite:///shop.db{mode}")
    assert read(shop(tmp_path, url=f"sqlite:///shop.db{mode}")).rows() == [(1, 2)]


def test_refuses_a_file_that_is_not_there_and_makes_none(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        "sqlite:///shop.db: SELECT * FROM sales: there is no such file; correct ingest.source.url"
    )
    assert list(tmp_path.iterdir()) == []
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:///file:shop.db?uri=true"):
        assert "names no SQLite file" in refused(tmp_path, url=url)


def test_refuses_what_is_no_database_or_no_query(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("name,size\n" * 500)
    assert "file is not a database" in refused(tmp_path)
    (tmp_path / "shop.db").unlink()
    make_sales(tmp_path, [(1, 2)])
    assert "no such table: orders" in refused(tmp_path, "SELECT * FROM orders")
    assert "syntax error" in refused(tmp_path, "SELEKT 1")
    assert "one statement" in refused(tmp_path, "SELECT 1; SELECT 2")
    assert "not authorized; correct ingest.source.query" in refused(tmp_path, "PRAGMA query_only = ON")


def test_refuses_columns_without_a_name_of_their_own(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, 2)])
    message = refused(tmp_path, "SELECT a, b, b AS a FROM sales")
    assert "several columns are called a; give each a name of its own with AS" in message


def test_refuses_text_that_is_no_text_and_bytes_among_words(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, "x"), (2, b"x")])
    assert "column b holds bytes in some rows and other values in others" in refused(tmp_path)
    assert "Could not decode to UTF-8" in refused(tmp_path, "SELECT CAST(x'ff41' AS TEXT) AS word")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@host/shop",
        "postgresql://me:s3cret@x@host/shop",
        "postgresql://host/shop?user=me&password=s3cret",
        "mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Ds3cret",
    ],
)
def test_a_password_in_the_url_is_refused_and_never_shown(tmp_path: Path, url: str) -> None:
    message = refused(tmp_path, url=url)
    assert "holds a password" in message
    assert "password_env" in message
    assert "s3cret" not in message


def test_refuses_urls_of_nothing_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is no URL of a database" in refused(tmp_path, url="shop.db")
    assert "SQLAlchemy knows no database foo" in refused(tmp_path, url="foo://host/shop")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'modelwright[postgres]'" in refused(tmp_path, url="postgresql://me@host/shop")


def test_refuses_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        read(shop(tmp_path, url="postgresql://me@127.0.0.1:1/shop"))
    assert "cannot be reached" in str(caught.value)
    assert "the server at 127.0.0.1, port 1, is there" in str(caught.value)


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ('connection to server at "10.0.0.7", port 5432 failed: Connection refused', True),
        ("connection failed: FATAL: the database system is starting up", True),
        ("(2003, \"Can't connect to MySQL server on 'shop' ([Errno 111] Connection refused)\")", True),
        ("(2013, 'Lost connection to MySQL server during query')", True),
        ("FATAL: sorry, too many clients already", True),
        ('connection failed: FATAL: password authentication failed for user "me"', False),
        ('FATAL: database "shop" does not exist', False),
        ("(1045, \"Access denied for user 'me'@'localhost' (using password: YES)\")", False),
        ('relation "sales" does not exist', False),
    ],
)
def test_an_outage_is_told_apart_from_a_refusal(message: str, passes: bool) -> None:
    assert is_outage(message) == passes


def test_memory_is_flat_however_many_rows_there_are(tmp_path: Path) -> None:
    make_shop(
        tmp_path,
        "CREATE TABLE sales AS WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 20000) "
        "SELECT a, hex(zeroblob(2000)) AS b FROM n",
    )
    rows = shop(tmp_path)
    tracemalloc.start()
    num_rows = sum(part.height for part in rows.parts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_rows == 20_000
    assert peak < 25e6  # a batch is 8 MB, and all rows are 80 MB


def cells(kind: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(kind | st.none(), max_size=8)


@given(
    cells(st.integers())
    | cells(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans())
    | cells(st.datetimes())
    | cells(st.binary())
)
def test_whatever_a_column_holds_nothing_is_lost(values: list[Any]) -> None:
    rows = plain_rows(["x"], [(value,) for value in values])
    schema = {"x": column_type("x", kinds(["x"], rows)["x"])}
    held = frame(schema, rows)["x"].to_list()
    assert len(held) == len(values)
    for value, kept in zip(values, held, strict=True):
        assert kept == value or kept == str(value) or kept == str(value).lower()


def test_cells_are_put_plainly() -> None:
    tokyo = timezone(timedelta(hours=9))
    given_cells = [
        Decimal("1.50"), Decimal("NaN"), float("nan"), date(2024, 1, 2), datetime(2024, 1, 2, 9, tzinfo=tokyo),
        datetime(2024, 1, 2, tzinfo=UTC), memoryview(b"ab"), bytearray(b"c"), time(1, 2), UUID(int=1), 10**30,
    ]  # fmt: skip
    (row,) = plain_rows([str(n) for n in range(len(given_cells))], [given_cells])
    assert row == (
        1.5, None, None, datetime(2024, 1, 2), datetime(2024, 1, 2), datetime(2024, 1, 2), b"ab", b"c", "01:02:00",
        "00000000-0000-0000-0000-000000000001", 10**30,
    )  # fmt: skip


def test_rows_without_a_value_are_none_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    make_sales(tmp_path, [(1, "a"), (None, None), (3, None)])
    [(part, origins)] = shop(tmp_path).located_parts()
    assert part.height == 2
    assert origins.place(1).endswith("row 3")


ENDLESS = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT {} AS x, 'a' AS y FROM n"


@pytest.mark.parametrize(
    ("number", "what", "code"),
    [(signal.SIGINT, "max(a)", 130), (signal.SIGTERM, "max(a)", 143), (signal.SIGINT, "a", 130)],
)
def test_a_query_without_an_end_is_ended_by_a_signal(tmp_path: Path, number: int, what: str, code: int) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE sales (amount)")
    (tmp_path / "params.yaml").write_text("pipelines: {}\n")
    query = ["--target", "y", "--query", ENDLESS.format(what)]
    started = subprocess.Popen(
        [sys.executable, "-m", "tasks.command.cli", "init", "endless", "sqlite:///shop.db", *query],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until_asked(started)
        started.send_signal(number)
        printed, _ = started.communicate(timeout=60)
    finally:
        started.kill()
    assert (started.returncode, printed) == (
        code,
        "interrupted; nothing was written, and the same command begins again; --minutes 0 compares no models\n",
    )
    assert (tmp_path / "params.yaml").read_text() == "pipelines: {}\n"


def until_asked(process: subprocess.Popen[str]) -> None:
    """Until it has the database open."""
    deadline = monotonic() + 60
    folder = Path(f"/proc/{process.pid}/fd")
    while not any(str(file.readlink()).endswith("shop.db") for file in folder.iterdir() if os.path.lexists(file)):
        assert process.poll() is None
        assert monotonic() < deadline
        sleep(0.05)
    sleep(0.5)
