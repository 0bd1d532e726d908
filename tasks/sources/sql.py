"""The rows of a query, streamed from any database that SQLAlchemy knows; never a change to the database."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import MissingSourceError, UnreachableError, UserError, is_outage
from tasks.params.sources import SqlSource
from tasks.sources.base import Place, Source
from tasks.sources.files import read_errors
from tasks.sources.sql_engine import engine_for, forbid_writing, message_of, parsed
from tasks.sources.sql_values import Cell, Kind, column_type, frame, kinds, plain_rows
from tasks.sources.sqlite_file import is_interrupted, is_refused, is_unfinished, journal, read_only, unchanged

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import URL, Connection, CursorResult

    from tasks.tables.origins import RowOrigins

# Enough that a round trip to the server hardly counts.
_BATCH = 2_000
"""Rows that are fetched at once, and that are in memory."""

_SHOWN = 60
"""Characters of the query that messages and reports show."""

Batch = tuple[tuple[str, ...], list[tuple[Cell, ...]]]


class Sql(Source):
    """One query's rows, in the order in which the database gives them.

    The query runs three times for one ingest and once more for a digest, always in a transaction that cannot write and
    is never committed. The first run finds each column's type over all rows: a database without strict types (SQLite)
    may give a number in the first row and a word in the last, and a column's first thousands may all be missing.
    """

    kind = "sql"

    def __init__(self, config: SqlSource, place: Place) -> None:
        self._config = config
        self._root = place.root
        self._url = parsed(config.url)
        query = " ".join(config.query.split())
        shown = query if len(query) <= _SHOWN else f"{query[:_SHOWN]}..."
        # The URL holds no password: `parsed` refuses one that does.
        self.location = f"{config.url}: {shown}"

    def parts(self) -> Iterator[pl.DataFrame]:
        return (part for part, _ in self.located_parts())

    def located_parts(self) -> Iterator[tuple[pl.DataFrame, RowOrigins]]:
        from tasks.tables.origins import RowOrigins, numbered, present_rows

        for part, numbers in present_rows(numbered(self._all_parts())):
            yield part, RowOrigins(file=self.location, numbers=numbers, in_lines=False)

    def _all_parts(self) -> Iterator[pl.DataFrame]:
        schema = {name: column_type(name, observed) for name, observed in self._kinds.items()}
        for columns, rows in self._batches():
            # A value of another kind would be cast, or become missing, without a word.
            if columns != tuple(schema) or any(
                observed - self._kinds[name] for name, observed in kinds(columns, rows).items()
            ):
                raise UserError(f"{self.location}: changed while it was read; run again when nothing writes to it")
            yield frame(schema, rows)

    def digest(self) -> str:
        """Over the columns' names and all rows in their order, so the whole query runs for it, streamed.

        Add an ORDER BY of a unique column: without one a database may give the same rows in another order.
        """
        content = hashlib.sha256()
        for number, (columns, rows) in enumerate(self._batches()):
            if number == 0:
                # `ascii` has one spelling for each value on every machine, and keeps 1 and '1' apart.
                content.update(ascii(columns).encode())
            for row in rows:
                content.update(ascii(row).encode())
        return content.hexdigest()

    def watched(self) -> list[Path] | None:
        file = self._sqlite_file
        # Nothing on this machine tells what a server has: it is asked each time.
        if file is None:
            return None
        log = journal(file)
        return [file, log] if log.exists() else [file]

    @cached_property
    def _kinds(self) -> dict[str, frozenset[Kind]]:
        """The kinds of values of each column, over all rows."""
        kinds_of: dict[str, frozenset[Kind]] = {}
        for columns, rows in self._batches():
            for name, observed in kinds(columns, rows).items():
                kinds_of[name] = kinds_of.get(name, frozenset()) | observed
        return kinds_of

    def _batches(self) -> Iterator[Batch]:
        """The columns' names with some rows, at least once, also when there are no rows."""
        with self._connected() as connection, self._database_errors():
            # Memory is a batch's; and without parameters, a % in the query is a sign like any other.
            connection.execution_options(stream_results=True, no_parameters=True)
            result = connection.exec_driver_sql(self._config.query)
            columns = _column_names(result)
            # A query without rows gives no batch, but its columns are wanted all the same.
            num_batches = 0
            for num_batches, batch in enumerate(result.yield_per(_BATCH).partitions(), 1):  # noqa: B007 (counted for what follows)
                yield columns, plain_rows(columns, batch)
            if num_batches == 0:
                yield columns, []

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection in a transaction that cannot write. Raises UserError when the database cannot be reached."""
        import sqlalchemy as sa

        # Only here is the password in a URL, and nobody shows this one.
        engine = engine_for(self._reachable_url())
        file = self._sqlite_file
        try:
            with unchanged(file, self.location) if file else nullcontext(), engine.connect() as connection:
                forbid_writing(connection)
                yield connection
        except sa.exc.SQLAlchemyError as error:
            host = f"{self._url.host or 'its socket'}, port {self._url.port or 'by default'}"
            where = f"the server at {host}," if self._sqlite_file is None else "the file"
            # A driver has one class for a server that is away and for a password that is wrong.
            kind = UnreachableError if is_outage(message_of(error)) else UserError
            raise kind(
                f"{self.location}: cannot be reached ({message_of(error)}); check that {where} is there and lets you "
                "in, ingest.source.url, and the variable that ingest.source.password_env names"
            ) from None
        finally:
            # However the reading ends, no connection stays behind.
            engine.dispose()

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        import sqlalchemy as sa

        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            if isinstance(error, sa.exc.DBAPIError) and is_interrupted(error.orig):
                raise KeyboardInterrupt from None
            if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
                raise UnreachableError(
                    f"{self.location}: the connection broke off while rows were read ({message_of(error)}); check that "
                    "the server is up, and run again"
                ) from None
            if is_unfinished(error.orig if isinstance(error, sa.exc.DBAPIError) else None):
                raise UserError(
                    f"{self.location}: another program was cut off while it wrote ({message_of(error)}); open the file "
                    "once with a program that may write to it, such as that one, and run again"
                ) from None
            # SQLite raises this very class for a file that is none of its own; refusals are subclasses, but for one.
            if self._sqlite_file is not None and type(error) is sa.exc.DatabaseError and not is_refused(error.orig):
                raise UserError(
                    f"{self.location}: no SQLite file, or a damaged one ({message_of(error)}); copy or write it anew"
                ) from None
            raise UserError(
                f"{self.location}: the database refuses: {message_of(error)}; correct ingest.source.query, which may "
                "only read, or give yourself the right to read what it names"
            ) from None

    @property
    def _sqlite_file(self) -> Path | None:
        """The file of an SQLite database; None for every other. Raises UserError when none is named."""
        if self._url.get_backend_name() != "sqlite":
            return None
        name = self._url.database
        # A database in memory is empty, and a file: URI hides which file is to be watched.
        if not name or name == ":memory:" or name.startswith("file:"):
            raise UserError("ingest.source.url: names no SQLite file; write it as sqlite:///folder/shop.db")
        return self._root / Path(name).expanduser()

    def _reachable_url(self) -> URL:
        """With the password, or with the file's full path. Raises UserError when either is absent."""
        file = self._sqlite_file
        if file is not None:
            if not file.is_file():
                raise MissingSourceError(f"{self.location}: there is no such file; correct ingest.source.url")
            # SQLite would make an empty database of a path that is not there: it was looked at first.
            with read_errors(self.location):
                return read_only(self._url, file)
        variable = self._config.password_env
        if variable is None:
            return self._url
        if variable not in os.environ:
            raise UserError(
                f"ingest.source.password_env: the environment has no variable {variable}; set it to the password"
            )
        return self._url.set(password=os.environ[variable])


def _column_names(result: CursorResult[Any]) -> tuple[str, ...]:
    """Raises UserError when the query gives no rows, or columns without a name of their own."""
    if not result.returns_rows or result.cursor is None:
        raise UserError("ingest.source.query: gives no rows; write one SELECT")
    names = tuple(str(column[0]) for column in result.cursor.description)
    twice = [name for name, count in Counter(names).items() if count > 1 or not name]
    if twice:
        raise UserError(
            f"ingest.source.query: several columns are called {twice[0] or 'nothing'}; "
            "give each a name of its own with AS"
        )
    return names
