"""The log: whose a line is, no noise, nothing that a terminal obeys, and files that do not grow for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.operating import output
from tasks.operating.output import is_noise, last_lines, to_file, to_screen


def test_a_line_has_its_time_and_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say = to_screen()
    say("mlflow", "started")
    say("schedule", "a\x1b[2Jb")
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d mlflow   \| started", first)
    assert second.endswith(r"schedule | a\x1b[2Jb")


def test_a_log_file_is_set_aside_as_it_grows_and_the_last_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_LARGEST", 1000)
    log = tmp_path / "folder" / "log"
    say = to_file(log)
    for number in range(200):
        say("up", f"line {number}")
    kept = sorted(file.name for file in log.parent.iterdir())
    assert kept == ["log", "log.1", "log.2", "log.3"]
    assert all(file.stat().st_size <= 1000 for file in log.parent.iterdir())
    assert last_lines(log, 1).endswith("| line 199")
    assert last_lines(tmp_path / "none", 3) == ""


@pytest.mark.parametrize(
    ("line", "noise"),
    [("", True), ("   ", True), ("INFO: started", True), ("an INFO: started", True), ("ERROR: started", False)],
)
def test_noise_is_empty_lines_and_known_texts(line: str, noise: bool) -> None:
    assert is_noise(line, ("INFO: ",)) is noise
