"""The schedules of prefect.yaml, registered with a Prefect server and run from this process: `modelwright schedule`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import chdir
from datetime import timedelta
from typing import Any

from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import MissingFlowError
from prefect.schedules import Schedule

from flows.connection import check_server
from flows.console import quiet_console
from flows.scheduler import serve
from tasks.errors import UserError
from tasks.params.file import read_yaml
from tasks.paths import Project


def serve_schedules(project: Project) -> None:
    """Registers the deployments of prefect.yaml and runs what falls due, until a signal comes; then pauses them.

    Each run is a process of its own, in the project's folder. Raises UserError when no server is configured or none
    answers, or when prefect.yaml does not say what to run.
    """
    check_server(needed=True)
    # Prefect looks for an entrypoint's file from the working directory.
    with chdir(project.root), quiet_console():
        serve(deployments(project))


def deployments(project: Project) -> list[RunnerDeployment]:
    """What prefect.yaml deploys, without its work pools. The working directory must be the project's."""
    content = read_yaml(project.deployments)
    blocks = content.get("deployments") if isinstance(content, Mapping) else None
    if not blocks:
        raise UserError(f"{project.deployments}: has no deployments; add one with name, entrypoint and schedules")
    return [_deployment(project, block) for block in blocks]


def _deployment(project: Project, block: Mapping[str, Any]) -> RunnerDeployment:
    # Else a KeyError would come of it, which tells no user what to do.
    for key in ("name", "entrypoint"):
        if not block.get(key):
            raise UserError(f"{project.deployments}: a deployment has no {key}; give it one")
    try:
        return RunnerDeployment.from_entrypoint(
            block["entrypoint"],
            name=block["name"],
            description=block.get("description"),
            tags=list(block.get("tags") or ()),
            parameters=dict(block.get("parameters") or {}),
            schedules=list(_schedules(project, block)),
            concurrency_limit=block.get("concurrency_limit"),
        )
    except (FileNotFoundError, ModuleNotFoundError, MissingFlowError) as error:
        raise UserError(
            f"{project.deployments}: entrypoint {block['entrypoint']} of {block['name']} is no flow ({error}); mend it"
        ) from error


def _schedules(project: Project, block: Mapping[str, Any]) -> Iterator[Schedule]:
    """Prefect takes `schedule` with one and `schedules` with many; an interval is in seconds."""
    entries = block.get("schedules") or filter(None, [block.get("schedule")])
    for entry in entries:
        seconds = entry.get("interval")
        try:
            yield Schedule(**{**entry, **({"interval": timedelta(seconds=seconds)} if seconds else {})})
        except (TypeError, ValueError) as error:
            raise UserError(f"{project.deployments}: schedule of {block['name']}: {error}; mend it") from None
