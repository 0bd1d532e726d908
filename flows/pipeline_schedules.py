"""The schedules of params.yaml as deployments of Prefect, in the form that prefect.yaml has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tasks.errors import UserError
from tasks.params.file import check_pipeline, read_yaml
from tasks.params.schedule import RunSchedule
from tasks.paths import Project

OF_MODELWRIGHT = "modelwright"
"""The tag of every deployment that `modelwright schedule` runs."""

OF_PARAMS = "params.yaml"
"""The tag of a deployment that params.yaml asks for: prefect.yaml may hold a copy of it, for work pools."""

_SLUG = "params-yaml"
_FIRST_DAY = datetime(2024, 1, 1)
"""Intervals are counted from its midnight."""

_DESCRIPTIONS = {
    "training": "Looks for new data, and makes a new model where there are some.",
    "scoring": "Answers the rows that are there by then.",
    "monitoring": "Looks at what the champion answered; trains where a rule says so.",
}

Block = dict[str, Any]


def pipeline_deployments(project: Project) -> list[Block]:
    """A deployment for each schedule of params.yaml, in the file's order; of pipelines without one nothing is checked.

    Two runs of one deployment never overlap: one that falls due while another is at work is cancelled.
    """
    scheduled = _scheduled_pipelines(project)
    pipelines = {name: check_pipeline(project.params, name, block) for name, block in scheduled.items()}
    return [_deployment(name, schedule) for name, pipeline in pipelines.items() for schedule in pipeline.schedule]


def deployments_in(project: Project) -> list[Block]:
    """The deployments that prefect.yaml has of its own; empty where there is no such file, or nothing in it."""
    content = read_yaml(project.deployments) if project.deployments.exists() else {}
    blocks = content.get("deployments") if isinstance(content, Mapping) else None
    known = [block for block in blocks or () if isinstance(block, Mapping)]
    return [dict(block) for block in known if OF_PARAMS not in (block.get("tags") or ())]


def all_deployments(project: Project) -> list[Block]:
    """What params.yaml asks for, and behind it what prefect.yaml has of its own.

    Raises UserError where there is nothing, or both say when the same thing runs, or one has no name or entrypoint.
    """
    asked, own = pipeline_deployments(project), deployments_in(project)
    if not asked and not own:
        raise UserError(
            f"{project.params}: no pipeline has a schedule; add one, such as `schedule: {{cron: 0 3 * * *}}`, or a "
            f"deployment with name, entrypoint and schedules to {project.deployments.name}"
        )
    for block in own:
        # Else a KeyError would come of it, which tells no user what to do.
        for key in ("name", "entrypoint"):
            if not block.get(key):
                raise UserError(f"{project.deployments}: a deployment has no {key}; give it one")
    twice = {_identity(block) for block in asked} & {_identity(block) for block in own}
    for flow, name in sorted(twice):
        raise UserError(
            f"{project.deployments}: deployment {name} of the flow {flow} stands there, and params.yaml has a schedule "
            f"for it, too; rename the one in {project.deployments.name}, or take one of the two out"
        )
    return [*asked, *own]


def deployment_names(project: Project) -> list[str]:
    """The same by name, for who asks whether there are any: nothing of it is checked."""
    own = [block.get("name", "?") for block in deployments_in(project)]
    return [str(name) for name in (*_scheduled_pipelines(project), *own)]


def _scheduled_pipelines(project: Project) -> dict[str, Any]:
    """The blocks of params.yaml that have a schedule, by name, as they stand there."""
    content = read_yaml(project.params) if project.params.exists() else {}
    blocks = content.get("pipelines") if isinstance(content, Mapping) else None
    if not isinstance(blocks, Mapping):
        return {}
    return {str(name): block for name, block in blocks.items() if isinstance(block, Mapping) and block.get("schedule")}


def _identity(block: Mapping[str, Any]) -> tuple[str, str]:
    """What Prefect tells deployments apart by: `flows/training.py:training` is the flow training."""
    return str(block["entrypoint"]).replace(":", ".").rpartition(".")[2], str(block["name"])


def _deployment(pipeline: str, schedule: RunSchedule) -> Block:
    return {
        "name": pipeline,
        "description": _DESCRIPTIONS[schedule.flow],
        "entrypoint": f"flows.{schedule.flow}.{schedule.flow}",
        "tags": [OF_MODELWRIGHT, OF_PARAMS],
        "parameters": dict(_parameters(pipeline, schedule)),
        "schedules": [{**_when(schedule), "timezone": schedule.timezone, "slug": _SLUG}],
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
        "work_pool": {"name": "modelwright"},
    }


def _parameters(pipeline: str, schedule: RunSchedule) -> Iterator[tuple[str, str | None]]:
    if schedule.flow != "scoring":
        yield "pipeline", pipeline
        return
    yield from (("model", pipeline), ("source", schedule.source), ("out", schedule.out))


def _when(schedule: RunSchedule) -> Block:
    if schedule.seconds is None:
        return {"cron": schedule.cron}
    return {"interval": int(schedule.seconds), "anchor_date": first_midnight(schedule.timezone).isoformat()}


def first_midnight(timezone: str) -> datetime:
    """What intervals are counted from. Where it is the time of the start, as it is Prefect's way, a scheduler that is
    started every morning has no run of an interval of a day."""
    return _FIRST_DAY.replace(tzinfo=ZoneInfo(timezone))
