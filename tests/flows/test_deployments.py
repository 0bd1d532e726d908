from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.paths import Project

ROOT = Path(__file__).resolve().parents[2]

FLOW = """
from prefect import flow

@flow(name="tiny")
def tiny(pipeline: str) -> None:
    pass
"""


def test_the_project_deploys_the_flow_every_night(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.deployments import deployments

    monkeypatch.chdir(ROOT)
    (nightly,) = deployments(Project(root=ROOT))
    assert (nightly.flow_name, nightly.name, nightly.parameters) == ("training", "nightly", {"pipeline": "digits"})
    assert [getattr(each.schedule, "cron", None) for each in nightly.schedules or ()] == ["0 3 * * *"]
    assert nightly.work_pool_name is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("deployments: []", "no pipeline has a schedule; add one"),
        ('deployments: [{entrypoint: "tiny.py:tiny"}]', "has no name"),
        ("deployments: [{name: often}]", "has no entrypoint"),
        ('deployments: [{name: a, entrypoint: "no_file.py:tiny"}]', "of a is no flow"),
        ('deployments: [{name: a, entrypoint: "tiny.py:huge"}]', "of a is no flow"),
        ('deployments: [{name: a, entrypoint: "tiny.py:tiny", schedules: [{cron: soon}]}]', "schedule of a"),
        ('deployments: [{name: a, entrypoint: "tiny.py:tiny", schedules: [{corn: "0 3 * * *"}]}]', "schedule of a"),
    ],
)
def test_a_mistake_in_prefect_yaml_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, complaint: str
) -> None:
    from flows.deployments import deployments

    (tmp_path / "prefect.yaml").write_text(content)
    (tmp_path / "tiny.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=complaint):
        deployments(Project(root=tmp_path))


def test_schedules_need_a_server_that_answers(tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.deployments import serve_schedules

    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(UserError, match="prefect server start"):
        serve_schedules(Project(root=tmp_path))
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}),
        pytest.raises(UserError, match="nothing listens there"),
    ):
        serve_schedules(Project(root=tmp_path))
