"""The subcommands that only look: models, runs, logs, open. What they need is imported when used."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.command.subcommand import JSON, Subcommand, argument, show_json
from tasks.errors import UserError, printable
from tasks.operating import places
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.tracking.recent_runs import RecentRun
    from tasks.tracking.registry_overview import ModelSummary

_RUNS = 20
_LINES = 200


def models(options: argparse.Namespace) -> int:
    """`modelwright models`."""
    from tasks.errors import did_you_mean
    from tasks.tracking.registry_overview import registered_models

    summaries = registered_models(Project(root=find_root()))
    if options.name is not None:
        names = [one.name for one in summaries]
        if options.name not in names:
            raise UserError(f"{options.name}: the registry has no such model{did_you_mean(options.name, names)}")
        summaries = [one for one in summaries if one.name == options.name]
    if options.json:
        show_json({"models": [one.as_dict() for one in summaries]})
    elif options.name is not None:
        _show_versions(summaries[0])
    else:
        _show_models(summaries)
    return 0


def _show_models(summaries: list[ModelSummary]) -> None:
    if not summaries:
        print("no model is registered yet; `modelwright run` registers one")  # noqa: T201
        return
    rows = [
        (one.name, _version(one.champion), _version(one.challenger), str(len(one.versions)), one.last_verdict or "-")
        for one in summaries
    ]
    _show_table(("model", "champion", "challenger", "versions", "last verdict"), rows)


def _show_versions(summary: ModelSummary) -> None:
    rows = [
        (str(one.number), ", ".join(one.aliases) or "-", _moment(one.created), one.verdict or "-")
        for one in summary.versions
    ]
    _show_table(("version", "aliases", "made", "verdict"), rows)


def _version(number: int | None) -> str:
    return "-" if number is None else f"version {number}"


def runs(options: argparse.Namespace) -> int:
    """`modelwright runs`."""
    from tasks.params.file import load_pipeline, pipeline_names
    from tasks.tracking.recent_runs import recent_runs

    if options.last < 1:
        raise UserError(f"runs: --last {options.last}: give 1 or more")
    project = Project(root=find_root())
    names = pipeline_names(project.params) if options.pipeline is None else [options.pipeline]
    metrics = {name: load_pipeline(project.params, name).register_.metric for name in names}
    recent = recent_runs(project, metrics, options.last)
    if options.json:
        show_json({"runs": [run.as_dict() for run in recent]})
    elif recent:
        _show_table(
            ("pipeline", "run", "state", "began", "training took", "metric", "version", "what differs"),
            [*map(_run_cells, recent)],
        )
    else:
        print(f"nothing ran yet; `modelwright run {' '.join(names[:1])}` does".replace("  ", " "))  # noqa: T201
    return 0


def _run_cells(run: RecentRun) -> tuple[str, ...]:
    from tasks.wording import number

    return (
        run.pipeline,
        run.run_id[:8],
        run.state,
        _moment(run.started),
        "-" if run.seconds is None else _duration(run.seconds),
        "-" if run.value is None else f"{run.metric} {number(run.value)}",
        ", ".join(map(str, run.versions)) or "-",
        run.name,
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _moment(seconds: float) -> str:
    """In this machine's time."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _show_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """The last column goes on in the next line where it does not fit: it is a sentence."""
    from rich.table import Table
    from rich.text import Text

    from tasks.command.console import Terminal

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head != heads[-1])
    for row in rows:
        table.add_row(*map(Text, row))
    Terminal(soft_wrap=False).print(table)


def logs(options: argparse.Namespace) -> int:
    """`modelwright logs`."""
    if options.lines < 1:
        raise UserError(f"logs: --lines {options.lines}: give 1 or more")
    project = Project(root=find_root())
    if options.servers:
        log = places.log(project)
        if not log.is_file():
            raise UserError(f"{log}: no servers ran in the background here, so there is no such file")
        text = log.read_text(encoding="utf-8", errors="replace")
        _show_lines(options, {"file": str(log)}, text.splitlines())
        return 0
    from flows.run_logs import run_logs

    run = run_logs(options.run)
    lines = [f"{moment.astimezone():%Y-%m-%d %H:%M:%S}  {message}" for moment, message in run.lines]
    _show_lines(options, {"run": run.run_id, "name": run.name, "state": run.state}, lines)
    return 0


def _show_lines(options: argparse.Namespace, about: dict[str, str], lines: list[str]) -> None:
    last = lines[-options.lines :]
    if options.json:
        show_json({**about, "num_lines": len(lines), "lines": last})
        return
    if "name" in about:
        print(printable(f"{about['name']}: {about['state']}"))  # noqa: T201
    for line in last:
        print(printable(line))  # noqa: T201


def open_one(options: argparse.Namespace) -> int:
    """`modelwright open`."""
    from tasks.command.open_page import open_page

    return open_page(options)


COMMANDS = {
    "models": Subcommand(
        run=models,
        help="list the registered models: champion, challenger, last verdict",
        arguments=(argument("name", nargs="?", help="the versions of this one"), JSON),
        examples=("modelwright models", "modelwright models churn"),
    ),
    "runs": Subcommand(
        run=runs,
        help="list the last runs: state, duration, metric, what differs",
        arguments=(
            argument("pipeline", nargs="?", help="a pipeline of params.yaml; all of them when left out"),
            argument("--last", type=int, default=_RUNS, metavar="N", help=f"how many ({_RUNS})"),
            JSON,
        ),
        examples=("modelwright runs", "modelwright runs churn --last 5"),
    ),
    "logs": Subcommand(
        run=logs,
        help="print what Prefect wrote down of a run",
        detail=", or the log of the servers in the background",
        arguments=(
            argument("run", nargs="?", metavar="RUN", help="how its name or id begins; the newest run, if left out"),
            argument("--servers", action="store_true", help="what servers in the background said"),
            argument("--lines", type=int, default=_LINES, metavar="N", help=f"the last N lines alone ({_LINES})"),
            JSON,
        ),
        examples=("modelwright logs churn",),
    ),
    "open": Subcommand(
        run=open_one,
        help="open a page in the browser: report, model, run, data docs",
        detail="; without a display it prints where the page is",
        arguments=(
            argument("pipeline", nargs="?", help="a pipeline of params.yaml; may be left out when there is only one"),
            argument(
                "--what",
                choices=("report", "model", "run", "prefect", "data-docs"),
                default="report",
                help="the test report (by default), MLflow's page of the model or of the last run, Prefect's runs, or "
                "what was asked of the data",
            ),
            JSON,
        ),
        examples=("modelwright open churn", "modelwright open churn --what model"),
    ),
}
