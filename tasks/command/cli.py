"""The `modelwright` command: a thin face; what a subcommand needs is imported when it is used."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tasks.command import explain, init_options, pipelines, projects, trials, ui
from tasks.command.examples import EXAMPLES
from tasks.command.exits import end_on_sigterm, exit_code
from tasks.environment import collect_old_objects_rarely, installed_version
from tasks.errors import UserError, printable
from tasks.paths import STAGES, Paths, Project, find_root

if TYPE_CHECKING:
    from tasks.memo.chain import StageResult


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand and returns its exit code; without arguments that of the command line, and ends the process."""
    options = _parser().parse_args(arguments)
    command = partial(options.command, options)
    if arguments is not None:
        return exit_code(command)
    collect_old_objects_rarely()
    end_on_sigterm()
    code = exit_code(command)
    sys.stdout.flush()
    # Python's own end would wait for threads of libraries, which try for minutes to reach a server that is gone, and
    # show a second Ctrl-C as a traceback.
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelwright",
        description="Raw data in; a registered, gated model out, and proof of how it came to be.",
        epilog=f"The stages, in order: {', '.join(STAGES)}.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="print the versions of this and of Python, and exit"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command, (run, text, arguments) in _COMMANDS.items():
        form = argparse.RawDescriptionHelpFormatter
        example = _EXAMPLES.get(command) or (f"example: {EXAMPLES[command]}" if command in EXAMPLES else None)
        description = f"{text[0].upper()}{text[1:]}."
        subparser = commands.add_parser(
            command, help=text, description=description, epilog=example, formatter_class=form
        )
        for names, settings in arguments:
            subparser.add_argument(*names, **settings)
        subparser.set_defaults(command=run)
    return parser


class _Version(argparse.Action):
    """Prints one line, made when it is asked for: every other command would wait for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import platform

        version = installed_version("modelwright") or "not installed"
        print(f"modelwright {version}, Python {platform.python_version()}, {platform.platform()}")  # noqa: T201
        parser.exit()


def _run(options: argparse.Namespace) -> int:
    project = Project(root=find_root())
    pipeline = _chosen(project, options.pipeline)
    chosen = {"first": options.first, "last": options.last, "force": options.force}
    if options.plain:
        from tasks.memo.chain import run_plain

        results = run_plain(project, pipeline, **chosen)
    else:
        from flows.console import run_training

        results = run_training(pipeline, **chosen)
    paths = project.pipeline(pipeline)
    # After a run by Prefect as after a plain one: the server may be up again by now.
    _deliver(paths)
    outcome = _outcome(pipeline, results)
    if options.json:
        # One line on standard output: programs read it, people read the other.
        # In ASCII, as a terminal may obey what a name holds.
        print(json.dumps(outcome))  # noqa: T201
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


def _status(options: argparse.Namespace) -> int:
    from tasks.command.console import show_status
    from tasks.memo.chain import StageRunner
    from tasks.params.file import pipeline_names

    project = Project(root=find_root())
    for pipeline in [options.pipeline] if options.pipeline else pipeline_names(project.params):
        show_status(pipeline, StageRunner(project, pipeline).out_of_date())
    return 0


def _add(options: argparse.Namespace) -> int:
    from tasks.drafting.add import add_block

    project = Project(root=find_root())
    for path in add_block(project, options.file, source=options.source, name=options.name):
        print(f"wrote {path.relative_to(project.root)}")  # noqa: T201
    return 0


def _init(options: argparse.Namespace) -> int:
    from tasks.command.drafts import show_draft
    from tasks.drafting.pipeline import init_pipeline
    from tasks.drafting.stated import stated

    project = Project(root=find_root())
    given = {"test": options.test, "query": options.query, "settings": options.set, "dry_run": options.dry_run}
    given["stated"] = stated(options.task, options.ignore, options.retype)
    show_draft(init_pipeline(project, options.name, options.source, options.target, **given), project)
    return 0


def _expect(options: argparse.Namespace) -> int:
    from tasks.drafting.expect import redraft

    project = Project(root=find_root())
    redrafted = redraft(project, _chosen(project, options.pipeline), write=options.write, retype=options.retype)
    print(printable("\n".join(redrafted.lines())))  # noqa: T201
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from flows.connection import look_at_server
    from tasks.command.console import show_checks
    from tasks.command.doctor import examine

    checks = [(check.name, check.finding, check.cure) for check in examine(Project(root=find_root()))]
    checks.append(("prefect", *look_at_server()))
    show_checks(checks)
    # As for any mistake that the user can mend, so that scripts may ask.
    return 2 if any(cure for _, _, cure in checks) else 0


def _schema(options: argparse.Namespace) -> int:
    from tasks.params.pipeline import json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201
    return 0


def _schedule(options: argparse.Namespace) -> int:
    from tasks.memo.chain import announced

    with announced("starting Prefect"):
        from flows.deployments import serve_schedules
    serve_schedules(Project(root=find_root()))
    return 0


def _chosen(project: Project, name: str | None) -> str:
    """The pipeline that was named; the only one, when none was."""
    from tasks.params.file import pipeline_names

    if name is not None:
        return name
    names = pipeline_names(project.params)
    # Running all would be a guess, and might take a day.
    if len(names) > 1:
        raise UserError(f"{project.params}: has {len(names)} pipelines; say which: {', '.join(names)}")
    return names[0]


def _argument(*names: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """An argument of a command, as `argparse` takes it."""
    return names, settings


_ONE_PIPELINE = _argument(
    "pipeline", nargs="?", help="a pipeline of params.yaml; may be left out when there is only one"
)

_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str, tuple[Any, ...]]] = {
    **projects.COMMANDS,
    "init": (
        _init,
        "look at your data, and write a pipeline for them: a block of params.yaml and a drafted suite",
        init_options.ARGUMENTS,
    ),
    "run": (
        _run,
        "run a pipeline's stages, as far as they are out of date",
        (
            _ONE_PIPELINE,
            _argument("--plain", action="store_true", help="without Prefect: the same stages, the same files"),
            _argument("--from", dest="first", metavar="STAGE", help="begin at this stage"),
            _argument("--to", dest="last", metavar="STAGE", help="end after this stage"),
            _argument("--force", action="store_true", help="run the stages though nothing changed"),
            _argument("--json", action="store_true", help="print one JSON object on standard output, and nothing else"),
        ),
    ),
    "status": (
        _status,
        "say what is out of date, and why, without running anything",
        (_argument("pipeline", nargs="?", help="a pipeline of params.yaml; all of them when left out"),),
    ),
    "add": (
        _add,
        "add a ready-made block to params.yaml, and draft its expectations",
        (
            _argument("file", type=Path, help="a YAML file with one pipeline, such as examples/sms-spam.yaml"),
            _argument("--source", metavar="PATH", help="the data: a file, a glob or a folder"),
            _argument("--name", help="the pipeline's name, if not the one in the file"),
        ),
    ),
    "expect": (
        _expect,
        "draft the expectations anew, and show how they differ from those that are kept",
        (
            _ONE_PIPELINE,
            _argument("--write", action="store_true", help="take over what is new, and what nobody has edited"),
            _argument("--retype", action="store_true", help="take over new types of columns too, which else stay"),
        ),
    ),
    "list": (
        pipelines.list_all,
        "say of each pipeline what it learns from, its state, its champion and its last metric",
        (_argument("--json", action="store_true", help="print one JSON list, and nothing else"),),
    ),
    "rename": (
        pipelines.rename_one,
        "give a pipeline another name everywhere: block, suite, results, experiment and registered model",
        (
            _argument("old", help="the name that it has"),
            _argument("new", help="the name that it is to have: lower-case letters, digits, - and _"),
        ),
    ),
    "remove": (
        pipelines.remove_one,
        "take a pipeline out: block, suite and results; the registry keeps its versions",
        (
            _argument("pipeline", help="a pipeline of params.yaml, or what is left of one that was taken out by hand"),
            _argument("--yes", action="store_true", help="do not ask"),
        ),
    ),
    "explain": (explain.explain, "say why a registered model answers rows as it does", explain.ARGUMENTS),
    "ui": (
        ui.ui,
        "open MLflow's pages on the training runs: a server on loopback until Ctrl-C, or the address of yours",
        (
            _argument("pipeline", nargs="?", help="whose runs to open on, such as churn; all, where there are several"),
            _argument("--port", type=int, metavar="N", help="the port; 5000, or a free one, if left out"),
            _argument("--open", action="store_true", help="open the browser, too"),
        ),
    ),
    **trials.COMMANDS,
    "doctor": (_doctor, "check the installation, and say how to mend it", ()),
    "schema": (_schema, "print the JSON schema of params.yaml, for editors", ()),
    "schedule": (_schedule, "register prefect.yaml's schedules with a server, and run them here", ()),
}
"""Each subcommand: the function that does it, its line of help, its arguments."""

_EXAMPLES = {"explain": explain.EXAMPLES, **trials.EXAMPLES}


if __name__ == "__main__":
    sys.exit(main())
