"""The schedules of params.yaml become deployments, and prefect.yaml keeps in step with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.command.runs import COMMANDS
from tasks.errors import UserError
from tasks.paths import Project
from tests.projects import REPOSITORY

BLOCK = """\
  {name}:
    ingest: {{source: {{kind: builtin, name: digits}}, target: digit}}
    validate: {{}}
    split: {{}}
    clean: {{}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: lightgbm}}
    evaluate: {{}}
    register: {{metric: accuracy}}
"""
NIGHTLY = '    schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}\n'
SIX_HOURS = """\
    schedule:
      - {interval: 6h, timezone: Asia/Kolkata}
      - {interval: 1d, flow: scoring, source: new.csv, out: answers.csv}
"""
BROKEN = "  half_written: {ingest: {}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    params = "pipelines:\n" + BLOCK.format(name="churn") + NIGHTLY + BLOCK.format(name="sales") + SIX_HOURS + BROKEN
    (tmp_path / "params.yaml").write_text(params)
    return Project(root=tmp_path)


def test_each_schedule_is_a_deployment_named_after_its_pipeline(project: Project) -> None:
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy

    from flows.deployments import deployments

    churn, sales, scoring = deployments(project)
    assert [(each.flow_name, each.name) for each in (churn, sales, scoring)] == [
        ("training", "churn"),
        ("training", "sales"),
        ("scoring", "sales"),
    ]
    [nightly] = churn.schedules or []
    assert (nightly.schedule.cron, nightly.schedule.timezone) == ("0 3 * * *", "Europe/Berlin")
    assert churn.parameters == {"pipeline": "churn"}
    assert scoring.parameters == {"model": "sales", "source": "new.csv", "out": "answers.csv"}
    options = churn.concurrency_options
    assert churn.concurrency_limit == 1
    assert options is not None
    assert options.collision_strategy == ConcurrencyLimitStrategy.CANCEL_NEW


def test_a_pipeline_is_watched_on_a_schedule_of_its_own(project: Project) -> None:
    from flows.deployments import deployments

    both = NIGHTLY.replace("schedule: {", "schedule: [{").replace("}", "}, {interval: 1h, flow: monitoring}]")
    project.params.write_text(project.params.read_text().replace(NIGHTLY, both))
    _, watching, *_ = deployments(project)
    assert (watching.flow_name, watching.name, watching.parameters) == ("monitoring", "churn", {"pipeline": "churn"})


def test_an_interval_is_counted_from_midnight_and_not_from_the_start(project: Project) -> None:
    from flows.deployments import deployments

    _, sales, _ = deployments(project)
    [six_hours] = sales.schedules or []
    assert six_hours.schedule.interval == timedelta(hours=6)
    # Midnight in Kolkata, which is half an hour off whole ones.
    assert six_hours.schedule.anchor_date == datetime(2023, 12, 31, 18, 30, tzinfo=UTC)


def test_the_same_deployment_in_both_files_is_refused(project: Project) -> None:
    from flows.deployments import deployments

    project.deployments.write_text("deployments: [{name: churn, entrypoint: 'flows/training.py:training'}]\n")
    with pytest.raises(UserError, match="churn of the flow training stands there"):
        deployments(project)


def schedule(capsys: pytest.CaptureFixture[str], **options: bool) -> str:
    import argparse

    COMMANDS["schedule"].run(argparse.Namespace(**{"show": False, "write": False, **options}))
    return capsys.readouterr().out


@pytest.mark.parametrize("file", [REPOSITORY / "prefect.yaml", REPOSITORY / "tasks/scaffold/template/prefect.yaml"])
def test_prefect_yaml_is_brought_in_step_and_keeps_what_a_person_wrote(
    project: Project, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    from flows.deployments import deployments

    before = file.read_text()
    project.deployments.write_text(before)
    shown = schedule(capsys, show=True)
    assert project.deployments.read_text() == before
    assert '+      - cron: "0 3 * * *"' in shown
    assert schedule(capsys, write=True) == shown
    after = project.deployments.read_text()
    removed = [line for line in before.splitlines() if line not in after.splitlines()]
    assert removed == [line for line in removed if line == "deployments: []"]
    assert schedule(capsys, write=True) == "prefect.yaml is in step with params.yaml\n"
    assert project.deployments.read_text() == after
    own = ["nightly"] if file.parent == REPOSITORY else []
    if own:
        (project.root / "flows").symlink_to(REPOSITORY / "flows")
    # The copies are for work pools: here they are run once, as params.yaml has them.
    assert [each.name for each in deployments(project)] == ["churn", "sales", "sales", *own]


def test_a_schedule_that_was_taken_out_leaves_prefect_yaml(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    from tasks.params.file import read_yaml

    schedule(capsys, write=True)
    assert [each["name"] for each in read_yaml(project.deployments)["deployments"]] == ["churn", "sales", "sales"]
    project.params.write_text(project.params.read_text().replace(NIGHTLY, ""))
    assert "-  - name: churn" in schedule(capsys, write=True)
    assert [each["name"] for each in read_yaml(project.deployments)["deployments"]] == ["sales", "sales"]


def test_what_is_written_is_what_prefect_deploys(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """By Prefect's own reading of the file, as `prefect deploy --all` has it."""
    from prefect.cli.deploy._config import _load_deploy_configs_and_actions
    from prefect.cli.deploy._schedules import _construct_schedules
    from rich.console import Console

    schedule(capsys, write=True)
    console = Console()
    blocks, _ = _load_deploy_configs_and_actions(console=console, prefect_file=project.deployments)
    read = [_construct_schedules(block, {}, console=console, is_interactive=lambda: False) for block in blocks]
    [nightly], [six_hours], _ = read
    assert (nightly["schedule"].cron, nightly["schedule"].timezone) == ("0 3 * * *", "Europe/Berlin")
    assert six_hours["schedule"].interval == timedelta(hours=6)
    assert six_hours["schedule"].anchor_date == datetime(2023, 12, 31, 18, 30, tzinfo=UTC)
