from __future__ import annotations

import io

import pytest

from tasks.memo.chain import announced


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_at_work_takes_the_place_of_what_was_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with announced("starting Prefect"), announced("ingest"):
        pass
    assert terminal.getvalue().split("\r\x1b[2K") == ["", "starting Prefect ...", "ingest ...", "", ""]


def test_a_file_is_told_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with announced("ingest"):
        pass
    assert capsys.readouterr().err == ""
