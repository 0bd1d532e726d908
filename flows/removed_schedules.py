"""Schedules that were taken out while their scheduler was dead, and could not pause them: the next start does.

`python -m flows.removed_schedules` does it for a project that has none left, and so no scheduler.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterStartTime,
)
from prefect.client.schemas.sorting import FlowRunSort

from flows.connection import check_server
from flows.pipeline_schedules import OF_MODELWRIGHT
from flows.processes import HOST
from tasks.errors import UserError

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

_AT_ONCE = 200
"""Deployments that the server gives in one answer."""

_LAST_RUNS = 20
"""Runs of a deployment that have begun, among which one is looked for that says its machine."""


def tell_removed(root: Path, served: Collection[UUID]) -> None:
    """Pauses what the project no longer schedules; a line for each."""
    for name in pause_removed(root, served):
        print(f"{name}: its schedule was taken out; its deployment is paused", flush=True)  # noqa: T201


def pause_removed(root: Path, served: Collection[UUID]) -> list[str]:
    """Pauses this project's deployments besides those that are served. Returns the names of those that were not yet.

    A deployment is this project's by the tag and the folder that every scheduler gives it. Those of work pools, of
    other projects, and of a person's own scripts stay. Their runs stay on the server's pages, and a schedule that
    comes back is resumed. One of a folder that is gone from this machine is paused as well, whose ever it was: the
    project was moved or removed, and no run could begin.
    """
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[OF_MODELWRIGHT]))
    names, offset = [], 0
    with get_client(sync_client=True) as client:
        while deployments := client.read_deployments(deployment_filter=tagged, limit=_AT_ONCE, offset=offset):
            offset += len(deployments)
            for deployment in deployments:
                if deployment.id in served or deployment.paused or deployment.work_pool_name:
                    continue
                if deployment.path == str(root) or _has_lost_its_folder(client, deployment):
                    client.pause_deployment(deployment.id)
                    names.append(deployment.name)
    return names


def _has_lost_its_folder(client: SyncPrefectClient, deployment: DeploymentResponse) -> bool:
    """Whether its folder was on this machine, as its last run says, and is there no more."""
    if deployment.path is None or Path(deployment.path).exists():
        return False
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        # Of a schedule there may be a hundred that have not begun.
        flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False)),
        sort=FlowRunSort.START_TIME_DESC,
        limit=_LAST_RUNS,
    )
    hosts = [run.labels[HOST] for run in runs if HOST in run.labels]
    return hosts[:1] == [socket.gethostname()]


def main() -> int:
    """Pauses all that the project of the working directory has had run. Returns the exit code."""
    try:
        check_server(needed=True)
    except UserError as error:
        print(f"nothing was paused that is scheduled no more: {error}", flush=True)  # noqa: T201
        return error.exit_code
    tell_removed(Path.cwd(), ())
    return 0


if __name__ == "__main__":
    sys.exit(main())
