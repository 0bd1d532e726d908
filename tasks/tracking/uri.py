"""The address of a tracking store, looked at before MLflow is, which ends with a traceback over a wrong one."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from urllib.parse import urlsplit

from tasks.addresses import shown_address
from tasks.errors import UserError

VARIABLE = "MLFLOW_TRACKING_URI"

_SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_OTHERS = ("databricks", "databricks-uc", "uc")
_PACKAGES = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""Drivers whose packages have other names."""

_PSYCOPG = "postgresql+psycopg"

_CURE = (
    "write http://HOST:PORT for a server, sqlite:////FOLDER/mlflow.db for a file, or unset it: then the project has a "
    "store of its own"
)


def check_uri(uri: str) -> None:
    """Raises UserError for an address that leads nowhere, whatever runs there, or whose driver is not installed."""
    named = f"{VARIABLE}: {shown_address(uri)}"
    if not _is_readable(uri):
        raise UserError(
            f"{named} cannot be read; {_CURE}. In a user or a password, write / as %2F, @ as %40, # as %23, ? as %3F"
        )
    scheme = urlsplit(uri).scheme or uri
    kind = scheme.partition("+")[0]
    if kind in DATABASES:
        _check_driver(uri, named)
    elif scheme not in (*_SERVERS, *_OTHERS, *entry_points(group="mlflow.tracking_store").names):
        raise UserError(f"{named} is no store that MLflow knows; {_CURE}")


def _is_readable(uri: str) -> bool:
    try:
        address = urlsplit(uri)
        # Looked at when it is asked for, and no number where a / of a password ends the host.
        _ = address.port if address.scheme in _SERVERS else None
    except ValueError:
        return False
    return address.scheme not in _SERVERS or (bool(address.hostname) and not any(map(str.isspace, uri)))


def _check_driver(uri: str, named: str) -> None:
    import sqlalchemy as sa

    try:
        sa.make_url(uri).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        driver = str(error.name)
        # The one for PostgreSQL that comes with modelwright[postgres].
        other = f", or write {_PSYCOPG}://" if driver == "psycopg2" and find_spec("psycopg") else ""
        raise UserError(
            f"{named} needs the package {driver}, which is not installed; pip install "
            f"{_PACKAGES.get(driver, driver)}{other}"
        ) from None
    except (sa.exc.ArgumentError, ValueError):
        raise UserError(f"{named} is no address of a database that SQLAlchemy knows; {_CURE}") from None
