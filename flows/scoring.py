"""The flow `scoring`: new rows answered by a registered model, on a schedule or by hand; a table on the run's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.mistakes import log_mistakes_as_sentences
from flows.processes import record_process
from flows.retries import retry_options
from tasks.errors import printable
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.scoring.request import ScoringOutcome


@flow(name="scoring", description="New rows to answers, by a registered model: once each, and no row lost.")
def scoring(
    model: str,
    source: str,
    out: str,
    columns: Sequence[str] = (),
    query: str | None = None,
    table: str = "predictions",
    password_env: str | None = None,
    offline: bool = False,
) -> dict[str, Any]:
    """What `modelwright predict MODEL SOURCE --out OUT` does, in the project that holds the working directory.

    A run that is cut off is gone on with by the next one. Returns what `--json` prints.
    """
    log_mistakes_as_sentences()
    record_process(flow_run.id)
    arguments = {"columns": tuple(columns), "table": table, "password_env": password_env}
    # Prefect's caching is off: what was answered already, the journal beside the answers knows.
    made = task(name="predict", cache_policy=NO_CACHE, **retry_options())(answer)
    outcome = made(model, source, out, query, arguments, offline=offline)
    create_table_artifact(
        key=f"scoring-{outcome.model.name.replace('_', '-')}",
        table=outcome_table(outcome),
        description=printable(f"{outcome.model.shown}: {outcome.source} to {outcome.out}"),
    )
    return outcome.as_dict()


def answer(
    model: str, source: str, out: str, query: str | None, arguments: dict[str, Any], *, offline: bool
) -> ScoringOutcome:
    """Answers all rows that can be answered."""
    from tasks.drafting.rows_to_answer import rows_to_answer
    from tasks.scoring.job import score
    from tasks.scoring.request import Request, settings_of
    from tasks.tracking.registered import registered_model

    project = Project(root=find_root())
    registered = registered_model(project, model, offline=offline)
    block = rows_to_answer(source, registered, project.root, query)
    settings = settings_of(project, registered.name)
    return score(Request(project=project, model=registered, source=block, out=out, settings=settings, **arguments))


def outcome_table(outcome: ScoringOutcome) -> list[dict[str, str | int]]:
    """A row for each thing that is to be known, for Prefect's page of the run."""
    counts = {
        "rows": outcome.num_rows,
        "answered": outcome.num_answered,
        "in quarantine": outcome.num_quarantined,
    }
    rows: list[dict[str, str | int]] = [{"what": what, "rows": count, "about": ""} for what, count in counts.items()]
    rows += [{"what": "quarantined by", "rows": count, "about": rule} for rule, count in outcome.rules.items()]
    rows += [{"what": "answered, though it fails", "rows": count, "about": r} for r, count in outcome.warnings.items()]
    rows += [
        {"what": f"drift: {one['kind']}", "rows": "", "about": f"{one['column'] or ''} {one['sentence']}".strip()}
        for one in outcome.drift
    ]
    rows += [{"what": "note", "rows": "", "about": remark} for remark in outcome.remarks]
    return [{**row, "about": printable(str(row["about"]))} for row in rows]
