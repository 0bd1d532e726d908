"""What an outage stopped is done again by a run on schedule, and by no other; a mistake, and a gate, never."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect import flow
from prefect.client.schemas.objects import State

from flows import retries
from flows.training import run_stages
from tasks.errors import GateError, UnreachableError, UserError
from tasks.memo.chain import StageResult
from tasks.reports import Report

pytestmark = pytest.mark.chain

AWAY = UnreachableError("http://127.0.0.1:9: the tracking store cannot be used (no connection)")


@pytest.fixture
def scheduled(server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries, "deployment", SimpleNamespace(id="nightly"))
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.01)


def ending(*errors: Exception) -> tuple[State[list[StageResult]], list[str]]:
    """How a run of the stages ingest and register ends whose register raises these, one a try; and what was tried."""
    left, tried = list(errors), []

    def run(stage: str) -> StageResult:
        tried.append(stage)
        if stage == "register" and left:
            raise left.pop(0)
        return StageResult(stage=stage, outcome="ran", seconds=0.0, why=(), report=Report(stage=stage, figure=""))

    @flow(name="retried")
    def retried() -> list[StageResult]:
        results: list[StageResult] = []
        run_stages(("ingest", "register"), run, results)
        return results

    return retried(return_state=True), tried


@pytest.mark.usefixtures("scheduled")
def test_an_outage_is_outlived_and_each_try_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    state, tried = ending(AWAY, AWAY)
    assert state.is_completed()
    assert tried == ["ingest", "register", "register", "register"]
    assert [result.stage for result in state.result()] == ["ingest", "register"]
    lines = [record.getMessage() for record in caplog.records if "Retry" in record.getMessage()]
    assert [line.partition(" - ")[2].split(" will start")[0] for line in lines] == ["Retry 1/4", "Retry 2/4"]
    assert all("no connection" in line and "\n" not in line for line in lines)


@pytest.mark.usefixtures("scheduled")
@pytest.mark.parametrize("error", [UserError("a mistake"), GateError("no"), ZeroDivisionError("a bug")])
def test_what_another_try_cannot_mend_is_not_tried_again(error: Exception) -> None:
    state, tried = ending(error)
    assert state.is_failed()
    assert state.result(raise_on_failure=False) is error
    assert tried == ["ingest", "register"]


@pytest.mark.usefixtures("scheduled")
def test_tries_end() -> None:
    state, tried = ending(*[AWAY] * 9)
    assert state.is_failed()
    assert tried.count("register") == 1 + retries.NUM_RETRIES


def test_who_waits_at_a_terminal_is_told_at_once(server: dict[str, str]) -> None:
    state, tried = ending(AWAY)
    assert state.is_failed()
    assert tried == ["ingest", "register"]
