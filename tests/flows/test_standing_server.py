"""The Prefect server of `modelwright up` lets go of flow runs as `retention` says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.standing_server import server_environment
from tasks.paths import Project

VACUUM = "PREFECT_SERVER_SERVICES_DB_VACUUM"


def kept(tmp_path: Path, *retentions: str) -> dict[str, str]:
    """What the server is told of a project with pipelines that have these sections."""
    blocks = "".join(f"  p{number}: {{{text}}}\n" for number, text in enumerate(retentions))
    (tmp_path / "params.yaml").write_text(f"pipelines:\n{blocks}")
    variables = server_environment(Project(root=tmp_path), "http://127.0.0.1:4200", reachable=False)
    return {name.removeprefix(VACUUM): value for name, value in variables.items() if name.startswith(VACUUM)}


def test_prefect_keeps_runs_as_long_as_the_pipeline_that_keeps_them_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings.models.server.services import ServerServicesDBVacuumSettings

    told = kept(tmp_path, "retention: {runs_days: 30}", "clean: {}", "retention: {runs_days: 120}")
    for name, value in told.items():
        monkeypatch.setenv(f"{VACUUM}{name}", value)
    # As Prefect itself reads it: flow runs, what hangs on them, and the events that it always lets go.
    settings = ServerServicesDBVacuumSettings()
    assert settings.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert settings.retention_period == timedelta(days=120)


@pytest.mark.parametrize(
    "sections", [("clean: {}", "retention: {runs_days: null}"), ("retention: {runs_days: x}",), ()]
)
def test_where_runs_never_go_or_nobody_knows_prefect_is_told_nothing(tmp_path: Path, sections: tuple[str, ...]) -> None:
    assert kept(tmp_path, *sections) == {}


def test_what_the_environment_says_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept(tmp_path, "clean: {}")["_RETENTION_PERIOD"] == str(90 * 86_400)
    monkeypatch.setenv(f"{VACUUM}_RETENTION_PERIOD", "7200")
    assert kept(tmp_path, "clean: {}") == {}
