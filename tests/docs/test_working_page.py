"""docs/working.md: its commands about sharing, tried word for word with a remote, a clone, and one that never ran."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tasks.paths import STAGES, Project
from tasks.tracking.trainings import trainings
from tests.projects import REPOSITORY, command, make_project, modelwright

PAGE = (REPOSITORY / "docs" / "working.md").read_text(encoding="utf-8")

PARAMS = """\
pipelines:
  digits: # the example, which never ran
    ingest: {source: {kind: builtin, name: digits}, target: digit}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: accuracy}
  notes:
    ingest: {source: {kind: table, path: notes.csv}, target: kind}
    validate: {}
    clean: {}
    split: {}
    normalize: {text: {min_documents: 1}}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: f1, gate: {accuracy: {min: 0.5}}}
"""


def commands(heading: str) -> list[list[str]]:
    """The commands of each console block of a section, comments and all."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [re.findall(r"^\$ (.*)$", block, re.MULTILINE) for block in blocks]


def typed(root: Path, line: str, share: Path) -> str:
    """Runs a line of the page in `root`, about the pipeline notes; returns all that it printed."""
    line = re.sub(r"\bP\b", "notes", line).replace("/mnt/share/modelwright", str(share))
    done = command(root, "bash", "-c", f"exec 2>&1\n{line}", check=False)
    assert done.returncode == 0, f"$ {line}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A folder with `mine`, a project in git and shared as the page says; its source is in nobody's repository."""
    folder = tmp_path_factory.mktemp("team")
    mine = folder / "mine"
    mine.mkdir()
    make_project(mine, PARAMS, store=empty_store)
    with (mine / ".gitignore").open("a") as ignored:
        ignored.write("/notes.csv\n")
    command(mine, "git", "config", "user.name", "me")
    command(mine, "git", "config", "user.email", "me@example.org")
    modelwright(mine, "run", "notes", "--plain")
    for line in commands("Sharing data")[0]:
        typed(mine, line, folder / "remote")
    return folder


def clone(team: Path, name: str) -> Path:
    root = team / name
    command(team, "git", "clone", "--quiet", str(team / "mine"), str(root))
    shutil.copytree(team / "mine" / "mlflow", root / "mlflow", dirs_exist_ok=True)
    return root


@pytest.mark.long
@pytest.mark.parametrize("fetching", [0, 1])
def test_a_clone_goes_on_from_what_was_pushed_without_the_source(team: Path, fetching: int) -> None:
    theirs = clone(team, f"theirs-{fetching}")
    *pulls, run = commands("Sharing data")[1]
    typed(theirs, pulls[fetching], team / "remote")
    done = modelwright(theirs, *run.replace("P", "notes").split()[1:], "--plain", "--json")
    outcomes = {stage["stage"]: stage["outcome"] for stage in json.loads(done.stdout)["stages"]}
    assert outcomes == {**dict.fromkeys(STAGES, "unchanged"), "register": "ran"}
    assert "the source notes.csv is not there; what was taken in last time is used" in done.stderr
    # Told by every run, and by whoever asks.
    again = modelwright(theirs, "run", "notes", "--plain")
    assert "ingest     unchanged" in again.stdout
    assert "the source notes.csv is not there" in again.stderr
    assert "out of date" not in modelwright(theirs, "status", "notes").stdout


def test_what_must_read_the_source_again_ends_and_leaves_the_rows(team: Path) -> None:
    theirs = clone(team, "theirs-edited")
    typed(theirs, commands("Sharing data")[1][0], team / "remote")
    params = (theirs / "params.yaml").read_text()
    for edited, force in ((params.replace("target: kind", "target: colour"), ()), (params, ("--force",))):
        (theirs / "params.yaml").write_text(edited)
        done = modelwright(theirs, "run", "notes", "--plain", "--to", "ingest", *force, check=False)
        assert done.returncode == 2
        assert "notes.csv: there is no such file or folder" in done.stderr
    (theirs / "params.yaml").write_text(params)
    done = modelwright(theirs, "run", "notes", "--plain", "--to", "evaluate", "--json")
    assert {stage["outcome"] for stage in json.loads(done.stdout)["stages"]} == {"unchanged"}


def test_an_earlier_commit_comes_back_though_a_pipeline_never_ran(team: Path) -> None:
    theirs = clone(team, "theirs-earlier")
    typed(theirs, commands("Sharing data")[1][1], team / "remote")
    before = (theirs / "reports" / "notes" / "metrics.json").read_bytes()
    (theirs / "reports" / "notes" / "metrics.json").unlink()
    line = "git checkout COMMIT && dvc checkout --allow-missing"
    assert line in " ".join(PAGE.split())
    typed(theirs, line.replace("COMMIT", "HEAD"), team / "remote")
    assert (theirs / "reports" / "notes" / "metrics.json").read_bytes() == before


@pytest.mark.long
def test_an_experiment_takes_a_setting_that_the_block_leaves_out_and_has_its_metrics(team: Path) -> None:
    theirs = clone(team, "theirs-experiment")
    for name, value in (("user.name", "me"), ("user.email", "me@example.org")):
        command(theirs, "git", "config", name, value)
    typed(theirs, commands("Sharing data")[1][0], team / "remote")
    documented = commands("Experiments")[0][0]
    assert documented == "dvc exp run -S ++pipelines.digits.train.learning_rate=0.01 evaluate@digits"
    typed(
        theirs,
        documented.replace("digits", "notes").replace("train.learning_rate=0.01", "train.estimator.C=0.25"),
        team / "remote",
    )
    assert "C: 0.25" in (theirs / "params.yaml").read_text()
    newest = trainings(Project(root=theirs), "notes")[0]
    metrics = json.loads((theirs / "reports" / "notes" / "metrics.json").read_text())
    assert {name: newest.metrics[f"test_{name}"] for name in metrics} == metrics
    assert (newest.params["estimator.C"], newest.params["normalize.text.min_documents"]) == ("0.25", "1")
    assert newest.name == "estimator.C 1.0 -> 0.25"


def test_the_page_of_plots_needs_no_network(team: Path) -> None:
    mine = team / "mine"
    assert "`dvc plots show reports/P/plots`" in PAGE
    typed(mine, "dvc plots show reports/P/plots", team / "remote")
    page = (mine / "dvc_plots" / "index.html").read_text()
    assert "<img" in page
    assert "<script" not in page
    assert "http" not in page
