"""What Prefect's page of a flow run shows: its name, and what stands there for people to read."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks import files
from tasks.errors import GateError, UserError, printable
from tasks.memo.chain import StageResult
from tasks.paths import Paths
from tasks.tracking import pages
from tasks.tracking.page_server import page_address

_OUTCOMES = ("ran", "restored", "unchanged")

_STATES = {"unchanged": "Cached", "restored": "Cached"}
"""Prefect's word for what was not done again; `ran` is completed, as any task."""

_PICTURES = ("confusion_matrix", "predicted_against_actual")
"""Which of the report's plots is shown, by the kind of task."""

NAME_LENGTH = 200

_WIDTH = 88
"""Signs of a message in a line of the page."""


def state_of(result: StageResult) -> State[StageResult]:
    """The task's last state: a stage that was unchanged, or restored, is not shown like one that ran."""
    message = printable(f"{result.outcome}: {result.report.figure}")
    return Completed(name=_STATES.get(result.outcome, "Completed"), message=message, data=result)


def run_name(pipeline: str, results: Sequence[StageResult], failed: str | None = None) -> str:
    """Such as `churn: 3 ran, 6 unchanged, challenger`, or `churn: 2 ran, failed at validate`."""
    counts = Counter(str(result.outcome) for result in results)
    words = [f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES if counts[outcome]]
    if failed is not None:
        words.append(f"failed at {failed}")
    elif registered := _registered(results):
        words.append(", ".join(registered["aliases"]) or f"version {registered['version']}, no alias")
    return f"{pipeline}: {', '.join(words) or 'nothing to do'}"[:NAME_LENGTH]


def name_run(flow_run: UUID | str | None, name: str) -> None:
    """Gives the run its name on the server."""
    if flow_run is None:
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(str(flow_run)), name=name)


def show_results(paths: Paths, results: Sequence[StageResult]) -> None:
    """The table of outcomes, and beneath it what became of the model and where to look."""
    key, pipeline = artifact_key(paths.pipeline), paths.pipeline
    create_table_artifact(key=f"training-{key}", table=stage_table(results), description=f"Pipeline {pipeline}")
    text = verdict(paths, results)
    create_markdown_artifact(key=f"verdict-{key}", markdown=text, description=f"Verdict on {pipeline}")
    if any(result.stage == "register" for result in results):
        _show_gate(paths)


def show_failure(paths: Paths, results: Sequence[StageResult], stage: str, error: UserError) -> None:
    """What was done until then, and what to do now."""
    key = artifact_key(paths.pipeline)
    create_table_artifact(key=f"training-{key}", table=stage_table(results), description=f"Pipeline {paths.pipeline}")
    create_markdown_artifact(
        key=f"what-to-do-{key}",
        markdown=f"{what_to_do(paths.pipeline, stage, error)}\n\n{_where_to_look(paths)}",
        description=f"{stage} failed",
    )
    if stage == "register" and isinstance(error, GateError):
        _show_gate(paths)


def _show_gate(paths: Paths) -> None:
    """What the gate asked and what the version has, and a picture of how its answers are."""
    key, pipeline = artifact_key(paths.pipeline), paths.pipeline
    if paths.verdict.exists():
        table = gate_table(files.read_json(paths.verdict))
        if table:
            create_table_artifact(key=f"gate-{key}", table=table, description=f"What the gate asks of {pipeline}")
    picture = next((path for name in _PICTURES if (path := paths.plots / f"{name}.png").exists()), None)
    if picture:
        # Within the address itself: no server has the file, and the page asks no other.
        address = f"data:image/png;base64,{b64encode(picture.read_bytes()).decode()}"
        create_image_artifact(image_url=address, key=f"picture-{key}", description=picture.stem.replace("_", " "))


def gate_table(content: Mapping[str, Any]) -> list[dict[str, str | float]]:
    """A row a rule of verdict.json, the broken ones first."""
    return [
        {
            "rule": rule["metric"] if rule["of"] is None else printable(f"{rule['metric']} ({rule['of']})"),
            "kept": "yes" if rule["passed"] else "NO",
            "value": rule["value"],
            "95 % interval": "" if rule["low"] is None else f"{rule['low']:.4g} to {rule['high']:.4g}",
            "least": "" if rule["min"] is None else rule["min"],
            "most": "" if rule["max"] is None else rule["max"],
            "rows": "" if rule["num_rows"] is None else rule["num_rows"],
        }
        for rule in sorted(content["rules"], key=lambda rule: bool(rule["passed"]))
    ]


def verdict(paths: Paths, results: Sequence[StageResult]) -> str:
    """Markdown: the version, why it is champion or not, and links to its pages."""
    lines = [f"# {paths.pipeline}", ""]
    registered = _registered(results)
    if registered:
        aliases = ", ".join(registered["aliases"]) or "no alias"
        address = f"{page_address(paths.project)}{pages.version(registered['name'], registered['version'])}"
        lines += [f"**[Version {registered['version']}]({address})** ({aliases})", ""]
    lines += [f"- {as_text(hint)}" for result in results for hint in result.report.diagnostics]
    return "\n".join([*lines, "", _where_to_look(paths)])


def _where_to_look(paths: Paths) -> str:
    """Markdown: the pipeline's model in MLflow, and its report, which is a file."""
    address = f"{page_address(paths.project)}{pages.model(paths.pipeline)}"
    lines = [f"Report: `{paths.report_page}`"] if paths.report_page.exists() else []
    lines += [f"[All versions]({address}) stand in MLflow, whose pages `modelwright ui {paths.pipeline}` opens."]
    return "\n\n".join(lines)


def what_to_do(pipeline: str, stage: str, error: UserError) -> str:
    """Markdown: the message, which says what to do, and how the run goes on."""
    refused = "The gate said no" if isinstance(error, GateError) else "Something has to be put right"
    # The page cuts a line that is longer than it is wide.
    lines = [piece for line in printable(str(error)).splitlines() for piece in wrap(line, _WIDTH) or [""]]
    message = "\n".join(f"    {line}" for line in lines)
    return (
        f"# {stage} failed\n\n{refused}:\n\n{message}\n\n"
        f"What earlier stages did is kept. Then run again: `modelwright run {pipeline}`, or the deployment."
    )


def stage_table(results: Sequence[StageResult]) -> list[dict[str, str | float]]:
    """A row a stage."""
    return [
        {
            "stage": result.stage,
            "outcome": result.outcome,
            "seconds": round(result.seconds, 2),
            "figure": printable(result.report.figure),
            "why": printable(", ".join(result.why)),
            "diagnostics": printable(" ".join(result.report.diagnostics)),
        }
        for result in results
    ]


def artifact_key(pipeline: str) -> str:
    """The pipeline's name as Prefect's artifact keys allow it: lower-case letters, digits and dashes."""
    return pipeline.replace("_", "-")


def _registered(results: Sequence[StageResult]) -> dict[str, Any] | None:
    return next((result.report.numbers for result in results if result.stage == "register"), None)


def as_text(text: str) -> str:
    """Names and cells are text, whatever they hold."""
    return printable(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;").replace("`", "'")
