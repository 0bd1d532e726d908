"""The flow `monitoring`: a look at what a pipeline's champion answered; where a rule says so, a training that says
why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.runtime import flow_run

from flows.mistakes import log_mistakes_as_sentences
from flows.notifications import notify
from flows.processes import record_process
from flows.retries import retry_options
from flows.run_page import artifact_key, as_text
from flows.training import training
from tasks.errors import GateError, printable
from tasks.paths import Project
from tasks.root import find_root
from tasks.tracking import pages
from tasks.wording import number

if TYPE_CHECKING:
    from tasks.monitoring.look import Look
    from tasks.monitoring.watch import WatchOutcome


@flow(
    name="monitoring",
    description="A look at what a champion answered: drift, quality, service; a training where a rule says so.",
    flow_run_name="{pipeline}",
    on_completion=[notify],
    on_failure=[notify],
    on_crashed=[notify],
)
def monitoring(pipeline: str, now: datetime | None = None) -> dict[str, Any]:
    """What `modelwright watch PIPELINE` does, in the project that holds the working directory, and what follows from
    it.

    Where `register.shadow` is set, a challenger is judged beside the champion, and takes its place or goes. Where a
    rule fires that `monitor.retrain` names, the flow `training` is started, once a window. Its gate decides as
    always. Days are over by `now`, which is the time when not given. Returns what `--json` prints, with `training`:
    what became of it, None where none was started.
    """
    log_mistakes_as_sentences()
    record_process(flow_run.id)
    project = Project(root=find_root())
    # Prefect's caching is off: a look is at what has come since the last one.
    outcome = task(name="watch", cache_policy=NO_CACHE, **retry_options())(watched)(project, pipeline, now)
    _tell(pipeline, outcome)
    trained = _train(project, pipeline, outcome)
    _show(project, pipeline, outcome, trained)
    return {**outcome.as_dict(), "reason": outcome.reason, "training": trained}


def watched(project: Project, pipeline: str, now: datetime | None) -> WatchOutcome:
    """One look at the champion, and its page in MLflow."""
    from tasks.monitoring.watch import watch
    from tasks.tracking.registered import registered_model
    from tasks.tracking.watching import log_monitoring_page

    model = registered_model(project, pipeline)
    outcome = watch(project, model, now)
    log_monitoring_page(project, model.name, model.version, outcome.page)
    return outcome


def _tell(pipeline: str, outcome: WatchOutcome) -> None:
    """An event where it is decided what becomes of a challenger, or a person has to."""
    shadow = outcome.shadow
    if shadow is not None and shadow.state in ("promoted", "rejected", "undecided"):
        payload = {"sentence": printable(shadow.sentence)}
        emit_event(event=f"modelwright.challenger.{shadow.state}", resource=_resource(pipeline), payload=payload)


def _resource(pipeline: str) -> dict[str, str]:
    return {"prefect.resource.id": f"modelwright.pipeline.{pipeline}", "prefect.resource.name": pipeline}


def _train(project: Project, pipeline: str, outcome: WatchOutcome) -> str | None:
    """What became of the training; None where there was no reason for one."""
    from tasks.monitoring.watch import begin_training
    from tasks.tracking.registered import registered_model

    if outcome.reason is None:
        return None
    payload = {"reason": printable(outcome.reason)}
    emit_event(event="modelwright.rule.fired", resource=_resource(pipeline), payload=payload)
    begin_training(project, outcome)
    before = outcome.look.model.version
    try:
        results = training(pipeline, reason=outcome.reason)
    except GateError as refusal:
        # The gate said no, as it is meant to: the champion stays, and the look itself has not failed.
        return str(refusal)
    if all(result.outcome == "unchanged" for result in results):
        return "nothing to learn from that the champion has not learnt: the source is as it was"
    champion = registered_model(project, pipeline)
    if champion.version == before:
        return f"version {before} stays champion: {' '.join(results[-1].report.diagnostics)}"
    return f"version {champion.version} is champion"


def _show(project: Project, pipeline: str, outcome: WatchOutcome, trained: str | None) -> None:
    """A table of the windows, and beneath it what they say, what became of it, and where the page is."""
    key, look = artifact_key(pipeline), outcome.look
    create_table_artifact(key=f"monitoring-{key}", table=window_table(look), description=f"Watching {pipeline}")
    address = f"{pages.server(project)}{pages.version(look.model.name, look.model.version)}"
    lines = [f"# {pipeline}: {look.state}", "", f"**[Version {look.model.version}]({address})**", ""]
    lines += [f"- {rule.rule}: {as_text(rule.sentence)}" for rule in look.fired]
    lines += [f"- challenger, {shadow.state}: {as_text(shadow.sentence)}"] if (shadow := outcome.shadow) else []
    lines += ["", f"Training: {as_text(trained)}"] if trained else []
    lines += ["", f"Page: `{outcome.page}`, and as `monitoring` among the artifacts of the version's run."]
    text = "\n".join(lines)
    create_markdown_artifact(key=f"watched-{key}", markdown=text, description=f"What was seen of {pipeline}")


def window_table(look: Look) -> list[dict[str, str | int]]:
    """A row a window, the newest first."""
    rows: list[dict[str, str | int]] = [
        {
            "of": "rows",
            "days": f"{window.begin} to {window.end}",
            "rows": window.num_rows,
            "metrics": ", ".join(f"{one.metric} {number(one.value)} (estimated)" for one in window.estimates),
            "fired": ", ".join(rule.rule for rule in window.fired),
        }
        for window in reversed(look.rows)
    ]
    rows += [
        {
            "of": "labels",
            "days": f"{window.begin} to {window.end}",
            "rows": window.num_rows,
            "metrics": ", ".join(f"{one.metric} {number(one.value)}" for one in window.metrics),
            "fired": ", ".join(rule.rule for rule in window.fired),
        }
        for window in reversed(look.labels)
    ]
    return rows
