"""`modelwright tune` where there are no folds, where nothing fits, and where MLflow does not answer."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.command.cli import main
from tasks.paths import Project
from tasks.tracking.tunings import tracked_trials
from tests.tuning.searches import project_of, sums

pytestmark = pytest.mark.chain

PARAMS = """\
pipelines:
  newest:
    ingest: {source: {kind: table, path: newest.csv}, target: answer, columns: {day: {role: time}, fold: {role: split}}}
    validate: {}
    split: {kind: time}
    clean: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: ridge}}
    evaluate: {}
    register: {metric: rmse}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    when = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2025, 1, 1), "1d", eager=True)[:300]
    rows = sums(300).with_columns(day=when, fold=pl.Series(["train"] * 255 + ["test"] * 45))
    return project_of(tmp_path_factory.mktemp("time"), PARAMS, empty_store, newest=rows)


@pytest.fixture(autouse=True)
def params(project: Project) -> Any:
    project.params.write_text(PARAMS)
    yield
    project.params.write_text(PARAMS)


def called(project: Project, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `modelwright tune newest`."""
    printed, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(project.root),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(errors),
    ):
        code = main(["tune", "newest", *arguments])
    return code, printed.getvalue(), errors.getvalue()


@pytest.mark.parametrize("split", ["{kind: given, column: fold, validation_by: time}", "{kind: time}"])
def test_in_time_the_newest_rows_before_the_tests_are_judged_on(project: Project, split: str) -> None:
    project.params.write_text(PARAMS.replace("split: {kind: time}", f"split: {split}"))
    code, printed, errors = called(project, "--trials", "4", "--json", "--fresh")
    assert code == 0, errors
    content = json.loads(printed)
    assert content["folds"] == 1
    assert (content["nested"], content["optimism"]) == (None, None)
    assert content["counts"] == {"finished": 4}, "nothing is given up on one fold"
    paths = project.pipeline("newest")
    (rows,) = paths.tuning.glob("rows-*")

    def days(part: str) -> pl.Series:
        return pl.read_parquet(rows / "0" / "clean" / part / "*.parquet")["day"]

    tests = pl.read_csv(project.root / "newest.csv", try_parse_dates=True)["day"][-45:]
    assert days("train").max() < days("validation").min() < days("validation").max() < days("test").min()
    assert days("test").max() < tests.dt.replace_time_zone(days("test").dtype.time_zone).min()  # type: ignore[attr-defined]
    code, printed, _ = called(project, "--trials", "4")
    assert "4 trials on the newest " in printed
    assert "how much the search flatters it cannot be told" in printed


def test_a_server_that_is_down_costs_a_warning_and_no_trial(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, printed, errors = called(project, "--trials", "3", "--fresh", "--json")
    assert code == 0, errors
    assert len(json.loads(printed)["trials"]) == 3
    assert len([record for record in caplog.records if "nothing is lost" in record.message]) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    before = len(tracked_trials(project, "newest", "rmse"))
    assert called(project, "--trials", "3")[0] == 0
    assert len(tracked_trials(project, "newest", "rmse")) == before + 3, "the next one tells what was missing"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "metric: rmse",
            "metric: roc_auc",
            "register.metric roc_auc is not for a number; known are mae, r2, rmse",
        ),
        (
            "kind: ridge}}",
            "kind: ridge}}\n    tune: {train.estimator.alpha: [5, 1]}",
            "tune.train.estimator.alpha: the bounds 5 and 1 leave nothing between them; write [1, 5]",
        ),
        (
            "kind: ridge}}",
            "kind: import, path: sklearn.linear_model.Ridge, settings: {alpha: 1.0}}}",
            "import has no search space of its own; say what to try",
        ),
        ("seed", "seed", "--trials 0: give 1 or more, or leave it out"),
    ],
)
def test_a_mistake_is_one_message_and_exit_2(project: Project, old: str, new: str, words: str) -> None:
    project.params.write_text(PARAMS.replace(old, new))
    arguments = ["--trials", "0"] if "trials" in words else ["--trials", "1", "--fresh"]
    code, _, errors = called(project, *arguments)
    assert code == 2
    assert words in errors
    assert len(errors.strip().splitlines()) == 1


def test_other_ranges_and_other_rows_are_another_search(project: Project) -> None:
    assert called(project, "--trials", "1", "--fresh")[0] == 0
    project.params.write_text(PARAMS.replace("kind: ridge}}", "kind: ridge}}\n    tune: {train.seed: [0, 5]}"))
    code, _, errors = called(project, "--trials", "1")
    assert code == 2
    assert "are of another search (settings and search space differ)" in errors
    project.params.write_text(PARAMS.replace("clean: {}", "clean: {duplicates: keep}"))
    code, _, errors = called(project, "--trials", "1")
    assert "are of another search (rows differ)" in errors
    project.params.write_text(PARAMS)
    assert called(project, "--trials", "1")[0] == 0, "what was there is there still"


def test_ranges_of_which_no_trial_fits_are_told(project: Project) -> None:
    bad = "kind: lightgbm, max_depth: 2}\n    tune: {train.num_leaves: [50, 60]}"
    project.params.write_text(PARAMS.replace("kind: sklearn, estimator: {kind: ridge}}", bad))
    code, _, errors = called(project, "--trials", "2", "--fresh")
    assert code == 2
    assert "all 2 trials were refused, the first with {'train.num_leaves': 5" in errors
    assert "do not fit max_depth 2" in errors
    assert "correct the ranges" in errors
