"""`modelwright tune` on rows of which the best is known: it is found, nothing is lost, and what is told is true."""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.command.cli import main
from tasks.paths import Project
from tasks.tracking.trainings import trainings
from tasks.tracking.tunings import tracked_trials
from tasks.tuning.journal import journal_file
from tests.projects import environment
from tests.tuning.searches import BLOCK, COINS, PENALTY, coins, project_of, sums

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Project, dict[str, Any]]:
    """A project after a search of 20 trials in one process, and what it printed."""
    project = project_of(tmp_path_factory.mktemp("sums"), BLOCK, empty_store, sums=sums())
    return project, outcome(project, "--trials", "20")


def printed(project: Project, *arguments: str) -> str:
    """What a command prints, in this process: each of its own would import MLflow and DVC anew."""
    with contextlib.chdir(project.root), contextlib.redirect_stdout(io.StringIO()) as output:
        assert main(arguments) == 0
    return output.getvalue()


def outcome(project: Project, *arguments: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(printed(project, "tune", "--json", *arguments))
    return content


def tried(content: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(trial["state"], trial["values"], trial["scores"]) for trial in content["trials"]]


def test_the_penalty_that_theory_says_is_found(searched: tuple[Project, dict[str, Any]]) -> None:
    _, content = searched
    best = content["best"]["values"]["train.estimator.alpha"]
    assert PENALTY / 10 < best < PENALTY * 10
    assert content["best"]["mean"] < content["as_it_is"] - 0.1, "rmse of noise of 3, of which a tenth is much"
    assert 2.7 < content["best"]["mean"] < 3.9
    assert content["optimism"] >= -0.05
    assert content["importance"]["train.estimator.alpha"] > 0.7
    assert content["counts"]["finished"] + content["counts"]["given up"] == 20
    assert content["counts"]["given up"] >= 3, "most of the range is far off, and shows so on the first folds"


def test_no_test_row_has_a_part_in_it(searched: tuple[Project, dict[str, Any]]) -> None:
    project, content = searched
    printed(project, "run", "sums", "--plain", "--to", "clean")
    paths = project.pipeline("sums")

    def read(folder: Path) -> set[float]:
        return set(pl.read_parquet(folder / "*.parquet")["answer"].to_list())

    (rows,) = paths.tuning.glob("rows-*")
    judged = [read(rows / str(number) / "clean" / "test") for number in range(5)]
    assert set().union(*judged) == read(paths.clean("train"))
    assert content["rows"] == sum(map(len, judged)) == len(read(paths.clean("train")))
    encoded = {one.name for one in rows.glob("encoded-*")}
    assert len(encoded) == 2, "two ways of encoding, whatever the number of trials"
    for number in range(5):
        fold = rows / next(iter(encoded)) / str(number)
        links = [file.stat().st_nlink for file in (fold / "clean").rglob("*.parquet")]
        assert min(links) >= 2, "cleaned rows are linked, and not copied"
        assert not {*read(rows / str(number) / "clean" / "train")} & read(paths.clean("test"))


def test_the_leaderboard_and_mlflow_have_each_trial(searched: tuple[Project, dict[str, Any]]) -> None:
    project, content = searched
    runs = tracked_trials(project, "sums", "rmse")
    assert sorted(run.number for run in runs) == [trial["number"] for trial in content["trials"]]
    by_number = {run.number: run for run in runs}
    for trial in content["trials"]:
        assert by_number[trial["number"]].value == trial["mean"]
        assert by_number[trial["number"]].state == trial["state"]
    assert trainings(project, "sums") == [], "a trial is no training: it has left no model"
    board = json.loads(printed(project, "leaderboard", "sums", "--json"))
    assert board["tuned"][0]["value"] == content["best"]["mean"]
    assert len(board["tuned"]) == 20
    assert f"trial {content['best']['number']}" in printed(project, "leaderboard", "sums")


def test_one_process_and_a_seed_are_exact(searched: tuple[Project, dict[str, Any]]) -> None:
    project, content = searched
    again = outcome(project, "--trials", "8", "--fresh")
    assert tried(again) == tried(content)[:8]
    more = outcome(project, "--trials", "20")
    assert tried(more) == tried(content), "and so is a search that is gone on with"


def test_apply_changes_the_lines_that_say_it_and_no_others(searched: tuple[Project, dict[str, Any]]) -> None:
    project, content = searched
    before = project.params.read_text()
    shown = printed(project, "tune", "sums", "--trials", "20", "--apply")
    alpha, scale = content["best"]["values"].values()
    changed = difflib.ndiff(before.splitlines(), project.params.read_text().splitlines())
    lines = [line for line in changed if line[:2] in ("- ", "+ ")]
    assert f"+     train: {{kind: sklearn, estimator: {{kind: ridge, alpha: {alpha}}}}} # hardly any penalty" in lines
    assert len(lines) == (2 if scale == "standard" else 4)
    assert all(line[2:] in shown for line in lines)
    again = printed(project, "tune", "sums", "--trials", "20", "--apply")
    assert "params.yaml stays as it is" in again
    project.params.write_text(before)


def test_a_search_that_is_killed_in_a_trial_loses_none(tmp_path: Path, empty_store: Path) -> None:
    project = project_of(tmp_path, BLOCK, empty_store, sums=sums())
    journal = journal_file(project.pipeline("sums"))
    kill_after(project, journal, num_ended=3)
    content = outcome(project, "--trials", "8")
    assert len(content["trials"]) == 8
    assert sorted(run.number for run in tracked_trials(project, "sums", "rmse")) == sorted(
        trial["number"] for trial in content["trials"]
    )
    assert tried(content) == tried(outcome(project, "--trials", "8", "--fresh")), "as if nobody had killed it"


def kill_after(project: Project, journal: Path, num_ended: int) -> None:
    """Starts a search and kills it, with SIGKILL, when so many trials have ended."""
    arguments = [sys.executable, "-m", "tasks.command.cli", "tune", "sums", "--trials", "8"]
    process = subprocess.Popen(arguments, cwd=project.root, env=environment(project.root), stdout=subprocess.DEVNULL)
    until = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < until:
        # Operation 6 says how a trial ended, of a state above 0 or of RUNNING.
        lines = journal.read_text().splitlines() if journal.exists() else []
        ended = [line for line in lines if '"op_code":6' in line and '"state":0' not in line]
        if len(ended) > num_ended:
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.01)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"


def test_two_processes_make_as_many_trials_as_were_asked_for(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(tmp_path, BLOCK, empty_store, sums=sums())
    # As in a process in which MLflow has loaded a model: its own code, a part of the tool, is in front.
    (packed := tmp_path / "code" / "tasks" / "tracking").mkdir(parents=True)
    for folder in (packed, packed.parent):
        (folder / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(packed.parent.parent), *sys.path])
    content = outcome(project, "--trials", "7", "--jobs", "2")
    assert len(content["trials"]) == 7
    assert len({trial["number"] for trial in content["trials"]}) == 7
    assert len(tracked_trials(project, "sums", "rmse")) == 7


def test_of_pure_noise_the_search_is_told_to_flatter_its_best(tmp_path: Path, empty_store: Path) -> None:
    project = project_of(tmp_path, COINS, empty_store, coins=coins())
    content = outcome(project, "--trials", "30")
    assert content["best"]["mean"] > 0.52, "something always looks better than chance"
    assert content["optimism"] > 0.01
    # The standard error of a ROC AUC of some 280 rows is 0.035.
    assert abs(content["nested"] - 0.5) < 0.07
    assert content["nested"] < content["best"]["mean"]
    assert content["folds"] == 5


def test_folds_that_cannot_be_made_are_those_of_the_setting_that_makes_them(tmp_path: Path, empty_store: Path) -> None:
    params = COINS.replace("split: {folds: 5}", "split: {validation: 5, test: 5}").replace(
        "tune: {", "tune: {folds: 90, "
    )
    project = project_of(tmp_path, params, empty_store, coins=coins(40))
    with contextlib.chdir(project.root), contextlib.redirect_stderr(io.StringIO()) as told:
        assert main(["tune", "coins", "--trials", "1"]) == 2
    assert re.search(r"tune\.folds: no row falls into fold \d+ of 90; make tune\.folds smaller", told.getvalue())
    assert "split.folds" not in told.getvalue()
