"""Answers as rows of a database's table: a transaction a part, which notes the part's key too, so that none doubles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.errors import UserError
from tasks.scoring.journal import Journal
from tasks.scoring.request import Request
from tasks.sources.sql_engine import engine_for, message_of, parsed

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine, MetaData, Table

PARTS_TABLE = "modelwright_parts"
"""Which parts of which job are in the database: `job`, `part`, `num_rows`."""

_ROWS_AT_ONCE = 1_000


class AnswerTable:
    """A table that is made when it is not there, and appended to when it is."""

    def __init__(self, request: Request, job: str) -> None:
        self._job = job
        self._table = request.table
        self._url = _url(request)
        self._engine: Engine | None = None
        self.num_there = 0
        project = request.project
        self.shown = f"{self._url.render_as_string(hide_password=True)}, table {self._table}"
        self.journal = project.registered_models.with_name("answered") / job[:16]
        self.quarantine = Path(f"{self._table}.quarantine.csv")

    def check(self) -> None:
        """Raises UserError when the database cannot be reached, or has a table of other columns."""
        with self._errors_named(), self._connectable().begin() as connection:
            connection.exec_driver_sql("SELECT 1")

    def keep(self, number: int, answers: pl.DataFrame) -> pl.DataFrame | None:
        """All of the part and its key, or nothing; a part whose key is there already is not written again."""
        import sqlalchemy as sa

        with self._errors_named():
            tables = sa.MetaData()
            parts, target = _parts_table(tables), _answer_table(tables, self._table, answers)
            engine = self._connectable()
            tables.create_all(engine)
            self._check_columns(target)
            with engine.begin() as connection:
                key = (parts.c.job == self._job) & (parts.c.part == number)
                if connection.execute(sa.select(parts.c.part).where(key)).first() is not None:
                    self.num_there += 1
                else:
                    # First the key: of two processes, the second fails at it and writes nothing.
                    connection.execute(parts.insert().values(job=self._job, part=number, num_rows=answers.height))
                    for rows in answers.iter_slices(_ROWS_AT_ONCE):
                        connection.execute(target.insert(), rows.to_dicts())
        return None

    def finish(self, journal: Journal) -> None:
        """All parts are in the table."""
        if self._engine is not None:
            self._engine.dispose()

    def _connectable(self) -> Engine:
        if self._engine is None:
            self._engine = engine_for(self._url)
        return self._engine

    def _check_columns(self, target: Table) -> None:
        import sqlalchemy as sa

        there = {str(column["name"]) for column in sa.inspect(self._connectable()).get_columns(self._table)}
        if missing := [column.name for column in target.columns if column.name not in there]:
            raise UserError(
                f"--out {self.shown}: the table is there, and has no column {', '.join(missing)}; give another --table"
            )

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        import sqlalchemy as sa

        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise UserError(
                f"--out {self.shown}: the database refuses: {message_of(error)[:300]}; mend that, and the same command "
                "goes on from there: parts that are in the table are not written again"
            ) from None


def _url(request: Request) -> URL:
    try:
        url = parsed(request.out)
    except UserError as error:
        message = str(error).replace("ingest.source.url", "--out")
        raise UserError(message.replace("as ingest.source.password_env", "with --password-env")) from None
    variable = request.password_env
    if variable is None:
        return url
    if not os.environ.get(variable):
        raise UserError(f"--password-env: the environment has no variable {variable}; set it to the password")
    return url.set(password=os.environ[variable])


def _parts_table(tables: MetaData) -> Table:
    import sqlalchemy as sa

    return sa.Table(
        PARTS_TABLE,
        tables,
        sa.Column("job", sa.String(64), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("num_rows", sa.Integer, nullable=False),
    )


def _answer_table(tables: MetaData, name: str, answers: pl.DataFrame) -> Table:
    import sqlalchemy as sa

    columns = [sa.Column(column, _sql_type(dtype)) for column, dtype in answers.schema.items()]
    return sa.Table(name, tables, *columns)


def _sql_type(dtype: pl.DataType) -> Any:
    import sqlalchemy as sa

    if dtype == pl.Boolean:
        return sa.Boolean()
    if dtype.is_integer():
        return sa.BigInteger()
    if dtype.is_float():
        # Of double precision: an answer is kept to its last digit.
        return sa.Float(53)
    if dtype == pl.Date:
        return sa.Date()
    return sa.DateTime() if dtype == pl.Datetime else sa.LargeBinary() if dtype == pl.Binary else sa.Text()
