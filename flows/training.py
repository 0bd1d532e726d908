"""The flow `training`: a pipeline's stages in order, a Prefect task each, in the flow's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.runtime import deployment, flow_run

from flows.busy_files import after_others
from flows.gpu_slots import gpu_slots
from flows.gpus import gpus_of_machine, gpus_of_training
from flows.mistakes import log_mistakes_as_sentences
from flows.notifications import notify
from flows.processes import record_process
from flows.retries import retry_options
from flows.run_page import NAME_LENGTH, name_run, run_name, show_failure, show_results, state_of
from tasks.environment import REASON
from tasks.errors import UserError
from tasks.memo.chain import StageResult, StageRunner, announced, has_registered, stages_between
from tasks.paths import Paths, Project
from tasks.root import find_root

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from tasks.params.clean import Clean
    from tasks.params.pipeline import Pipeline


@flow(
    name="training",
    description="Raw data to a gated, registered model: nine stages, of which only what changed is run.",
    flow_run_name="{pipeline}",  # until it is known what became of it
    on_completion=[notify],
    on_failure=[notify],
    on_crashed=[notify],
)
def training(
    pipeline: str,
    first: str | None = None,
    last: str | None = None,
    force: bool = False,
    reason: str | None = None,
) -> list[StageResult]:
    """Runs the stages from `first` to `last` (all, when not given) of the project that holds the working directory.

    `reason` says why, in the run in MLflow and in the passport: the flow `monitoring` gives one.

    Whatever a stage raises fails its task and the flow run, and reaches the caller as it is.
    """
    log_mistakes_as_sentences()
    record_process(flow_run.id)
    stages = stages_between(first, last)
    paths = Project(root=find_root()).pipeline(pipeline)
    results: list[StageResult] = []
    with _outcome_shown(paths, stages, results):
        runner = StageRunner(paths.project, pipeline, force=force, around=in_turn)
        needed = hash_variable(runner.parameters.clean) if runner.parameters and "clean" in stages else None
        with secret_in_environment(needed), reason_in_environment(reason):
            run_stages(stages, _runs(runner), results)
            _keep_reference(paths, results)
    return results


def _keep_reference(paths: Paths, results: Sequence[StageResult]) -> None:
    """What a new version is watched by is taken while its training rows lie here: the next run may bring others."""
    if has_registered(results):
        from tasks.monitoring.watch import keep_reference

        if remark := keep_reference(paths):
            get_run_logger().warning(remark)


def _runs(runner: StageRunner) -> Callable[[str], StageResult]:
    """A run on schedule waits for others that are at work on its files; who waits at a terminal is told at once."""
    if deployment.id is None:
        return runner.run

    def run(stage: str) -> StageResult:
        return after_others(lambda: runner.run(stage), runner.paths.project.root, lambda: telling(stage))

    return run


@contextmanager
def _outcome_shown(paths: Paths, stages: Sequence[str], results: list[StageResult]) -> Iterator[None]:
    """Names the run by what became of it, and shows on its page how that came, and what to do where it failed."""
    try:
        yield
    except UserError as error:
        failed = stages[len(results)] if len(results) < len(stages) else stages[-1]
        name_run(flow_run.id, run_name(paths.pipeline, results, failed))
        show_failure(paths, results, failed, error)
        raise
    name_run(flow_run.id, run_name(paths.pipeline, results))
    show_results(paths, results)


def run_stages(stages: Sequence[str], run: Callable[[str], StageResult], results: list[StageResult]) -> None:
    """Each stage as a Prefect task of its name. Prefect's caching is off: DVC alone decides what is unchanged."""

    def performed(stage: str) -> State[StageResult]:
        results.append(run(stage))
        return state_of(results[-1])

    options = retry_options()
    for stage in stages:
        # Made here, not by a decorator: a decorated function that is called outside a flow starts a server.
        task(name=stage, cache_policy=NO_CACHE, **options)(performed)(stage)


@contextmanager
def in_turn(stage: str, pipeline: Pipeline) -> Iterator[None]:
    """Around a stage that is at work: a training has the graphics cards to itself that it works on.

    While it waits for them, the run's name, its log and a person's terminal say so.
    """
    gpus = gpus_of_training(pipeline.train, gpus_of_machine()) if stage == "train" else ()
    if not gpus:
        yield
        return
    with ExitStack() as shown:
        tell = shown.enter_context(telling(stage))
        with gpu_slots(UUID(flow_run.id), gpus, tell):
            shown.close()
            yield


@contextmanager
def telling(stage: str) -> Iterator[Callable[[str], None]]:
    """Gives what a sentence about the stage is told to: the run's log, and, until the end of the block, the run's name
    and a person's terminal."""
    run, name, log = UUID(flow_run.id), str(flow_run.parameters["pipeline"]), get_run_logger()
    with ExitStack() as shown:

        def tell(sentence: str) -> None:
            shown.enter_context(announced(f"{stage} {sentence}"))
            log.info("%s %s", stage, sentence)
            name_run(run, f"{name}: {stage} {sentence}"[:NAME_LENGTH])
            shown.callback(name_run, run, name)

        yield tell


@contextmanager
def reason_in_environment(reason: str | None) -> Iterator[None]:
    """Says why, for what runs inside: in this process, as the next run may have none."""
    if reason is None:
        yield
        return
    os.environ[REASON] = reason
    try:
        yield
    finally:
        os.environ.pop(REASON, None)


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
