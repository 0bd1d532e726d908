"""Outages of Prefect's server, over a link that is cut: the scheduler and runs at work outlive them, each run once."""

from __future__ import annotations

import asyncio
import os
import runpy
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest
from prefect import flow
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Pending

from flows import outages, run_process
from flows.outages import away_sentence, outlive_outages, wait_for_server
from flows.processes import HOST, PROCESS
from tasks.errors import UserError
from tests.flows.commands import output_of, until
from tests.flows.test_scheduler import begin, project, scheduling, state_of, taken
from tests.soak.operation.link import Link

__all__ = ["project"]

OUTLIVED = "tiny/outlived"


@pytest.fixture
def link(server: dict[str, str]) -> Iterator[Link]:
    """Between the processes of a test and the server, which the test itself asks directly."""
    with Link(lambda: urlsplit(server["PREFECT_API_URL"]).port or 0).running() as link:
        yield link


@pytest.mark.chain
def test_runs_at_work_and_runs_that_begin_outlive_an_outage(project: Path, server: dict[str, str], link: Link) -> None:
    # Prefect's own patience is cut short, so that a short outage is longer.
    own = {"PREFECT_API_URL": f"{link.address}/api", "PREFECT_CLIENT_MAX_RETRIES": "1"}
    environment = {**server, **own, "PREFECT_RUNNER_POLL_FREQUENCY": "1", "PREFECT_API_REQUEST_TIMEOUT": "3"}
    # A deployment that no other test on this server has runs of.
    (project / "prefect.yaml").write_text((project / "prefect.yaml").read_text().replace("often", "outlived"))
    with get_client(sync_client=True) as client, scheduling(project, environment, OUTLIVED) as scheduler:
        at_work = begin(client, project, OUTLIVED)
        link.become("cut")
        said = f"{away_sentence()}; runs at work go on\n"
        until(lambda: said in output_of(project).read_text())
        # It ends while nobody can be told.
        (project / "go").touch()
        time.sleep(4)
        assert (scheduler.poll(), state_of(client, at_work)) == (None, "Running")
        link.become("whole")
        until(lambda: state_of(client, at_work) == "Completed")
        until(lambda: "Prefect's server answers again, after " in output_of(project).read_text())
        assert taken(client, OUTLIVED) == 0

        beginning = begin_without_server(client, project, link, scheduler.pid)
        link.become("whole")
        until(lambda: state_of(client, beginning) == "Completed")
        until(lambda: taken(client, OUTLIVED) == 0)
        output = output_of(project).read_text()
        # Once an outage; the scheduler may not have looked in the second one, which is short.
        assert output.count(said) in (1, 2)
        assert output.count(f"{away_sentence()}\n") == 1
        assert output.count("Beginning flow run") == 2
        assert "Warning" not in output
        assert "Traceback" not in output
        assert scheduler.poll() is None


def begin_without_server(client: SyncPrefectClient, project: Path, link: Link, scheduler: int) -> FlowRun:
    """A run whose process starts and finds no server; it says that it waits."""

    def is_starting() -> bool:
        for each in psutil.Process(scheduler).children():
            with suppress(psutil.NoSuchProcess):
                if "flows.run_process" in each.cmdline():
                    return True
        return False

    # That of the run before ends some seconds after its run.
    until(lambda: not is_starting())
    run = client.create_flow_run_from_deployment(client.read_deployment_by_name(OUTLIVED).id)
    until(is_starting)
    link.become("cut")
    until(lambda: f"{away_sentence()}\n" in output_of(project).read_text())
    return run


@contextmanager
def answering(statuses: list[int]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers with these statuses in turn, and with 200 once they are over; and what it was asked."""
    from http.server import BaseHTTPRequestHandler

    from tests.web import listening

    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as address:
        yield address, asked


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within it this process outlives outages, and Prefect's own client asks once more, after some two seconds."""
    monkeypatch.setattr(outages, "_FIRST_PAUSE", 0.01)
    for client in (PrefectHttpxSyncClient, PrefectHttpxAsyncClient):
        monkeypatch.setattr(client, "send", client.send)
    outlive_outages()


@pytest.mark.usefixtures("patient")
def test_a_server_that_cannot_work_now_is_asked_again_and_one_that_refuses_is_not() -> None:
    with answering([500, 500, 500]) as (address, asked), PrefectHttpxSyncClient(base_url=address) as client:
        assert client.get("/work").status_code == 200
        assert len(asked) == 4
    with answering([404]) as (address, asked), PrefectHttpxSyncClient(base_url=address) as client:
        with pytest.raises(httpx.HTTPStatusError):
            client.get("/work")
        assert len(asked) == 1


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_new_client_waits_for_a_server_that_comes(is_async: bool) -> None:
    with answering([]) as (address, asked), Link(lambda: urlsplit(address).port or 0).running() as link:
        link.become("cut")
        threading.Timer(0.5, link.become, ["whole"]).start()
        began = time.monotonic()
        assert (asyncio.run(status_of(link.address)) if is_async else status(link.address)) == 200
        assert time.monotonic() - began > 0.4
        assert len(asked) == 1


def status(address: str) -> int:
    with PrefectHttpxSyncClient(base_url=address) as client:
        return client.get("/work").status_code


async def status_of(address: str) -> int:
    async with PrefectHttpxAsyncClient(base_url=address) as client:
        return (await client.get("/work")).status_code


@pytest.mark.usefixtures("patient")
def test_whoever_only_looks_is_answered_at_once_and_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    # Much longer than a test may take.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), pytest.raises(httpx.ConnectError):
        status("http://127.0.0.1:1")
    monkeypatch.setattr(outages, "LONGEST_OUTAGE", 0.1)
    with pytest.raises(httpx.ConnectError):
        status("http://127.0.0.1:1")


@pytest.mark.parametrize(("num_misses", "sentences"), [(0, 0), (3, 2)])
def test_a_wait_is_told_when_it_begins_and_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch, num_misses: int, sentences: int
) -> None:
    left, told = [UserError("nothing listens there")] * num_misses, list[str]()

    def check_server(*, needed: bool) -> None:
        if needed and left:
            raise left.pop()

    monkeypatch.setattr(outages, "check_server", check_server)
    monkeypatch.setattr(outages, "_FIRST_PAUSE", 0.01)
    wait_for_server(told.append)
    assert told == [away_sentence(), "Prefect's server answers again, after 0 s"][:sentences]
    monkeypatch.setattr(outages, "LONGEST_OUTAGE", 0.1)
    left += [UserError("nothing listens there")] * 1000
    with pytest.raises(UserError, match="nothing listens there"):
        wait_for_server(told.append)
    assert len(left) > 900


def test_a_run_says_who_runs_it_before_the_engine_begins(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it imports, it is known for dead by its process, and not by the minutes that it takes to begin."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(flow(lambda: None, name="begins"), state=Pending())
        labels: dict[str, object] = {}

        def engine(module: str, **_: object) -> None:
            labels.update(client.read_flow_run(run.id).labels, module=module)

        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(run.id))
        monkeypatch.setattr(run_process, "outlive_outages", lambda: None)
        monkeypatch.setattr(run_process, "_outlive_lease", lambda: None)
        monkeypatch.setattr(run_process, "_QUIET_LOGGERS", ())
        monkeypatch.setattr(runpy, "run_module", engine)
        run_process.main()
    assert (labels["module"], labels[HOST], labels[PROCESS]) == ("prefect.engine", socket.gethostname(), os.getpid())


def test_a_run_goes_on_without_the_lease_that_the_server_has_given_away(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow_engine
    from prefect._internal.concurrency.cancellation import CancelledError
    from prefect.concurrency import _leases

    from flows.run_process import _outlive_lease

    monkeypatch.setattr(_leases, "_RENEWAL_MAX_ATTEMPTS", 1)
    monkeypatch.setattr(flow_engine, "maintain_concurrency_lease", flow_engine.maintain_concurrency_lease)

    def work() -> str:
        """What a flow does that holds a lease which the server does not know."""
        with flow_engine.maintain_concurrency_lease(uuid4(), 300, raise_on_lease_renewal_failure=True):
            until(lambda: not any("lease-renewal" in thread.name for thread in threading.enumerate()))
            return "done"

    with pytest.raises(CancelledError):
        work()
    _outlive_lease()
    assert work() == "done"
