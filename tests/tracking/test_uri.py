"""An address of a tracking store that cannot be used is told in one message, and what that advises works."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.uri import check_uri


def complaint(uri: str) -> str:
    with pytest.raises(UserError) as caught:
        check_uri(uri)
    return str(caught.value)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://[::1", "http://[::1 cannot be read; write http://HOST:PORT"),
        ("http://", "http:// cannot be read"),
        ("http://a b:5000", "http://a b:5000 cannot be read"),
        ("http://me:s3/cr@et@127.0.0.1:5000", "MLFLOW_TRACKING_URI: http://127.0.0.1:5000 cannot be read"),
        ("http://127.0.0.1:99999999", "cannot be read"),
        ("foo://x", "foo://x is no store that MLflow knows; write http://HOST:PORT"),
        ("127.0.0.1:5000", "127.0.0.1:5000 is no store that MLflow knows"),
        ("./mlruns", "./mlruns is no store that MLflow knows"),
        ("file:///tmp/mlruns", "is no store that MLflow knows"),
        ("mysql+foo://h/db", "is no address of a database that SQLAlchemy knows"),
        ("postgresql+psycopg:h", "is no address of a database that SQLAlchemy knows"),
        ("mysql+oursql://h/db", "is no address of a database"),
        ("postgresql+pg8000://me:s3cret@h/db", "needs the package pg8000, which is not installed; pip install pg8000"),
        ("mysql://h/db?password=s3cret", "needs the package MySQLdb, which is not installed; pip install mysqlclient"),
    ],
)
def test_an_address_that_leads_nowhere_is_the_users_to_mend(uri: str, problem: str) -> None:
    message = complaint(uri)
    assert message.startswith("MLFLOW_TRACKING_URI: ")
    assert problem in message
    assert "s3" not in message


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://me:s3%2Fcr%40et@mlflow.example.com/team/",
        "http://[::1]:5000",
        "databricks",
        "databricks://profile",
        "sqlite:////home/me@work/a b/mlflow.db",
        "postgresql+psycopg://me:s3cret@h/db",
    ],
)
def test_an_address_that_may_lead_somewhere_passes(uri: str) -> None:
    check_uri(uri)


def test_the_driver_that_is_installed_is_advised() -> None:
    message = complaint("postgresql://127.0.0.1:1/db")
    assert "needs the package psycopg2, which is not installed; pip install psycopg2-binary" in message
    [scheme] = re.findall(r"or write (\S+)://", message)
    check_uri(f"{scheme}://127.0.0.1:1/db")


def test_a_database_that_is_down_costs_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql+psycopg://me:s3cret@127.0.0.1:1/db")
    project = Project(root=tmp_path)
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(UserError, match=r"the tracking store cannot be used \(.*Connection refused") as caught:
        store.check_store(project)
    # MLflow's own patience is 100 s.
    assert 0 < sum(pauses) < 2
    assert "s3cret" not in str(caught.value)
