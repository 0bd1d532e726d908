from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tasks import files
from tasks.command.cli import main
from tasks.command.overview import PipelineState, overview
from tasks.dashboard.lookout import freshness_of
from tasks.paths import STAGES, Project
from tasks.tracking.store import connect
from tests.projects import modelwright


def state(project: Project, name: str) -> PipelineState:
    return next(row for row in overview(project) if row.name == name)


def test_what_has_run_is_up_to_date_with_its_champion_and_metric(finished: Project) -> None:
    roc_auc = files.read_json(finished.pipeline("masses").metrics)["roc_auc"]
    assert state(finished, "masses") == PipelineState(
        name="masses",
        source="breast_cancer",
        target="diagnosis",
        trainer="lightgbm",
        state="up to date",
        champion="version 1",
        metric=f"roc_auc {roc_auc:.4f}",
    )
    assert state(finished, "scans").trainer == "torch cnn"


def test_each_state_is_told_and_a_broken_block_hides_no_other(finished: Project, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(finished.root, root, symlinks=True)
    project = Project(root=root)
    text = project.params.read_text()
    added = text[text.index("  notes:") :].replace("  notes:", "  letters:")
    broken = added.replace("  letters:", "  broken:").replace("estimator", "estimater")
    project.params.write_text(text.replace("num_leaves: 7", "num_leaves: 8") + added + broken)
    assert state(project, "masses").state == "out of date: train, train.num_leaves 7 -> 8"
    assert (state(project, "letters").state, state(project, "letters").champion) == ("never ran", "-")
    assert "pipelines.broken.train.estimator is missing" in state(project, "broken").state
    # The page of `modelwright ui` says the same, stage by stage.
    edited = freshness_of(project, "masses")
    assert (edited.kind, edited.reasons[0]) == ("outdated", ("train", ("train.num_leaves 7 -> 8",)))
    assert [stage for stage, _ in edited.reasons] == ["train", "register"]
    assert (freshness_of(project, "letters").kind, freshness_of(project, "scans").kind) == ("never ran", "current")
    assert "pipelines.broken.train.estimator is missing" in freshness_of(project, "broken").problem
    # The registry is asked, as somebody may have moved the alias.
    connect(project).delete_registered_model_alias("masses", "champion")
    assert state(project, "masses").champion == "-"


def test_a_registry_that_does_not_answer_is_told_once_a_pipeline(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{finished.root / 'params.yaml'}")
    rows = overview(finished)
    assert {row.champion for row in rows} == {"the registry does not answer"}
    assert {row.state for row in rows} == {"up to date"}


def test_without_a_registry_the_stages_are_told_and_what_only_it_knows(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished.root)
    # Nothing listens there.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["status"]) == 2
    printed = capsys.readouterr()
    lines = [line.split(maxsplit=1) for line in printed.out.splitlines() if line.startswith(" ")]
    num_pipelines = len(lines) // len(STAGES)
    expected = [[stage, "up to date"] for stage in STAGES[:-1]]
    expected += [["register", "not known    the registry does not answer"]]
    assert [[stage, what.strip()] for stage, what in lines] == expected * num_pipelines
    assert printed.err.count("\n") == 1
    assert "http://127.0.0.1:9: the tracking store cannot be used" in printed.err
    assert "whether it still has what register left" in printed.err
    assert main(["status", "masses", "--json"]) == 2
    states = json.loads(capsys.readouterr().out)["pipelines"]["masses"]
    assert [one["state"] for one in states] == ["up to date"] * 8 + ["not known"]
    # The page says so in a line of its own.
    assert freshness_of(finished, "masses", asks_registry=False).kind == "current"


def test_programs_get_one_object(finished: Project) -> None:
    rows = json.loads(modelwright(finished.root, "list", "--json").stdout)["pipelines"]
    assert [row["name"] for row in rows] == ["scans", "masses", "notes"]
