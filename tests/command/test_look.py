"""models, runs, logs, open: what they say of a registry, a store and a server that hold known things."""

from __future__ import annotations

import json
import shutil
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.command import look, open_page
from tasks.command.cli import main
from tasks.operating import places
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.tags import MODEL_TAG, TRIAL_TAG, VERDICT_TAG
from tests.projects import TINY

START = 1_700_000_000_000


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """Three runs of masses (one failed, one a trial, the newest with version 2), and versions 1 and 2 of its model."""
    project = Project(root=tmp_path_factory.mktemp("tracked"))
    project.params.write_text(TINY)
    shutil.copytree(empty_store, project.tracking)
    client = store.connect(project)
    experiment = store.experiment(client, project, "masses")

    def run(name: str, began: int, seconds: int, status: str, **tags: str) -> str:
        run_id = str(client.create_run(experiment, start_time=START + began, run_name=name, tags=tags).info.run_id)
        client.set_terminated(run_id, status, end_time=START + began + 1000 * seconds)
        return run_id

    first = run("first", 0, 90, "FINISHED", **{MODEL_TAG: "a"})
    run("learning_rate 0.1 -> 9", 200_000, 1, "FAILED")
    run("trial 1", 300_000, 1, "FINISHED", **{TRIAL_TAG: "1"})
    second = run("learning_rate 0.1 -> 0.2", 400_000, 3700, "FINISHED", **{MODEL_TAG: "b"})
    client.log_metric(second, "test_roc_auc", 0.987)
    client.create_registered_model("masses")
    for run_id, verdict in ((first, "no champion before it"), (second, "surely better by 0.01")):
        client.create_model_version(
            "masses", source=f"runs:/{run_id}/model", run_id=run_id, tags={VERDICT_TAG: verdict}
        )
    client.set_registered_model_alias("masses", "champion", "1")
    client.set_registered_model_alias("masses", "challenger", "2")
    return project


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def content(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(printed(capsys, *arguments, "--json"))


@pytest.fixture
def here(tracked: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tracked.root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tracked


@pytest.mark.usefixtures("here")
def test_models_has_champion_challenger_and_the_last_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    [model] = content(capsys, "models")["models"]
    assert (model["name"], model["champion"], model["challenger"]) == ("masses", 1, 2)
    assert model["last_verdict"] == "surely better by 0.01"
    assert [(one["number"], one["aliases"]) for one in model["versions"]] == [(2, ["challenger"]), (1, ["champion"])]
    head, line = printed(capsys, "models").splitlines()
    assert head.split() == ["model", "champion", "challenger", "versions", "last", "verdict"]
    assert line.split() == ["masses", "version", "1", "version", "2", "2", "surely", "better", "by", "0.01"]
    assert [line.split()[:2] for line in printed(capsys, "models", "masses").splitlines()[1:]] == [
        ["2", "challenger"],
        ["1", "champion"],
    ]
    assert main(["models", "mases"]) == 2
    assert "did you mean masses?" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_runs_are_the_newest_first_without_trials(capsys: pytest.CaptureFixture[str]) -> None:
    runs = content(capsys, "runs")["runs"]
    assert [(run["name"], run["state"], run["seconds"], run["value"], run["versions"]) for run in runs] == [
        ("learning_rate 0.1 -> 0.2", "done", 3700.0, 0.987, [2]),
        ("learning_rate 0.1 -> 9", "failed", 1.0, None, []),
        ("first", "done", 90.0, None, [1]),
    ]
    lines = printed(capsys, "runs", "masses", "--last", "2").splitlines()
    assert len(lines) == 3
    assert "training took" in lines[0], "and not the stages around it, of which MLflow knows nothing"
    assert "1 h 1 min" in lines[1]
    assert "roc_auc 0.987" in lines[1]
    assert lines[1].endswith("learning_rate 0.1 -> 0.2")
    assert main(["runs", "mases"]) == 2
    assert "did you mean masses?" in capsys.readouterr().err


def test_where_nothing_was_tracked_both_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    assert "no model is registered yet" in printed(capsys, "models")
    assert "nothing ran yet" in printed(capsys, "runs")
    assert not (tmp_path / "mlflow").exists()


def test_open_prints_where_a_page_is_and_opens_it_on_a_display(
    here: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) is None)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    page = here.pipeline("masses").report_page
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<p>report")
    assert printed(capsys, "open", "masses").splitlines() == [page.as_uri()]
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    printed(capsys, "open", "masses")
    assert opened == [page.as_uri()]
    # Asked by a program: it is told, and nothing pops up.
    assert content(capsys, "open", "masses")["address"] == page.as_uri()
    assert len(opened) == 1
    assert main(["open", "masses", "--what", "data-docs"]) == 2
    assert "`modelwright run masses --to validate` makes it" in capsys.readouterr().err


def test_a_page_that_nothing_serves_says_what_comes_first(
    here: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_page, "_listens", lambda _: False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    model = content(capsys, "open", "masses", "--what", "model")
    assert model["address"].startswith("http://127.0.0.1:5000/#/models/masses/versions/1")
    assert model["comes_first"] == "modelwright ui masses"
    run = content(capsys, "open", "masses", "--what", "run")
    [newest, *_] = content(capsys, "runs", "masses")["runs"]
    assert newest["run_id"] in run["address"]
    assert content(capsys, "open", "--what", "prefect")["comes_first"] == "prefect server start"
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example.org/api")
    prefect = content(capsys, "open", "--what", "prefect")
    assert (prefect["address"], prefect["comes_first"]) == ("https://prefect.example.org", None)
    assert main(["open", "notes", "--what", "model"]) == 2
    assert "MLflow has no model of it yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "10.0.0.1 22"}, "darwin", False),
    ],
)
def test_a_display_is_known_by_the_environment(environment: dict[str, str], platform: str, expected: bool) -> None:
    assert open_page.has_display(environment, platform) is expected


def test_logs_of_servers_in_the_background(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--servers"]) == 2
    assert "no servers ran in the background here" in capsys.readouterr().err
    places.log(here).parent.mkdir(parents=True)
    places.log(here).write_text("one\ntwo \x1b[31m\nthree\n")
    assert printed(capsys, "logs", "--servers", "--lines", "2") == "two \\x1b[31m\nthree\n"
    assert content(capsys, "logs", "--servers")["num_lines"] == 3


def test_logs_of_a_run_have_its_lines_in_this_machine_s_time(
    here: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import run_logs
    from flows.run_logs import RunLogs

    moment = datetime(2026, 10, 1, 12, tzinfo=UTC)
    given = RunLogs(name="masses: 9 ran", run_id="1f", state="Completed", lines=((moment, "train ran"),))
    monkeypatch.setattr(run_logs, "run_logs", lambda called: given if called == "masses" else None)
    first, line = printed(capsys, "logs", "masses").splitlines()
    assert first == "masses: 9 ran: Completed"
    assert line == f"{moment.astimezone():%Y-%m-%d %H:%M:%S}  train ran"
    assert content(capsys, "logs", "masses")["lines"] == [line]


@pytest.mark.parametrize(("seconds", "shown"), [(1.26, "1.3 s"), (90, "1 min 30 s"), (3700, "1 h 1 min")])
def test_durations_are_for_people(seconds: float, shown: str) -> None:
    assert look._duration(seconds) == shown
