"""`modelwright gc`: what goes, and that all that champion, challenger and passports need is there afterwards."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import time
from argparse import ArgumentTypeError
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.command.cli import main
from tasks.command.gc import age
from tasks.command.gc_plan import collect
from tasks.memo.chain import run_plain
from tasks.paths import Project
from tasks.prediction_log.places import monitoring_folder, version_folder
from tasks.tables import storage
from tasks.tracking import store
from tasks.tracking.tags import MODEL_TAG, PROMOTION_TAG, TRIAL_TAG, TUNING_TAG
from tasks.tracking.trainings import trainings, versions
from tests.projects import REPOSITORY, TINY, make_project

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
        run_plain(project, "masses", last="train")
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


@pytest.mark.long
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
    assert set(outcomes_with(here, 7, last="evaluate").values()) == {"unchanged", "restored"}
    assert outcomes_with(here, 3)["train"] == "ran"

    for version in ("masses:1", "masses"):
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


def outcomes_with(project: Project, num_leaves: int, last: str = "train") -> dict[str, str]:
    with_leaves(project, num_leaves)
    return {one.stage: str(one.outcome) for one in run_plain(project, "masses", last=last)}


@pytest.mark.chain
def test_what_a_branch_or_a_tag_has_stays(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = objects(here)
    commit("fifteen leaves")
    with_leaves(here, 3)
    run_plain(here, "masses", last="train")
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
def test_a_version_that_may_go_goes_with_all_that_only_it_needs(
    here: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = store.connect(here)
    # As if the champion had been compared with another one than version 1, and the one before it were forgotten.
    client.set_model_version_tag("masses", "2", PROMOTION_TAG, "{}")
    client.delete_registered_model_alias("masses", "previous")
    assert collected(capsys, "history", "masses")["records"][0]["moves"] == {"previous": [1, None]}
    policy = "retention: {versions_days: 30, last_versions: 0, last_runs: 0}"
    register = "register: {metric: roc_auc,"
    here.params.write_text(here.params.read_text().replace(register, f"{policy}\n    {register}"))
    paths = here.pipeline("masses")
    looks = [monitoring_folder(paths, number) for number in (1, 2)]
    answers = [version_folder(paths, 1) / f"{day}_x.parquet" for day in ("2020-01-01", "2026-11-01")]
    tuning = [here.pipeline(name).tuning / "journal" for name in ("masses", "no_more")]
    for file in (*(look / "rows-000001.json" for look in looks), *answers, *tuning):
        files.write_text(file, "x")
    # It is young, and bore an alias of late: nothing of it goes.
    assert collected(capsys, "gc")["kept"][0] == {"name": "masses", "version": 1, "because": "young"}
    later = time.time() + 100 * 86_400
    monkeypatch.setattr("tasks.command.gc.time.time", lambda: later)
    planned = collected(capsys, "gc")
    assert [(one["name"], one["version"]) for one in planned["versions"]] == [("masses", 1)]
    assert (planned["answers"]["files"], planned["answers"]["looks"]) == (1, 1)
    assert [one["name"] for one in planned["former_pipelines"]] == ["no_more"]
    assert {run["name"] for run in planned["runs"]} == {"first: lightgbm", "num_leaves 7 -> 3"}
    assert len(planned["models"]) == 1

    assert_as_the_page_shows_it(capsys)

    # Killed once the registry has the version no more, and what it left is still there.
    with monkeypatch.context() as patch:
        patch.setattr("tasks.command.gc_plan.remove_models", interrupted)
        with pytest.raises(KeyboardInterrupt):
            collect(here, None, None, later)
    done = collected(capsys, "gc", "--yes")
    assert done == {**planned, "versions": [], "removed": True}
    assert main(["gc", "--yes"]) == 0
    assert capsys.readouterr().out.endswith("there is nothing to remove\n")
    assert [look.exists() for look in looks] == [False, True]
    assert [file.exists() for file in (*answers, *tuning)] == [False, True, True, False]
    assert {version.number for version in versions(here, "masses")} == {2}
    assert len([*(here.tracking / "artifacts" / "masses").rglob("MLmodel")]) == 1
    # The version that is left predicts, comes back from the cache, and the other one would have to be trained.
    row = json.dumps(sample_row(here))
    assert collected(capsys, "predict", "masses", "--row", row)["prediction"] in ("benign", "malignant")
    shutil.rmtree(here.root / "models" / "masses")
    assert outcomes_with(here, 15)["train"] == "restored"
    assert outcomes_with(here, 7)["train"] == "ran"
    assert collected(capsys, "history", "masses", "--verify")["whole"]


def assert_as_the_page_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/operate.md has a run of it: the same lines, and other figures."""
    page = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
    shown = page.split("$ modelwright gc\n")[1].split("$ modelwright gc --yes")[0].replace("tumours", "masses")
    assert main(["gc"]) == 0
    printed = re.sub(r"\d+", "N", capsys.readouterr().out)
    labels = [re.sub(r"\d+", "N", re.split(r"  +\d|: ", line)[0]) for line in shown.splitlines()[1:]]
    assert "versions of masses" in labels
    assert [label for label in labels if label not in printed] == []


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.chain
def test_what_is_young_or_among_the_last_runs_stays_and_all_does_while_a_run_is_at_work(
    lived: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc.rwlock import rwlock

    from tasks.memo.repository import repository

    monkeypatch.chdir(lived.root)
    before, repo = objects(lived), repository(lived.root)
    young = collected(capsys, "gc", "--keep", "0", "--yes")
    assert (young["runs"], young["cache"]["objects"]) == ([], 0)
    assert collected(capsys, "gc", "--older-than", "0h", "--keep", "3")["runs"] == []
    # An entry of the run cache that is young keeps objects that are old.
    for path in (lived.root / ".dvc" / "cache" / "files").rglob("*"):
        os.utime(path, (1, 1))
    assert collected(capsys, "gc", "--older-than", "1h")["cache"]["objects"] == 0
    # As a stage reserves what it is about to write.
    with rwlock(repo.tmp_dir, repo.fs, "train@masses", [], [str(lived.pipeline("masses").model)], False):
        assert main([*ALL, "--yes"]) == 2
    assert "a run is at work" in capsys.readouterr().err
    assert objects(lived) == before
    assert len(trainings(lived, "masses")) == 3


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
    assert re.search(r"^runs of no version +3 +7 +32 B$", capsys.readouterr().out, re.MULTILINE)
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
