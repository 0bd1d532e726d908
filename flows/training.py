"""The flow `training`: a pipeline's stages in order, a Prefect task each, in the flow's own process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.chain import Chain, StageResult, stages_between
from tasks.paths import Project, find_root


@flow(
    name="training",
    description="Raw data to a gated, registered model: nine stages, of which only what changed is run.",
)
def training(
    pipeline: str, first: str | None = None, last: str | None = None, force: bool = False
) -> list[StageResult]:
    """Runs the stages from `first` to `last` (all, when not given) of the project that holds the working directory.

    Whatever a stage raises fails its task and the flow run, and reaches the caller as it is.
    """
    stages = stages_between(first, last)
    chain = Chain(Project(root=find_root()), pipeline, force=force)
    results = run_stages(stages, chain.perform)
    create_table_artifact(
        key=f"training-{artifact_key(pipeline)}", table=stage_table(results), description=f"Pipeline {pipeline}"
    )
    return results


def run_stages(stages: Sequence[str], perform: Callable[[str], StageResult]) -> list[StageResult]:
    """Each stage as a Prefect task of its name. Prefect's caching is off: DVC alone decides what is unchanged."""
    return [task(name=stage, cache_policy=NO_CACHE)(perform)(stage) for stage in stages]


def stage_table(results: Sequence[StageResult]) -> list[dict[str, str | float]]:
    """A row a stage, for Prefect's page of the run."""
    return [
        {
            "stage": result.stage,
            "outcome": result.outcome,
            "seconds": round(result.seconds, 2),
            "figure": result.report.figure,
            "why": ", ".join(result.why),
        }
        for result in results
    ]


def artifact_key(pipeline: str) -> str:
    """The pipeline's name as Prefect's artifact keys allow it: lower-case letters, digits and dashes."""
    return pipeline.replace("_", "-")
