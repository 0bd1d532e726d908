"""Runs that fell due while nobody ran them: the scheduler or the machine was off. One run stands for all of them.

Prefect itself runs as many of them as its server had made ahead (three, or an hour's), one after another, and forgets
the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Scheduled

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import SCHEDULE_TYPES

MISSED = "missed"
"""The tag of a run that stands for those that were missed."""

_LAST_RUNS = 200
"""Of a deployment: more than a server makes ahead, which are 100 at most."""


def catch_up(deployments: Collection[UUID], now: datetime, days_of_runs: int | None) -> list[str]:
    """Has each deployment run once now that has missed runs since its last one. Returns their names.

    A deployment that has never run has missed what fell due since it was made. Nothing is made up for while a run is
    at work, nor what fell due more than `days_of_runs` ago, from when the server knows no run any more.
    """
    known = now - timedelta(days=days_of_runs) if days_of_runs is not None else datetime.min.replace(tzinfo=UTC)
    caught_up = []
    with get_client(sync_client=True) as client:
        for deployment in map(client.read_deployment, deployments):
            runs = [run for run in _last_runs(client, deployment) if _time_of(run) <= now]
            late = [run for run in runs if run.auto_scheduled and run.state and run.state.is_scheduled()]
            for run in late:
                message = f"It fell due while nobody ran it; a run with the tag {MISSED} stands for all such."
                client.set_flow_run_state(run.id, Cancelled(name="Missed", message=message))
            others = [run for run in runs if run not in late]
            if _is_to_run(deployment, others, known, now):
                # The key is for a server whose answer is lost: asked again, it makes no second one.
                key = f"{MISSED} {now.isoformat()}"
                client.create_flow_run_from_deployment(
                    deployment.id, tags=[MISSED], state=Scheduled(), idempotency_key=key
                )
                caught_up.append(deployment.name)
    return caught_up


def fell_due(schedules: Sequence[SCHEDULE_TYPES], since: datetime, now: datetime) -> bool:
    """Whether any of them has a time behind `since` and not behind `now`."""
    return any(time <= now for schedule in schedules for time in _next_times(schedule, since))


def _is_to_run(deployment: DeploymentResponse, runs: Sequence[FlowRun], known: datetime, now: datetime) -> bool:
    """Whether something fell due since the last of the runs, all of which are `known` since then, and none of which
    waits or is at work."""
    if any(run.state and (run.state.is_running() or run.state.is_scheduled()) for run in runs):
        return False
    assert deployment.created is not None
    last = max(map(_time_of, runs), default=deployment.created)
    return fell_due([each.schedule for each in deployment.schedules if each.active], max(known, last), now)


def _next_times(schedule: SCHEDULE_TYPES, since: datetime) -> Sequence[datetime]:
    """The first time behind `since`, by the code that the server makes runs by; none where there is no other."""
    from prefect.server.schemas import schedules as of_server

    own = getattr(of_server, type(schedule).__name__)(**schedule.model_dump())
    times: Sequence[datetime] = asyncio.run(own.get_dates(n=1, start=since + timedelta(seconds=1)))
    return times


def _last_runs(client: SyncPrefectClient, deployment: DeploymentResponse) -> list[FlowRun]:
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=_LAST_RUNS,
    )


def _time_of(run: FlowRun) -> datetime:
    """When it began, or else was due."""
    time = run.start_time or run.expected_start_time or run.created
    assert time is not None
    return time
