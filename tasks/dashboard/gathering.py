"""The page of this moment: files and a local store are read for it, all else is what the lookout has made out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tasks.dashboard.content import Dashboard, PageLink, PipelinePanel, ShownRun
from tasks.dashboard.lookout import Lookout, Observations, known_freshness
from tasks.dashboard.prefect_server import FlowRun, PrefectPages
from tasks.dashboard.reading import panel
from tasks.errors import UserError
from tasks.params.file import pipelines_in
from tasks.paths import Project
from tasks.tracking import pages, store
from tasks.tracking.registry_view import ViewedModel, viewed_models

_PATIENCE = 0.3
"""Seconds for which a page waits for a look to end: a project that is up to date needs no second page."""

_STARTING = "MLflow's pages are starting; the links to them come by themselves."
_NOTHING_TRACKED = "Nothing is tracked yet, so MLflow has no pages: the first training makes the store."

_TRAINED = "Completed"
"""The state of a flow run whose training MLflow has as well, if there was one."""


@dataclass(frozen=True, kw_only=True)
class MlflowPages:
    """Where MLflow's pages are served; without an address they are still starting, or `problem` says why not."""

    address: str | None = None
    problem: str = ""


def dashboard(project: Project, lookout: Lookout, mlflow: MlflowPages) -> Dashboard:
    """Raises no UserError: what is wrong stands on the page."""
    findings = lookout.findings(_PATIENCE)
    blocks, problems = _blocks(project)
    models, registry_problem = _models(project, [*blocks], findings)
    now, address = datetime.now(UTC), mlflow.address
    is_waiting = address is None and not (mlflow.problem or registry_problem) and _has_store(project)
    panels = [
        panel(
            project,
            name,
            block,
            models.get(name, ViewedModel()),
            freshness=known_freshness(findings, name),
            mlflow=address,
            now=now,
        )
        for name, block in blocks.items()
    ]
    return Dashboard(
        project=project.root.name or str(project.root),
        root=str(project.root),
        now=now,
        pipelines=tuple(_with_flow_runs(one, findings.prefect) for one in panels),
        problems=(*problems, *filter(None, dict.fromkeys((registry_problem, mlflow.problem)))),
        links=_links(address, findings.prefect),
        notes=_notes(mlflow, is_waiting=is_waiting, is_problem=bool(registry_problem)),
        looked=findings.ended,
        is_looking=findings.is_looking,
        is_waiting=is_waiting,
    )


def _notes(mlflow: MlflowPages, *, is_waiting: bool, is_problem: bool) -> tuple[str, ...]:
    if mlflow.address or mlflow.problem or is_problem:
        return ()
    return (_STARTING if is_waiting else _NOTHING_TRACKED,)


def _has_store(project: Project) -> bool:
    return not store.is_local(project) or store.local_database(project) is not None


def _blocks(project: Project) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    try:
        return pipelines_in(project.params), ()
    except UserError as error:
        return {}, (str(error),)


def _models(project: Project, names: Sequence[str], findings: Observations) -> tuple[Mapping[str, ViewedModel], str]:
    if not store.is_local(project):
        return findings.models or {}, findings.registry_problem
    try:
        return viewed_models(project, names), ""
    except UserError as error:
        return {}, str(error).splitlines()[0]


def _with_flow_runs(one: PipelinePanel, prefect: PrefectPages | None) -> PipelinePanel:
    """With what Prefect alone knows: runs that ended before they trained, and those at work."""
    if prefect is None:
        return one
    own = [run for run in prefect.runs if run.pipeline == one.name and run.state != _TRAINED]
    return replace(one, runs=(*one.runs, *(_shown(run, prefect.address) for run in own)))


def _shown(run: FlowRun, address: str) -> ShownRun:
    return ShownRun(
        pipeline=run.pipeline,
        name=run.name,
        status=run.state,
        started=run.started,
        seconds=run.seconds,
        metric="",
        address=f"{address}runs/flow-run/{run.run_id}",
        is_whole=True,
    )


def _links(mlflow: str | None, prefect: PrefectPages | None) -> tuple[PageLink, ...]:
    of_mlflow = [PageLink(title="MLflow: runs and models", address=f"{mlflow}{pages.experiments()}")] if mlflow else []
    of_prefect = [PageLink(title="Prefect: flow runs", address=prefect.address)] if prefect else []
    return (*of_mlflow, *of_prefect)
