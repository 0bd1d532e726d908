"""The schedules of params.yaml and prefect.yaml, run from this process by a Prefect server: `modelwright schedule`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import chdir
from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import MissingFlowError
from prefect.schedules import Schedule

from flows.connection import check_server
from flows.console import quiet_console
from flows.gpu_slots import make_limits
from flows.gpus import gpus_of_machine
from flows.pipeline_schedules import OF_MODELWRIGHT, all_deployments, deployment_names, first_midnight
from flows.removed_schedules import tell_removed
from flows.scheduler import serve
from flows.standing_server import days_of_runs
from tasks.errors import UserError
from tasks.paths import Project


def serve_schedules(project: Project) -> None:
    """Registers the deployments of params.yaml and prefect.yaml and runs what falls due, until a signal comes.

    Then it pauses them.

    Each run is a process of its own, in the project's folder. Raises UserError when no server is configured or none
    answers, or when neither file says what to run.
    """
    check_server(needed=True)
    # Prefect looks for an entrypoint's file from the working directory.
    with chdir(project.root), quiet_console():
        # Of the last schedule that was taken out nothing is left to serve, which is an error.
        if not deployment_names(project):
            tell_removed(project.root, ())
        asked = deployments(project)
        make_limits(gpus_of_machine())
        serve(asked, days_of_runs(project))


def deployments(project: Project) -> list[RunnerDeployment]:
    """What params.yaml and prefect.yaml deploy, without work pools. The working directory must be the project's."""
    return [_deployment(project, block) for block in all_deployments(project)]


def _deployment(project: Project, block: Mapping[str, Any]) -> RunnerDeployment:
    try:
        return RunnerDeployment.from_entrypoint(
            block["entrypoint"],
            name=block["name"],
            description=block.get("description"),
            tags=list(dict.fromkeys([*(block.get("tags") or ()), OF_MODELWRIGHT])),
            parameters=dict(block.get("parameters") or {}),
            schedules=list(_schedules(project, block)),
            concurrency_limit=_concurrency_limit(project, block),
        )
    except (FileNotFoundError, ModuleNotFoundError, MissingFlowError) as error:
        raise UserError(
            f"{project.deployments}: entrypoint {block['entrypoint']} of {block['name']} is no flow ({error}); mend it"
        ) from error


def _concurrency_limit(project: Project, block: Mapping[str, Any]) -> int | ConcurrencyLimitConfig | None:
    """A number, or a mapping that also says what becomes of a run that falls due meanwhile."""
    limit = block.get("concurrency_limit")
    try:
        return ConcurrencyLimitConfig(**limit) if isinstance(limit, Mapping) else limit
    except ValueError as error:
        raise UserError(f"{project.deployments}: concurrency_limit of {block['name']}: {error}; mend it") from None


def _schedules(project: Project, block: Mapping[str, Any]) -> Iterator[Schedule]:
    """Prefect takes `schedule` with one and `schedules` with many; an interval is in seconds."""
    entries = block.get("schedules") or filter(None, [block.get("schedule")])
    for entry in entries:
        try:
            yield Schedule(**{**entry, **(_interval(entry) if entry.get("interval") else {})})
        except (TypeError, ValueError) as error:
            raise UserError(f"{project.deployments}: schedule of {block['name']}: {error}; mend it") from None


def _interval(entry: Mapping[str, Any]) -> dict[str, Any]:
    anchor = entry.get("anchor_date") or first_midnight(entry.get("timezone") or "Etc/UTC")
    return {
        "interval": timedelta(seconds=entry["interval"]),
        "anchor_date": datetime.fromisoformat(anchor) if isinstance(anchor, str) else anchor,
    }
