"""What a run on schedule leaves in its log of a mistake is its sentence, and of a bug the traceback."""

from __future__ import annotations

import logging

import pytest
from prefect import flow

from flows.mistakes import log_mistakes_as_sentences
from flows.training import run_stages
from tasks.errors import GateError, UserError
from tasks.memo.chain import StageResult

pytestmark = pytest.mark.chain


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("error", "num_tracebacks"), [(UserError("a.csv is not there"), 0), (GateError("too few"), 0), (KeyError("bug"), 2)]
)
def test_a_mistake_has_no_traceback_in_the_log(
    error: Exception, num_tracebacks: int, caplog: pytest.LogCaptureFixture
) -> None:
    def run(stage: str) -> StageResult:
        raise error

    @flow(name="mistaken")
    def mistaken() -> None:
        log_mistakes_as_sentences()
        log_mistakes_as_sentences()
        run_stages(("ingest",), run, [])

    assert mistaken(return_state=True).is_failed()
    # Once by the task, once by the flow.
    assert (
        sum(record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR)
        == num_tracebacks
    )
    assert sum(repr(error) in record.getMessage() for record in caplog.records) >= 2


@pytest.mark.parametrize(("error", "is_left_out"), [(UserError("a.csv is not there"), True), (KeyError("bug"), False)])
def test_what_prefect_says_a_second_time_is_left_out(error: Exception, is_left_out: bool) -> None:
    log_mistakes_as_sentences()
    log = logging.getLogger("prefect.flow_runs")
    message = "Engine execution exited with unexpected exception"
    record = log.makeRecord(log.name, logging.ERROR, "engine.py", 1, message, (), (type(error), error, None))
    assert (not log.filter(record)) is is_left_out
