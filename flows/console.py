"""The flow started by hand: on the configured Prefect server or a temporary one, with none of Prefect on screen."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flows.server import Server, temporary_server, wait_until_ready
from flows.settings import check_settings, use_running_server
from tasks.memo.chain import StageResult, announced, stages_between
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

QUIET_LOGGERS = (
    # The runs' own say is for their page on the server, and the command shows the same in its words.
    "prefect.flow_runs",
    "prefect.task_runs",
    # It calls it a warning that something is left to send at the end, which `_handing_over` waits for.
    "EventsWorker",
    # Pages about a server that is gone, or restarts: the command says it in a line.
    "prefect.events.clients",
    "prefect._internal.concurrency",
    "prefect.FlowRunCancellingObserver",
    "prefect.FlowRunSuspendingObserver",
)
"""What of Prefect's own warnings is not for the console."""

RECORD_SECONDS = 10
"""How long a server may take to hear the rest of a run, and a temporary one to write it down."""


def run_training(
    pipeline: str, first: str | None = None, last: str | None = None, force: bool = False
) -> list[StageResult]:
    """The flow `training`, on the configured Prefect server, or on a temporary one where none is configured.

    Raises what a stage raises (the flow run is Failed then), UserError when the temporary server does not start, and
    the parameters' mistakes before anything is started.
    """
    num_stages = len(stages_between(first, last))
    # Before the server: a mistake in params.yaml is then told at once, and not after seconds.
    load_pipeline(Project(root=find_root()).params, pipeline)
    with announced("starting Prefect"), prefect_server() as temporary:
        import httpx

        from flows.connection import check_server
        from flows.processes import end_dead_runs
        from flows.training import training

        try:
            with quiet_console(), _handing_over():
                end_dead_runs()
                state = training(pipeline, first, last, force, return_state=True)
            if temporary:
                _finish(state, num_stages)
        except httpx.HTTPError:
            # Where the server went away in the middle, that is what there is to say.
            check_server()
            raise
        return state.result()


@contextmanager
def prefect_server() -> Iterator[Server | None]:
    """A Prefect server for what runs inside: that of the environment, of `modelwright up` or of the profile, in this
    order, else a temporary one.

    Yields the temporary one. It is started before Prefect is imported here, so that both import at the same time.
    Raises UserError when the configured one does not answer.
    """
    use_running_server(Project(root=find_root()))
    if os.environ.get("PREFECT_API_URL"):
        check_settings()
        from flows.connection import check_server

        check_server()
        yield None
        return
    with temporary_server() as server:
        check_settings()
        from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        if PREFECT_API_URL.value():
            from flows.connection import check_server

            check_server()
            yield None
            return
        import prefect.main  # noqa: F401 - while the server starts

        wait_until_ready(server)
        # Nothing on a temporary server heeds heartbeats, and their thread ends up to a second late.
        with temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield server


@contextmanager
def _handing_over() -> Iterator[None]:
    """At its end, however that comes about, the server has been told all about the run, or does not answer.

    Prefect would do it at the end of Python: a temporary server is gone by then, and it tries for minutes.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    try:
        yield
    finally:
        for worker in (APILogWorker, EventsWorker):
            worker.drain_all(timeout=RECORD_SECONDS)


def _finish(state: State[Any], num_stages: int) -> None:
    """Returns when the temporary server has written down what this run told it: it forgets the rest when it stops."""
    deadline = time.monotonic() + RECORD_SECONDS
    while not _is_recorded(state, num_stages) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_recorded(state: State[Any], num_stages: int) -> bool:
    """Whether the server shows the task runs of all stages as completed, or one as failed: no other comes after that.

    Task runs reach the database through events, a moment after the flow run, which the client writes itself.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    flow_run = state.state_details.flow_run_id
    assert flow_run is not None
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
    ends = [run.state.is_completed() for run in runs if run.state and run.state.is_final()]
    return ends.count(True) == num_stages or not all(ends)


def _for_console(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING and not record.name.startswith(QUIET_LOGGERS)


@contextmanager
def quiet_console() -> Iterator[None]:
    """Keeps Prefect's account of the run off the console: other warnings still show, and the server gets everything."""
    from prefect.logging.handlers import PrefectConsoleHandler

    root = logging.getLogger().handlers
    handlers: list[logging.Handler] = [handler for handler in root if isinstance(handler, PrefectConsoleHandler)]
    # It has one of its own.
    handlers += logging.getLogger("prefect._internal").handlers
    shows_failures = logging.raiseExceptions
    for handler in handlers:
        handler.addFilter(_for_console)
    # Else it is printed past all handlers that a server is gone, once for each handful of lines.
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = shows_failures
        for handler in handlers:
            handler.removeFilter(_for_console)
