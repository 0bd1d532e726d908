"""The subcommands that run stages, or say which would run: run, status, schedule."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tasks.command.subcommand import JSON, ONE_PIPELINE, Subcommand, argument, chosen_pipeline, show_json
from tasks.errors import UserError
from tasks.paths import Paths, Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.memo.chain import StageResult
    from tasks.memo.memo import Reasons


def run(options: argparse.Namespace) -> int:
    """`modelwright run`."""
    from tasks.tracking.store import check_address

    project = Project(root=find_root())
    # Before hours of training, which a store that can never be reached would not keep.
    check_address(project)
    pipeline = chosen_pipeline(project, options.pipeline)
    chosen = {"first": options.first, "last": options.last, "force": options.force}
    if options.plain:
        from tasks.memo.chain import has_registered, run_plain

        results = run_plain(project, pipeline, **chosen)
        if has_registered(results):
            from tasks.monitoring.watch import keep_reference

            # While the version's training rows lie here: the next run may bring others.
            if remark := keep_reference(project.pipeline(pipeline)):
                print(remark, file=sys.stderr)  # noqa: T201
    else:
        from flows.console import run_training

        results = run_training(pipeline, **chosen)
    paths = project.pipeline(pipeline)
    # After a run by Prefect as after a plain one: the server may be up again by now.
    _deliver(paths)
    outcome = _outcome(pipeline, results)
    if options.json:
        show_json(outcome)
    else:
        from tasks.command.console import show_run

        show_run(results, outcome["model"], paths)
    return 0


def _outcome(pipeline: str, results: Sequence[StageResult]) -> dict[str, Any]:
    """What `--json` prints."""
    by_stage = {result.stage: result.report.numbers for result in results}
    registration = by_stage.get("register")
    return {
        "pipeline": pipeline,
        "stages": [result.as_dict() for result in results],
        "metrics": by_stage.get("evaluate", {}),
        # A run that ended earlier registered nothing: null, and not a missing key.
        "model": registration and {key: registration[key] for key in ("name", "version", "aliases")},
    }


def _deliver(paths: Paths) -> None:
    """Gives the tracking server what it missed while it was down."""
    # Asked first: importing MLflow takes three seconds.
    if paths.undelivered.exists():
        from tasks.tracking.runs import deliver_waiting

        deliver_waiting(paths)


def status(options: argparse.Namespace) -> int:
    """`modelwright status`."""
    from tasks.command.console import show_status, stage_states
    from tasks.memo.chain import StageRunner
    from tasks.params.file import pipeline_names

    project = Project(root=find_root())
    pipelines = [options.pipeline] if options.pipeline else pipeline_names(project.params)
    by_pipeline, problem = {}, ""
    for pipeline in pipelines:
        reasons, remark = StageRunner(project, pipeline).out_of_date(asks_registry=False), None
        # What does not answer is asked once, and not for each pipeline.
        if not problem:
            reasons, remark, problem = _as_the_registry_says(project.pipeline(pipeline), reasons)
        by_pipeline[pipeline] = [*map(asdict, stage_states(reasons, registry_answers=not problem))]
        if not options.json:
            show_status(pipeline, reasons, remark, registry_answers=not problem)
    if options.json:
        show_json({"pipelines": by_pipeline})
    if problem:
        raise UserError(
            f"{problem}; hidden until then: whether it still has what register left, and what proves itself there"
        )
    return 0


def _as_the_registry_says(paths: Paths, reasons: dict[str, Reasons]) -> tuple[dict[str, Reasons], str | None, str]:
    """The reasons with those of register, a sentence on a version that proves itself, and why nobody can say so."""
    from tasks.tracking.standing import proving, standing

    try:
        return {**reasons, "register": reasons["register"] or standing(paths).news}, proving(paths), ""
    except UserError as error:
        return reasons, None, str(error)


def schedule(options: argparse.Namespace) -> int:
    """`modelwright schedule`."""
    if options.show or options.write:
        return _write_deployments(Project(root=find_root()), keep=options.write)
    from flows.settings import check_settings, use_running_server
    from tasks.memo.chain import announced

    project = Project(root=find_root())
    with announced("starting Prefect"):
        use_running_server(project)
        check_settings()
        from flows.deployments import serve_schedules
    serve_schedules(project)
    return 0


def _write_deployments(project: Project, *, keep: bool) -> int:
    """Shows what params.yaml changes in prefect.yaml, and writes it there when it is to be kept."""
    from flows import prefect_file
    from tasks.files import write_text

    before, after = prefect_file.step_of(project)
    name = project.deployments.name
    print(prefect_file.difference(before, after, name) or f"{name} is in step with params.yaml\n", end="")  # noqa: T201
    if keep and after != before:
        write_text(project.deployments, after)
    return 0


COMMANDS = {
    "run": Subcommand(
        run=run,
        asks_stages=True,
        help="run a pipeline's stages, as far as they are out of date",
        arguments=(
            ONE_PIPELINE,
            argument("--plain", action="store_true", help="without Prefect: the same stages, the same files"),
            argument("--from", dest="first", metavar="STAGE", help="begin at this stage"),
            argument("--to", dest="last", metavar="STAGE", help="end after this stage"),
            argument("--force", action="store_true", help="run the stages though nothing changed"),
            JSON,
        ),
        examples=("modelwright run churn --plain --to evaluate",),
    ),
    "status": Subcommand(
        run=status,
        asks_stages=True,
        help="say what is out of date, and why, without running anything",
        arguments=(argument("pipeline", nargs="?", help="a pipeline of params.yaml; all of them when left out"), JSON),
        examples=("modelwright status churn",),
    ),
    "schedule": Subcommand(
        run=schedule,
        asks_stages=True,
        help="register the schedules with a server, and run them",
        detail=" here: those of params.yaml and of prefect.yaml",
        arguments=(
            argument("--show", action="store_true", help="say what params.yaml changes in prefect.yaml; run nothing"),
            argument("--write", action="store_true", help="write that into prefect.yaml, for work pools; run nothing"),
        ),
        examples=("PREFECT_API_URL=http://127.0.0.1:4200/api modelwright schedule",),
    ),
}
