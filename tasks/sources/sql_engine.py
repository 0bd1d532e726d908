"""The way into a database: its URL without a password, its driver, and a session that cannot write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.addresses import is_secret_name
from tasks.errors import UserError
from tasks.sources.sqlite_file import allow_reading_alone

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

# By itself, a server that does not answer is waited for until the system gives up, which takes minutes.
_PATIENCE = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Of PostgreSQL's own library, in seconds: to connect, and until a server that went away silently counts as gone."""

# As drivers call it within a string of their own behind the question mark.
_SECRETS = ("password", "passwd", "pwd")


def parsed(text: str) -> URL:
    """The URL, PostgreSQL's for psycopg 3. Raises UserError without showing it when it holds a password."""
    import sqlalchemy as sa

    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise UserError(
            "ingest.source.url: is no URL of a database; write it like postgresql://me@host/shop or sqlite:///shop.db"
        ) from None
    # params.yaml is in git, and reports show the location.
    if url.password is not None or _holds_secret(url):
        raise UserError(
            "ingest.source.url: holds a password; take it out, put it into an environment variable and give "
            "that variable's name as ingest.source.password_env"
        )
    # SQLAlchemy takes psycopg2 by default, which is not installed.
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _holds_secret(url: URL) -> bool:
    """Whether the part after `?` gives a password, by a name of its own or within a driver's own string."""
    given = [(key.lower(), str(value).lower()) for key, value in url.query.items()]
    # The names of files with keys, and of files with passwords, are no secrets.
    named = any(is_secret_name(key) and not re.fullmatch("ssl_?key|passfile", key) for key, _ in given)
    return named or any(f"{word}=" in value for _, value in given for word in _SECRETS)


def engine_for(url: URL) -> Engine:
    """Raises UserError when the database's driver is not installed, or nobody knows the database."""
    import sqlalchemy as sa

    waits = url.drivername == "postgresql+psycopg"
    options = {name: value for name, value in _PATIENCE.items() if waits and name not in url.query}
    try:
        # One connection, closed when the rows are read: there is nothing to pool.
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
    except ModuleNotFoundError as error:
        extra = "modelwright[postgres]" if error.name == "psycopg" else str(error.name)
        raise UserError(
            f"ingest.source.url: {url.drivername} needs the package {error.name}; pip install '{extra}'"
        ) from None
    except sa.exc.NoSuchModuleError:
        raise UserError(
            f"ingest.source.url: SQLAlchemy knows no database {url.drivername}; correct it, or install its dialect"
        ) from None


def forbid_writing(connection: Connection) -> None:
    """Read-only, where the database knows that, and also in a transaction that the query itself might begin."""
    match connection.dialect.name:
        case "postgresql":
            # The first holds for the transaction, the second for those that a query with COMMIT in it would begin.
            connection.execution_options(postgresql_readonly=True)
            connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        case "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
            allow_reading_alone(connection.connection.dbapi_connection)
        # For the transactions that follow, of which the query's is the first.
        case "mysql" | "mariadb":
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        case "oracle":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def message_of(error: Exception) -> str:
    """The database's own words on one line, without SQLAlchemy's."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
