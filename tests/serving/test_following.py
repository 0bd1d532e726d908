"""What is known of the registry while nobody watches it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tasks.paths import Project
from tasks.serving import following
from tasks.serving.following import Following
from tasks.serving.metrics import ServingMetrics
from tasks.serving.process import ProcessEndedError
from tasks.serving.settings import ServeSettings
from tasks.serving.version import Served, ServedVersion


def test_a_registry_that_is_not_watched_is_not_called_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def start_process(_: Any) -> Any:
        raise ProcessEndedError("its process was killed by signal 9")

    monkeypatch.setattr(following, "start_process", start_process)
    metrics, no_version = ServingMetrics(), cast("ServedVersion", None)
    project, settings = Project(root=tmp_path), ServeSettings(asked="shop")
    served = Served(project=project, settings=settings, listener=metrics, scratch=tmp_path)
    versions = Following(served=served, metrics=metrics, live=no_version)

    async def follow() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(versions.follow(), 0.1)

    asyncio.run(follow())
    assert versions.registry_problem == "the registry is not watched (its process was killed by signal 9)"
