"""Schedules that were taken out while their scheduler was dead, and could not pause them: the next start does."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

from flows.pipeline_schedules import OF_MODELWRIGHT

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.responses import DeploymentResponse

_AT_ONCE = 200
"""Deployments that the server gives in one answer."""


def pause_removed(root: Path, served: Collection[UUID]) -> list[str]:
    """Pauses this project's deployments besides those that are served. Returns the names of those that were not yet.

    A deployment is this project's by the tag and the folder that every scheduler gives it. Those of work pools, of
    other projects, and of a person's own scripts stay. Their runs stay on the server's pages, and a schedule that
    comes back is resumed.
    """
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[OF_MODELWRIGHT]))
    names, offset = [], 0
    with get_client(sync_client=True) as client:
        while deployments := client.read_deployments(deployment_filter=tagged, limit=_AT_ONCE, offset=offset):
            offset += len(deployments)
            for deployment in deployments:
                if deployment.id not in served and _is_active_in(deployment, root):
                    client.pause_deployment(deployment.id)
                    names.append(deployment.name)
    return names


def _is_active_in(deployment: DeploymentResponse, root: Path) -> bool:
    return deployment.path == str(root) and not deployment.work_pool_name and not deployment.paused
