"""`modelwright gc`: what goes, and that all that champion, challenger and passports need is there afterwards."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from argparse import ArgumentTypeError
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.command.cli import main
from tasks.command.gc import age
from tasks.memo.chain import run_plain
from tasks.paths import Project
from tasks.tables import storage
from tasks.tracking import store
from tasks.tracking.tags import MODEL_TAG, TRIAL_TAG, TUNING_TAG
from tasks.tracking.trainings import trainings, versions
from tests.projects import TINY, make_project

PARAMS = f"pipelines:\n{TINY[TINY.index('  masses:') : TINY.index('  notes:')]}"
ALL = ("gc", "--older-than", "0h", "--keep", "0")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, finished: Project) -> Project:
    """Version 1 of masses with 7 leaves, then version 2 with 15, which a person made champion; 3 leaves were tried
    between them, and came to no version. Nothing was ever committed to git."""
    root = tmp_path_factory.mktemp("lived") / "project"
    shutil.copytree(finished.root, root, symlinks=True)
    project = Project(root=root)
    with chdir(root):
        with_leaves(project, 3)
        run_plain(project, "masses", last="evaluate")
        with_leaves(project, 15)
        run_plain(project, "masses")
        assert main(["promote", "masses", "2", "--because", "a test"]) == 0
    return project


@pytest.fixture
def here(lived: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    root = tmp_path / "project"
    shutil.copytree(lived.root, root, symlinks=True)
    monkeypatch.chdir(root)
    return Project(root=root)


def with_leaves(project: Project, num_leaves: int) -> None:
    text = project.params.read_text()
    start = text.index("num_leaves: ")
    project.params.write_text(text[:start] + f"num_leaves: {num_leaves}}}\n" + text[text.index("\n", start) + 1 :])


def collected(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def objects(project: Project) -> set[Path]:
    return {path for path in (project.root / ".dvc" / "cache").rglob("*") if path.is_file()}


@pytest.mark.chain
def test_after_it_all_that_a_version_needs_is_there(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    all_objects, moment = objects(here), datetime.now(UTC).isoformat()
    planned = collected(capsys, *ALL)
    assert objects(here) == all_objects
    assert [run["name"] for run in planned["runs"]] == ["num_leaves 7 -> 3"]
    assert planned["cache"]["objects"] > 0
    assert planned["versions_kept"] == 4
    assert not planned["removed"]

    done = collected(capsys, *ALL, "--yes")
    assert done == {**planned, "removed": True}
    gone = all_objects - objects(here)
    assert len(gone) == planned["cache"]["objects"] + planned["cache"]["steps"]
    assert {training.name for training in trainings(here, "masses")} == {"first: lightgbm", "num_leaves 3 -> 15"}
    assert collected(capsys, *ALL)["cache"]["objects"] == 0
    assert main([*ALL, "--yes"]) == 0
    assert capsys.readouterr().out.endswith("there is nothing to remove\n")

    # Nothing runs again, and what lies here can be made whole from the cache.
    assert {one.outcome for one in run_plain(here, "masses")} == {"unchanged"}
    for folder in ("data", "models"):
        shutil.rmtree(here.root / folder / "masses")
    # As without it: validate looks at what was accepted before, and so DVC never restores it.
    assert {one.stage for one in run_plain(here, "masses") if one.outcome == "ran"} == {"validate"}
    # The first version is made again from the cache, though no commit has it; what came to no version is not.
    assert set(outcomes_with(here, 7).values()) == {"unchanged", "restored"}
    assert outcomes_with(here, 3)["train"] == "ran"

    for version in ("masses:1", "masses:2", "masses"):
        row = json.dumps(sample_row(here))
        assert collected(capsys, "predict", version, "--row", row)["prediction"] in ("benign", "malignant")
    assert collected(capsys, "champion", "masses", "--at", moment)["version"] == 2
    assert collected(capsys, "rollback", "masses", "--because", "a test")["champion"] == 1
    assert collected(capsys, "history", "masses", "--verify")["whole"]
    assert {version.number for version in versions(here, "masses")} == {1, 2}


def sample_row(project: Project) -> dict[str, Any]:
    """A row as the source writes it: every number a text."""
    raw = storage.read_table(project.pipeline("masses").raw).row(0, named=True)
    return {name: str(value) for name, value in raw.items() if name != "diagnosis" and not name.startswith("_")}


def outcomes_with(project: Project, num_leaves: int) -> dict[str, str]:
    with_leaves(project, num_leaves)
    return {one.stage: str(one.outcome) for one in run_plain(project, "masses", last="evaluate")}


@pytest.mark.chain
def test_what_a_branch_or_a_tag_has_stays(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = objects(here)
    commit("fifteen leaves")
    with_leaves(here, 3)
    run_plain(here, "masses", last="evaluate")
    commit("three leaves")
    git("tag", "three")
    git("reset", "--quiet", "--hard", "HEAD~1")
    assert collected(capsys, *ALL)["cache"]["objects"] == 0
    git("tag", "--delete", "three")
    assert collected(capsys, *ALL, "--yes")["cache"]["objects"] > 0
    assert objects(here) < before


def commit(message: str) -> None:
    git("add", "dvc.yaml", "dvc.lock", "params.yaml", ".dvc/config", ".dvcignore", ".gitignore")
    git("commit", "--quiet", "--message", message)


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.mark.chain
def test_what_is_young_or_among_the_last_runs_stays(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    young = collected(capsys, "gc", "--keep", "0", "--yes")
    assert (young["runs"], young["cache"]["objects"]) == ([], 0)
    assert collected(capsys, "gc", "--older-than", "0h", "--keep", "3")["runs"] == []
    # An entry of the run cache that is young keeps objects that are old.
    for path in (here.root / ".dvc" / "cache" / "files").rglob("*"):
        os.utime(path, (1, 1))
    assert collected(capsys, "gc", "--older-than", "1h")["cache"]["objects"] == 0


@pytest.mark.chain
def test_while_a_run_is_at_work_nothing_goes(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    from dvc.rwlock import rwlock

    from tasks.memo.repository import repository

    before, repo = objects(here), repository(here.root)
    # As a stage reserves what it is about to write.
    with rwlock(repo.tmp_dir, repo.fs, "train@masses", [], [str(here.pipeline("masses").model)], False):
        assert main([*ALL, "--yes"]) == 2
    assert "a run is at work" in capsys.readouterr().err
    assert objects(here) == before
    assert len(trainings(here, "masses")) == 3


@pytest.fixture
def searched(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, list[str]]:
    """A project with runs alone: two searches with a trial each, a run at work, and two that ended."""
    project = make_project(tmp_path, PARAMS, empty_store)
    monkeypatch.chdir(tmp_path)
    client = store.connect(project)
    experiment = store.experiment(client, project, "masses")
    names = []
    for began, (name, tags) in enumerate(
        {
            "old search": {TUNING_TAG: "1"},
            "its trial": {TUNING_TAG: "1", TRIAL_TAG: "1"},
            "new search": {TUNING_TAG: "2"},
            "its own trial": {TUNING_TAG: "2", TRIAL_TAG: "1"},
            "of what lies here": {MODEL_TAG: "here"},
            "of no version": {MODEL_TAG: "x"},
            "at work": {},
        }.items()
    ):
        run = client.create_run(experiment, start_time=1000 * (began + 1), run_name=name, tags=tags)
        if name != "at work":
            client.set_terminated(run.info.run_id)
        client.log_text(run.info.run_id, name, "note.txt")
        names.append(name)
    run_json = project.pipeline("masses").run
    run_json.parent.mkdir(parents=True)
    run_json.write_text('{"model": "here"}')
    return project, names


def test_a_search_is_one_thing_and_the_last_one_stays(
    searched: tuple[Project, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    project, names = searched
    planned = collected(capsys, *ALL)
    assert {run["name"] for run in planned["runs"]} == {"old search", "its trial", "of no version"}
    assert {run["bytes"] for run in planned["runs"]} == {10, 9, 13}
    assert main([*ALL, "--yes"]) == 0
    assert "3 runs of no version: 32 B" in capsys.readouterr().out
    kept = {note.read_text() for note in (project.tracking / "artifacts").rglob("note.txt")}
    assert kept == set(names) - {"old search", "its trial", "of no version"}


def test_of_what_never_ran_dvc_says_nothing(
    searched: tuple[Project, list[str]], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where it writes to is bound to the terminal when DVC is imported.
    monkeypatch.setattr(logging.getLogger("dvc"), "handlers", [caplog.handler])
    assert main([*ALL]) == 0
    assert caplog.messages == []


def test_wrong_options_are_told(searched: tuple[Project, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--keep", "-1"]) == 2
    assert main(["gc", "--yes", "--dry-run"]) == 2
    assert "give one of the two" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("2w", 1_209_600), ("0d", 0)])
def test_an_age_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert age(text) == seconds


@pytest.mark.parametrize("text", ["90", "-1d", "d", "1 d", "1y", ""])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is no age"):
        age(text)
