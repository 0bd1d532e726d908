"""Which process runs a flow run: written down when it begins, so that runs of dead processes can be ended.

Prefect itself ends no run whose process was killed: it shows as running for good, and keeps its deployment's
concurrency slot, for which the next run on schedule waits.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psutil
from prefect import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from flows.gpu_slots import free_slots_of
from tasks.environment import is_alive

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

HOST, PROCESS, BORN = "modelwright.host", "modelwright.process", "modelwright.born"
"""Labels of a flow run: the machine, the process's number there, and when it began, in seconds since 1970."""

_STARTING = timedelta(minutes=5)
"""How long a run may take from Prefect's word to begin to the first line of the flow: as long as Prefect itself grants
a run that has not begun its concurrency slot."""

_UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]

_MESSAGE = "Its process is dead: it was killed, or its machine went down."


def record_process(flow_run: UUID) -> None:
    """Writes down that this process runs the flow run, or is about to start the one that does."""
    process = psutil.Process()
    labels = {HOST: socket.gethostname(), PROCESS: process.pid, BORN: process.create_time()}
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(flow_run, labels)


def end_dead_runs(deployments: Collection[UUID] = ()) -> list[str]:
    """Ends runs whose processes are dead as crashed, which frees their concurrency slots, those of graphics cards
    among them. Returns their names.

    A run of another machine is left alone: nobody here can tell whether it lives. `deployments` are those that this
    machine serves: of their runs, also those end that were killed before they began.
    """
    states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY)))
    ended, living = [], set()
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=states):
            if _is_dead(run) or (run.deployment_id in deployments and _never_began(run)):
                client.set_flow_run_state(run.id, Crashed(message=_MESSAGE))
                free_slots_of(client, run)
                ended.append(run.name)
            else:
                living.add(run.deployment_id)
        for deployment in set(deployments) - living:
            _free_slots(client, deployment)
    return ended


def _free_slots(client: SyncPrefectClient, deployment: UUID) -> None:
    """Frees what a deployment without runs still holds, as after somebody deleted a run that showed as running."""
    limit = client.read_deployment(deployment).global_concurrency_limit
    if limit and limit.active_slots:
        client.update_global_concurrency_limit(limit.name, GlobalConcurrencyLimitUpdate(active_slots=0))


def _is_dead(run: FlowRun) -> bool:
    """Whether the process that runs it was one of this machine, and is gone."""
    labels: Mapping[str, Any] = run.labels
    return labels.get(HOST) == socket.gethostname() and not is_alive(int(labels[PROCESS]), float(labels[BORN]))


def _never_began(run: FlowRun) -> bool:
    """Whether its process was killed before it could say who it is."""
    state = run.state
    return state is not None and state.is_pending() and datetime.now(UTC) - state.timestamp > _STARTING
