"""Leases of slots outlive the server that gave them, and run out only after those that hold them could come back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.settings.models.server.concurrency import ServerConcurrencySettings

from flows import lease_storage
from flows.lease_storage import ConcurrencyLeaseStorage
from flows.standing_server import server_environment
from tasks.paths import Project


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a project's server."""
    told = server_environment(Project(root=tmp_path), "http://127.0.0.1:4200", reachable=False)
    for name, value in told.items():
        if "LEASE" in name:
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
def test_prefect_takes_the_module_for_its_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from prefect.server.concurrency.lease_storage import get_concurrency_lease_storage
    from prefect.settings import PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE, temporary_settings

    module = ServerConcurrencySettings().lease_storage
    with temporary_settings({PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE: module}):
        assert isinstance(get_concurrency_lease_storage(), ConcurrencyLeaseStorage)
    assert ConcurrencyLeaseStorage().storage_path.is_relative_to(tmp_path)


@pytest.mark.usefixtures("environment")
def test_a_lease_is_renewed_by_the_next_server_also_where_it_has_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lived() -> None:
        limit = uuid4()
        held = await ConcurrencyLeaseStorage().create_lease([limit], timedelta(seconds=300))
        late = await ConcurrencyLeaseStorage().create_lease([limit], timedelta(seconds=-5))
        gone = await ConcurrencyLeaseStorage().create_lease([limit], timedelta(seconds=-5))
        # As a server has it that has just begun, and later.
        monkeypatch.setattr(lease_storage, "_RETURN_SECONDS", 1e9)
        assert await ConcurrencyLeaseStorage().read_expired_lease_ids() == []
        for lease in (held, late):
            assert await ConcurrencyLeaseStorage().renew_lease(lease.id, timedelta(seconds=300))
        monkeypatch.setattr(lease_storage, "_RETURN_SECONDS", 0)
        assert await ConcurrencyLeaseStorage().read_expired_lease_ids() == [gone.id]

    asyncio.run(lived())
