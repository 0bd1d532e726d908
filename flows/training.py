"""The flow `training`: a pipeline's stages in order, a Prefect task each, in the flow's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.processes import record_process
from tasks.errors import UserError, printable
from tasks.memo.chain import StageResult, StageRunner, stages_between
from tasks.paths import Project, find_root

if TYPE_CHECKING:
    from tasks.params.clean import Clean


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
    record_process(flow_run.id)
    stages = stages_between(first, last)
    runner = StageRunner(Project(root=find_root()), pipeline, force=force)
    needed = hash_variable(runner.parameters.clean) if runner.parameters and "clean" in stages else None
    with secret_in_environment(needed):
        results = run_stages(stages, runner.run)
    create_table_artifact(
        key=f"training-{artifact_key(pipeline)}", table=stage_table(results), description=f"Pipeline {pipeline}"
    )
    return results


def run_stages(stages: Sequence[str], run: Callable[[str], StageResult]) -> list[StageResult]:
    """Each stage as a Prefect task of its name. Prefect's caching is off: DVC alone decides what is unchanged."""
    # Made here, not by a decorator: a decorated function that is called outside a flow starts a server.
    return [task(name=stage, cache_policy=NO_CACHE)(run)(stage) for stage in stages]


def hash_variable(clean: Clean) -> str | None:
    """The environment variable that holds the key for hashed columns; none when no column is hashed."""
    hashes = any(column.personal == "hash" for column in clean.columns.values())
    return clean.personal.hash_key if hashes else None


@contextmanager
def secret_in_environment(variable: str | None) -> Iterator[None]:
    """Sets the variable, for what runs inside, to Prefect's secret of its name in lower case with dashes.

    What the environment says already goes first. Where there is no such secret either, the stage that needs it says
    so. Raises UserError when the secret is not text.
    """
    secret = _secret(variable) if variable and variable not in os.environ else None
    if variable is None or secret is None:
        yield
        return
    os.environ[variable] = secret
    try:
        yield
    finally:
        # The flow's process may go on to other runs, which must not find the key.
        os.environ.pop(variable, None)


def _secret(variable: str) -> str | None:
    name = variable.lower().replace("_", "-")
    try:
        block = Secret.load(name)
    except ValueError:  # Prefect's word for a block that is not there
        return None
    assert isinstance(block, Secret)
    value = block.value.get_secret_value()  # Secret.get would read a key of digits alone as a number
    if not isinstance(value, str):
        raise UserError(f"Prefect's secret {name} is not text; save it anew as text: it is the key of hashed columns")
    return value


def stage_table(results: Sequence[StageResult]) -> list[dict[str, str | float]]:
    """A row a stage, for Prefect's page of the run."""
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
