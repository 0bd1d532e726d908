"""A review on a real repository of git with two branches: what differs, with figures that are known another way."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from tasks import files
from tasks.command.cli import main
from tasks.errors import UserError
from tasks.evaluation.predictions import Predictions
from tasks.memo.at_commit import commit_of, fetch_outputs, text_at
from tasks.memo.chain import run_plain
from tasks.paths import Project
from tasks.review.gathering import review
from tasks.tables import storage
from tests.projects import TINY, command, make_project

pytestmark = pytest.mark.chain

PARAMS = TINY[TINY.index("  notes:") :]


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """On main the pipeline has run; on the branch that is checked out it learns otherwise, and has run as far."""
    root = tmp_path_factory.mktemp("branches")
    project = make_project(root, f"pipelines:\n{PARAMS}", store=empty_store)
    with contextlib.chdir(root):
        run_plain(project, "notes", last="evaluate")
    _commit(root, "main")
    command(root, "git", "branch", "--force", "main")
    command(root, "git", "checkout", "--quiet", "-B", "change")
    text = project.params.read_text().replace("kind: logistic_regression", "kind: logistic_regression, C: 0.00001")
    project.params.write_text(text.replace("accuracy: {min: 0.5}", "accuracy: {min: 0.99}, latency_p95_ms: {max: 9}"))
    with contextlib.chdir(root):
        run_plain(project, "notes", last="evaluate")
    _commit(root, "learns otherwise")
    return project


@pytest.fixture(autouse=True)
def within(branches: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(branches.root)


def _commit(root: Path, message: str) -> None:
    command(root, "git", "add", "--all")
    command(root, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", message)


def test_the_change_is_told_with_figures_of_both_sides(branches: Project, tmp_path: Path) -> None:
    [notes] = review(branches, "main").pipelines
    assert notes.plan["train"] == ("train.estimator.C (not set) -> 1e-05",)
    assert notes.plan["evaluate"] == ("follows from train",)
    assert set(notes.plan) == {"train", "evaluate"}
    assert [*notes.waiting] == ["register"]
    assert notes.edited == (
        "train.estimator.C (not set) -> 1e-05",
        "register.gate.accuracy.min 0.5 -> 0.99",
        "register.gate.latency_p95_ms (not set) -> {'max': 9}",
    )
    changes = {change.name: change for change in notes.metrics}
    # Both sides as they are told apart by hand.
    paths = branches.pipeline("notes")
    place = paths.relative(paths.predicted)
    fetch_outputs(branches.root, "main", [place, paths.relative(paths.metrics)], tmp_path)
    before, after = _predictions(tmp_path / place), _predictions(paths.predicted)
    assert (before.y_true == after.y_true).all()
    shares = [float(np.mean(one.y_pred == one.y_true)) for one in (before, after)]
    assert [changes["accuracy"].before, changes["accuracy"].after] == pytest.approx(shares)
    known = files.read_json(tmp_path / paths.relative(paths.metrics))
    assert {name: change.before for name, change in changes.items()} == known
    # What decides has a paired difference: the metric that versions are compared by, and what the gate bounds.
    compared = changes["accuracy"].comparison
    assert compared is not None
    assert (compared.champion, compared.challenger) == pytest.approx(tuple(shares))
    assert compared.num_rows == len(after.y_true)
    assert compared.low <= shares[1] - shares[0] <= compared.high
    assert {name for name, change in changes.items() if change.comparison} == {"f1", "accuracy"}


def _predictions(folder: Path) -> Predictions:
    return Predictions.of_table(storage.read_table(folder))


def test_the_gate_is_judged_rule_by_rule_but_for_what_register_measures(branches: Project) -> None:
    [notes] = review(branches, "main", ["notes"]).pipelines
    assert notes.rules is not None
    assert [(rule.metric, rule.min, rule.passed) for rule in notes.rules] == [("accuracy", 0.99, False)]
    assert notes.passed is False
    assert notes.notes == ("register alone measures latency_p95_ms, which the gate bounds",)


def test_the_command_writes_the_comment_and_programs_get_json(
    branches: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "--against", "main", "--pictures", "https://example.org/1", "--output", "review.md"]) == 3
    assert capsys.readouterr().out == ""
    text = (branches.root / "review.md").read_text()
    (branches.root / "review.md").unlink()
    assert text.startswith("<!-- modelwright review -->\n")
    assert "**the gate says no to `notes`**" in text
    assert "](https://example.org/1)" in text
    assert "`reports/notes/plots/confusion_matrix.png`" in text
    assert main(["review", "notes", "--against", "change", "--json"]) == 0
    [notes] = json.loads(capsys.readouterr().out)["pipelines"]
    # Against itself nothing is done otherwise.
    assert (notes["plan"], notes["edited"], notes["metrics"]) == ({}, [], [])
    assert main(["review", "--against", "nowhere"]) == 2
    assert "nowhere: git knows no such commit here" in capsys.readouterr().err
    assert main(["review", "ntes", "--against", "main"]) == 2
    assert "did you mean notes?" in capsys.readouterr().err
    assert main(["review", "--against", "main", "--pictures", "javascript:alert(1)"]) == 2
    assert "give an address" in capsys.readouterr().err


def test_what_the_base_had_is_taken_from_a_remote_where_the_cache_has_it_not(branches: Project, tmp_path: Path) -> None:
    metrics = branches.pipeline("notes").relative(branches.pipeline("notes").metrics)
    remote = ("--local", "--force", "--default", "shared", str(tmp_path / "remote"))
    command(branches.root, "dvc", "remote", "add", *remote)
    command(branches.root, "dvc", "push", "--quiet", "--all-branches")
    cache = branches.root / ".dvc" / "cache"
    moved = cache.rename(tmp_path / "cache")
    try:
        assert fetch_outputs(branches.root, "main", [metrics, "data/nothing"], tmp_path / "base") == ["data/nothing"]
        assert "accuracy" in files.read_json(tmp_path / "base" / metrics)
        (tmp_path / "remote").rename(tmp_path / "gone")
        # A folder as well as a file.
        lost = [metrics, branches.pipeline("notes").relative(branches.pipeline("notes").predicted)]
        assert fetch_outputs(branches.root, "main", lost, tmp_path / "again") == lost
    finally:
        if cache.exists():
            files.remove(cache)
        moved.rename(cache)


def test_who_gives_a_commit_that_is_not_here_learns_how_it_comes(tmp_path: Path) -> None:
    command(tmp_path, "git", "init", "--quiet", "new")
    with pytest.raises(UserError, match="HEAD: git knows no such commit here; nothing was committed yet"):
        commit_of(tmp_path / "new", "HEAD")
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for message in ("first", "second"):
        command(tmp_path / "new", "git", *author, "commit", "--quiet", "--allow-empty", "-m", message)
    command(tmp_path, "git", "clone", "--quiet", "--depth", "1", (tmp_path / "new").as_uri(), "shallow")
    with pytest.raises(UserError, match="`git fetch --unshallow` brings the others"):
        commit_of(tmp_path / "shallow", "HEAD~1")


def test_a_base_without_results_and_a_change_that_has_not_run(branches: Project, tmp_path: Path) -> None:
    assert text_at(branches.root, "main", "no.file") is None
    with pytest.raises(UserError, match="knows no such commit here; give a branch, a tag or a commit"):
        commit_of(branches.root, "--help")
    text = branches.params.read_text()
    branches.params.write_text(text.replace("C: 0.00001", "C: 0.0001"))
    try:
        [notes] = review(branches, "main").pipelines
    finally:
        branches.params.write_text(text)
    # No figure and no picture of the model that lies here: it is another one's.
    assert (notes.metrics, notes.rules, notes.passed, notes.pictures) == ((), None, None, ())
    assert notes.notes == ("train is out of date: `modelwright run notes --to evaluate` makes the figures",)
    assert "train.estimator.C 1e-05 -> 0.0001" in notes.waiting["train"]
