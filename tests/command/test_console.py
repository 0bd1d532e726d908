from __future__ import annotations

from pathlib import Path

import pytest

from tasks.command.console import show_checks, show_run, show_status
from tasks.memo.chain import StageResult
from tasks.paths import Project
from tasks.reports import Report
from tests.small_tables import pipeline_in

ODD = "ingest.source.path data/[ab]*.csv -> [/x]"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    answer = capsys.readouterr()
    assert answer.err == ""
    return [line.rstrip() for line in answer.out.splitlines()]


def result(stage: str, figure: str, why: tuple[str, ...] = ()) -> StageResult:
    outcome = "ran" if why else "unchanged"
    return StageResult(stage=stage, outcome=outcome, seconds=1.25, why=why, report=Report(stage=stage, figure=figure))


def test_what_a_stage_says_of_a_cell_is_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    reason = "source.path \x1b[31ma.csv -> \x9b2Jb.csv"
    show_run([result("ingest", "class '\x1b[1m'", (reason,))], None, pipeline_in(tmp_path))
    show_status("p", {"ingest": (reason,)})
    show_checks([("params", reason, reason)])
    printed = "\n".join(lines(capsys))
    assert not {sign for sign in printed if not sign.isprintable()} - {"\n"}
    assert printed.count(r"\x1b[31ma.csv -> \x9b2Jb.csv") == 4


def test_a_run_is_a_line_a_stage_and_the_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    results = [result("ingest", "1,797 rows"), result("train", "30 epochs", ("never ran",))]
    show_run(results, {"name": "digits", "version": 3, "aliases": []}, pipeline_in(tmp_path))
    printed = lines(capsys)
    assert printed[0].split() == ["stage", "outcome", "seconds", "why"]
    assert printed[1].split() == ["ingest", "unchanged", "1.2", "1,797", "rows"]
    assert printed[2].split() == ["train", "ran", "1.2", "30", "epochs", "never", "ran"]
    assert printed[4] == "digits version 3 (no alias)"
    assert printed[5] == "  report  reports/p/report.html"


def test_what_is_to_be_started_and_the_page_stand_under_each_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    name = "complaints-of-the-year"
    show_run(
        [result("ingest", "1 row")], {"name": name, "version": 3, "aliases": []}, Project(root=tmp_path).pipeline(name)
    )
    models, runs = lines(capsys)[-2:]
    assert models.split()[:4] == ["models", "modelwright", "ui", name]
    assert models.index("http://") == runs.index("http://")


def test_without_a_model_there_is_only_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    show_run([result("ingest", "1 row")], None, pipeline_in(tmp_path))
    assert len(lines(capsys)) == 2


def test_status_says_what_is_out_of_date_and_what_may_follow(capsys: pytest.CaptureFixture[str]) -> None:
    show_status("digits", {"ingest": (), "train": ("train.epochs 30 -> 40", "models is missing"), "evaluate": ()})
    assert lines(capsys) == [
        "digits",
        "  ingest     up to date",
        "  train      out of date  train.epochs 30 -> 40; models is missing",
        "  evaluate   may follow   from train",
    ]


def test_checks_come_with_their_cure(capsys: pytest.CaptureFixture[str]) -> None:
    show_checks([("python", "3.11.7", None), ("disk", "0.1 GiB free", "make room")])
    assert lines(capsys) == [
        "ok   python         3.11.7",
        "mend disk           0.1 GiB free",
        "                    -> make room",
    ]


def test_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """They are markup to rich: a glob would vanish, and a slash in them would be an error."""
    show_run([result("ingest", ODD, (ODD,))], None, pipeline_in(tmp_path))
    assert lines(capsys)[1].count(ODD) == 2
    show_status("digits", {"ingest": (ODD,)})
    assert lines(capsys)[1].endswith(ODD)
    show_checks([("tracking", ODD, ODD)])
    assert [line.endswith(ODD) for line in lines(capsys)] == [True, True]
