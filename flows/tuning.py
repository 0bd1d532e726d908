"""The flow `tuning`: other values of settings tried, on a schedule or by hand; a table on the run's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.mistakes import log_mistakes_as_sentences
from flows.processes import record_process
from flows.training import in_turn
from tasks.errors import printable
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.tuning.outcome import TuningOutcome

_SHOWN = 20
"""Trials on the page, the best of all: a search may have made hundreds."""


@flow(name="tuning", description="Other values of settings, judged on folds of training rows; params.yaml stays.")
def tuning(
    pipeline: str, trials: int | None = None, minutes: float | None = None, jobs: int = 1, fresh: bool = False
) -> dict[str, Any]:
    """What `modelwright tune PIPELINE` does, in the project that holds the working directory.

    A run that is cut off is gone on with by the next one. Writes nothing into params.yaml: that a person decides.
    Returns what `--json` prints.
    """
    log_mistakes_as_sentences()
    record_process(flow_run.id)
    arguments = {"trials": trials, "minutes": minutes, "jobs": jobs, "fresh": fresh}
    # Prefect's caching is off: which trials were made already, the journal knows.
    outcome = task(name="tune", cache_policy=NO_CACHE)(search)(pipeline, arguments)
    create_table_artifact(
        key=f"tuning-{pipeline.replace('_', '-')}",
        table=outcome_table(outcome),
        description=printable(f"{pipeline}: {len(outcome.trials)} trials, by {outcome.metric}; the best first"),
    )
    return outcome.as_dict()


def search(pipeline: str, arguments: dict[str, Any]) -> TuningOutcome:
    """Goes on with the search until its budget is spent; like a training, it has the graphics cards to itself that it
    works on."""
    from tasks.tuning.tune import TuningRequest, tune

    project = Project(root=find_root())
    with in_turn("train", load_pipeline(project.params, pipeline)):
        return tune(project, pipeline, TuningRequest(**arguments), lambda _: None)


def outcome_table(outcome: TuningOutcome) -> list[dict[str, str | float]]:
    """params.yaml as it is, what the best is worth, and the best trials, for Prefect's page of the run."""
    rows: list[tuple[str, float | None, str]] = [
        (outcome.name_of_as_it_is, outcome.as_dict()["as_it_is"], "what params.yaml said when the search began"),
        ("chosen fairly", outcome.nested, "the best, by folds that did not choose it"),
    ]
    sign = -1 if outcome.maximize else 1
    finished = [trial for trial in outcome.trials if trial.state == "finished"]
    for trial in sorted(finished, key=lambda trial: sign * trial.mean)[:_SHOWN]:
        values = ", ".join(f"{name} {value}" for name, value in trial.values.items())
        rows.append((f"trial {trial.number}", trial.mean, values))
    shown = {"trial": "", outcome.metric: "", "values": ""}
    return [
        {**shown, "trial": name, outcome.metric: "" if value is None else value, "values": printable(values)}
        for name, value, values in rows
    ]
