"""`modelwright schedule` on a real server: runs run, and whatever kills or stops it holds nobody up afterwards."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running, Scheduled

from flows import scheduler
from flows.missed_runs import MISSED
from flows.processes import BORN, HOST, PROCESS
from tasks.errors import Terminated, UserError
from tests.flows.commands import in_session, output_of, process, until

FLOW = """
import time
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.processes import record_process

@flow(name="tiny")
def tiny(pipeline: str) -> None:
    record_process(flow_run.id)
    Path(pipeline).touch()
    while not Path("go").exists():
        time.sleep(0.1)
"""

DEPLOYMENTS = """
deployments:
  - name: often
    entrypoint: tiny.py:tiny
    parameters: {pipeline: begun}
    schedules:
      - {cron: "0 HOUR * * *", slug: often}
    concurrency_limit: 1
    work_pool: {name: modelwright}
"""


PAUSING = [sys.executable, "-m", "flows.removed_schedules"]


@pytest.fixture
def project(server: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """A project whose one deployment begins, and ends when there is a file `go`; by itself in half a day."""
    (tmp_path / "params.yaml").touch()
    hour = (datetime.now(UTC).hour + 12) % 24
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENTS.replace("HOUR", str(hour)))
    (tmp_path / "tiny.py").write_text(FLOW)
    with temporary_settings({PREFECT_API_URL: server["PREFECT_API_URL"]}):
        yield tmp_path


@contextmanager
def scheduling(
    project: Path, environment: dict[str, str], deployment: str = "tiny/often"
) -> Iterator[subprocess.Popen[str]]:
    output_of(project).unlink(missing_ok=True)
    with process([sys.executable, "-m", "tasks.command.cli", "schedule"], project, environment) as started:
        until(lambda: f"serving {deployment}" in output_of(project).read_text() or started.poll() is not None)
        yield started


def begin(client: SyncPrefectClient, project: Path, name: str = "tiny/often") -> FlowRun:
    """A run that is at work."""
    (project / "begun").unlink(missing_ok=True)
    deployment = client.read_deployment_by_name(name)
    run = client.create_flow_run_from_deployment(deployment.id)
    until((project / "begun").exists)
    return run


def state_of(client: SyncPrefectClient, run: FlowRun) -> str:
    state = client.read_flow_run(run.id).state
    assert state is not None
    return state.name


def killed_at_work(client: SyncPrefectClient, project: Path, server: dict[str, str]) -> FlowRun:
    """A run that was at work when the scheduler and all that it had started were killed: as in a power cut."""
    with scheduling(project, server) as first:
        killed = begin(client, project)
        for each in in_session(first.pid):
            each.kill()
    return killed


def taken(client: SyncPrefectClient, name: str = "tiny/often") -> float:
    limit = client.read_deployment_by_name(name).global_concurrency_limit
    assert limit is not None
    return limit.active_slots


@pytest.mark.chain
def test_a_killed_scheduler_holds_up_no_later_run(project: Path, server: dict[str, str]) -> None:
    with get_client(sync_client=True) as client:
        killed = killed_at_work(client, project, server)
        assert (state_of(client, killed), taken(client)) == ("Running", 1)
        other = client.create_flow_run_from_deployment(killed.deployment_id, name="other", state=Running())
        client.update_flow_run_labels(other.id, {HOST: "elsewhere", PROCESS: 1, BORN: 1.0})

        with scheduling(project, server):
            assert f"run {killed.name}: its process is dead; ended as crashed" in output_of(project).read_text()
            assert (state_of(client, killed), taken(client)) == ("Crashed", 0)
            # Of another machine: it may be at work.
            assert state_of(client, other) == "Running"
            (project / "go").touch()
            later = begin(client, project)
            until(lambda: state_of(client, later) == "Completed")
            # Prefect's scheduler, and with it every night's run, fails on some versions of SQLAlchemy.
            until(lambda: [each for each in client.read_flow_runs() if each.auto_scheduled])
        client.delete_flow_run(other.id)


@pytest.mark.chain
def test_a_run_whose_scheduler_is_killed_before_its_process_begins_is_ended_at_the_next_start(
    project: Path, server: dict[str, str]
) -> None:
    with get_client(sync_client=True) as client:
        with scheduling(project, server) as first:
            run = client.create_flow_run_from_deployment(client.read_deployment_by_name("tiny/often").id)
            until(lambda: state_of(client, run) != "Scheduled")
            for each in in_session(first.pid):
                each.kill()
        assert not (project / "begun").exists()
        assert taken(client) == 1
        with scheduling(project, server):
            assert f"run {run.name}: its process is dead; ended as crashed" in output_of(project).read_text()
            assert (state_of(client, run), taken(client)) == ("Crashed", 0)


@pytest.mark.chain
def test_a_schedule_that_was_taken_out_meanwhile_is_paused(project: Path, server: dict[str, str]) -> None:
    """Of this project alone: a deployment of another folder, and one of a person's own, stay as they are."""
    with get_client(sync_client=True) as client:
        killed = killed_at_work(client, project, server)
        assert killed.deployment_id is not None
        flow = client.read_deployment(killed.deployment_id).flow_id
        elsewhere = client.create_deployment(flow, "elsewhere", path="/elsewhere", tags=["modelwright"], paused=False)
        own = client.create_deployment(flow, "own", path=str(project), paused=False)
        blocks = (project / "prefect.yaml").read_text()
        (project / "prefect.yaml").write_text(blocks.replace("name: often", "name: other"))
        with scheduling(project, server, "tiny/other"):
            line = "often: its schedule was taken out; its deployment is paused\n"
            assert output_of(project).read_text().count(line) == 1
            assert client.read_deployment(killed.deployment_id).paused
            assert not client.read_deployment_by_name("tiny/other").paused
            assert not client.read_deployment(elsewhere).paused
            assert not client.read_deployment(own).paused
        (project / "prefect.yaml").unlink()
        # `other` is left by the kill; there is nothing to serve any more.
        with scheduling(project, server) as last:
            assert last.wait(60) == 2
            assert "other: its schedule was taken out; its deployment is paused" in output_of(project).read_text()
        # Of what no scheduler serves, a process of `modelwright up` takes care.
        client.resume_deployment(killed.deployment_id)
        done = subprocess.run(PAUSING, cwd=project, env=server, capture_output=True, text=True, check=True)
        assert done.stdout == "often: its schedule was taken out; its deployment is paused\n"
        assert client.read_deployment(killed.deployment_id).paused
        for made in (elsewhere, own):
            client.delete_deployment(made)


@pytest.mark.chain
def test_of_a_folder_that_is_gone_from_this_machine_nothing_is_scheduled(project: Path, server: dict[str, str]) -> None:
    """As that of a project that was moved: what it no longer has stands at the server with its old place."""
    (project / "there").mkdir()
    places = {
        "gone": project / "gone",
        "there": project / "there",
        "never": project / "gone",
        "other": project / "gone",
    }
    hosts = {"gone": socket.gethostname(), "there": socket.gethostname(), "other": "elsewhere"}
    begun, tomorrow = [], datetime.now(UTC) + timedelta(days=1)
    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("moved")
        made = {
            name: client.create_deployment(flow, name, path=str(place), tags=["modelwright"], paused=False)
            for name, place in places.items()
        }
        for name, host in hosts.items():
            run = client.create_flow_run_from_deployment(made[name], state=Running())
            client.update_flow_run_labels(run.id, {HOST: host, PROCESS: 1, BORN: 1.0})
            begun.append(run.id)
            for _ in range(25):  # as a schedule has them: they have not begun, and say no machine
                client.create_flow_run_from_deployment(made[name], state=Scheduled(scheduled_time=tomorrow))
        done = subprocess.run(PAUSING, cwd=project, env=server, capture_output=True, text=True, check=True)
        assert "gone: its schedule was taken out; its deployment is paused" in done.stdout.splitlines()
        assert {name for name, one in made.items() if client.read_deployment(one).paused} == {"gone"}
        for one in made.values():
            client.delete_deployment(one)
        for run_id in begun:
            client.delete_flow_run(run_id)


@pytest.mark.chain
def test_a_slot_of_a_run_that_was_deleted_is_freed(project: Path, server: dict[str, str]) -> None:
    with get_client(sync_client=True) as client:
        killed = killed_at_work(client, project, server)
        client.delete_flow_run(killed.id)
        with scheduling(project, server):
            assert taken(client) == 0
            # Not that of the test before.
            assert client.read_deployment_by_name("tiny/often").path == str(project)


@pytest.mark.chain
@pytest.mark.parametrize(("number", "to_group", "code"), [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)])
def test_a_signal_ends_scheduler_and_runs_with_one_line(
    project: Path, server: dict[str, str], number: signal.Signals, to_group: bool, code: int
) -> None:
    with get_client(sync_client=True) as client, scheduling(project, server) as scheduling_process:
        run = begin(client, project)
        until(lambda: state_of(client, run) == "Running")
        before = output_of(project).read_text()
        for _ in range(2):
            (os.killpg if to_group else os.kill)(scheduling_process.pid, number)
        assert scheduling_process.wait(90) == code
        printed = output_of(project).read_text().removeprefix(before)
        assert printed == "interrupted; what was done is kept, and the same command goes on from there\n"
        assert not in_session(scheduling_process.pid)
        assert (state_of(client, run), taken(client)) == ("Crashed", 0)
        assert client.read_deployment_by_name("tiny/often").paused


@pytest.mark.chain
def test_what_was_missed_runs_once_and_never_two_at_a_time(project: Path, server: dict[str, str]) -> None:
    """Of a schedule of each second, whose scheduler is killed while a run is at work, and started again."""
    cron = re.compile(r"\{cron: [^}]*}")
    often = cron.sub("{interval: 1, slug: often}", (project / "prefect.yaml").read_text())
    limit = "concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}"
    (project / "prefect.yaml").write_text(often.replace("concurrency_limit: 1", limit))
    with get_client(sync_client=True) as client:
        with scheduling(project, server) as first:
            until((project / "begun").exists)
            # What the server has made ahead is what will have been missed.
            until(lambda: any(run.auto_scheduled for run in runs_of_deployment(client, "Scheduled")))
            for each in in_session(first.pid):
                each.kill()
        (project / "begun").unlink()
        # Nothing was missed until one falls due that was not handed out before the kill, which is done seconds ahead.
        handed_out = runs_of_deployment(client, "Pending", "Running", "Cancelled")
        last = max(time for run in handed_out for time in (run.start_time, run.expected_start_time) if time)
        until(lambda: datetime.now(UTC) - last > timedelta(seconds=2))
        # The server is that of all tests, and other schedulers of this deployment were killed before.
        earlier = {run.id for run in runs_for_missed(client)}
        num_refused, num_completed = (len(runs_of_deployment(client, state)) for state in ("Cancelled", "Completed"))
        with scheduling(project, server):
            assert "often: a run fell due while nobody ran it; it runs now, once\n" in output_of(project).read_text()
            until((project / "begun").exists)
            assert len([run for run in runs_for_missed(client) if run.id not in earlier]) == 1
            until(lambda: len(runs_of_deployment(client, "Cancelled")) > num_refused)
            assert runs_of_deployment(client, "Missed")
            # The one that stands for them, or one that fell due in the same second.
            assert len(runs_of_deployment(client, "Running")) == 1
            (project / "go").touch()
            until(lambda: len(runs_of_deployment(client, "Completed")) > num_completed)


def runs_for_missed(client: SyncPrefectClient) -> list[FlowRun]:
    """The runs that stand for those that were missed."""
    return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[MISSED])))


def runs_of_deployment(client: SyncPrefectClient, *states: str) -> list[FlowRun]:
    """Its runs in one of these states. All of them would be too many for one answer: many are made ahead."""
    of_state = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=list(states))))
    of_deployment = DeploymentFilter(name=DeploymentFilterName(any_=["often"]))
    return client.read_flow_runs(flow_run_filter=of_state, deployment_filter=of_deployment)


def test_a_server_that_stays_away_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(scheduler, "LONGEST_OUTAGE", 0.05)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        reason = scheduler._reason_to_end(SimpleQueue(), set())
    assert isinstance(reason, UserError)
    assert "nothing listens there" in str(reason)


def test_a_signal_is_heard_at_once() -> None:
    signals: SimpleQueue[BaseException] = SimpleQueue()
    signals.put(Terminated())
    assert isinstance(scheduler._reason_to_end(signals, set()), Terminated)
