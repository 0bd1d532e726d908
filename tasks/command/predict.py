"""`modelwright predict`: answers of a registered model, for new rows or one. What it needs is imported when used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tasks.command.subcommand import JSON, MODEL, QUERY, ROW, SOURCE_SETTINGS, Subcommand, argument, show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root
from tasks.wording import counted

if TYPE_CHECKING:
    from tasks.scoring.job import Progress
    from tasks.scoring.request import Request, ScoringOutcome
    from tasks.tracking.registered import RegisteredModel


def predict(options: argparse.Namespace) -> int:
    """`modelwright predict`."""
    if (options.row is None) == (options.source is None):
        raise UserError(
            f"give one of the two: new rows (`modelwright predict {options.model} new.csv`), or one row with --row"
        )
    from tasks.memo.chain import announced
    from tasks.tracking.registered import registered_model

    project = Project(root=find_root())
    with announced(f"looking up {options.model}"):
        model = registered_model(project, options.model, offline=options.offline)
    return _one_row(options, project, model) if options.row is not None else _many_rows(options, project, model)


def _many_rows(options: argparse.Namespace, project: Project, model: RegisteredModel) -> int:
    from tasks.scoring.job import score

    with _progress(options.json) as progress:
        outcome = score(_request(options, project, model), progress)
    if options.json:
        show_json(outcome.as_dict())
    else:
        _show(outcome)
    return 0


def _request(options: argparse.Namespace, project: Project, model: RegisteredModel) -> Request:
    from tasks.drafting.rows_to_answer import rows_to_answer
    from tasks.scoring.request import Request, settings_of

    return Request(
        project=project,
        model=model,
        source=rows_to_answer(options.source, model, project.root, options.query, options.set),
        out=options.out or default_out(options.source),
        columns=tuple(name.strip() for name in (options.columns or "").split(",") if name.strip()),
        table=options.table,
        password_env=options.password_env,
        settings=settings_of(project, model.name),
    )


def default_out(source: str) -> str:
    """In the working directory, named after the source: `new.predictions.csv`."""
    name = source.rstrip("/").rsplit("/", 1)[-1].partition("?")[0]
    stem = name.partition(".")[0].replace("*", "").strip("-_ ") or "new"
    return f"{stem}.predictions.csv"


def _one_row(options: argparse.Namespace, project: Project, model: RegisteredModel) -> int:
    from tasks.memo.chain import announced
    from tasks.scoring.one_row import answer_row

    text = sys.stdin.read() if options.row == "-" else options.row
    with announced(f"loading {model.shown}"):
        answer = answer_row(project, model, text)
    if options.json:
        show_json(answer)
    else:
        _show_answer(answer, model)
    return 0


def _show_answer(answer: Mapping[str, Any], model: RegisteredModel) -> None:
    from rich.text import Text

    from tasks.command.console import Terminal

    console = Terminal()
    width = max(map(len, answer))
    for name, value in answer.items():
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        console.print(Text.assemble((f"{name:{width}}  ", "dim"), (shown, "bold" if name == "prediction" else "")))
    if model.remark:
        console.print(Text(model.remark, style="yellow"))


@contextmanager
def _progress(is_quiet: bool) -> Iterator[Progress]:
    """A line that counts, to a person who watches."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda num_rows: bar.update(task, completed=num_rows)


def _show(outcome: ScoringOutcome) -> None:
    from rich.text import Text

    from tasks.command.console import Terminal

    console = Terminal()
    console.print(Text.assemble((f"{outcome.model.shown}", "bold"), f"  {outcome.source}"))
    for remark in outcome.remarks:
        console.print(Text(remark, style="yellow"))
    if outcome.num_parts_kept:
        console.print(
            Text(
                f"{counted(outcome.num_parts_kept, 'part was', 'parts were')} answered by an earlier run, and kept",
                style="dim",
            )
        )
    console.print(
        f"{counted(outcome.num_rows, 'row')}: {outcome.num_answered:,} answered, "
        f"{outcome.num_quarantined:,} in quarantine"
    )
    for rule, num_rows in outcome.rules.items():
        console.print(Text(f"  {rule}: {num_rows:,}"))
    for example in outcome.examples:
        console.print(Text(f"    {example}", style="yellow"))
    for rule, num_rows in outcome.warnings.items():
        console.print(Text(f"  answered, though it fails {rule}: {num_rows:,}", style="yellow"))
    _show_drift(console, outcome)
    console.print(Text.assemble(("wrote ", "dim"), outcome.out))
    if outcome.quarantine:
        console.print(Text.assemble(("wrote ", "dim"), str(outcome.quarantine)))


def _show_drift(console: Any, outcome: ScoringOutcome) -> None:
    """One table of how the new rows differ from those that the model learnt from."""
    from rich.table import Table
    from rich.text import Text

    if not outcome.drift:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), title_justify="left")
    for head in ("drift", "column", "since training"):
        table.add_column(head, overflow="fold")
    for warning in outcome.drift:
        column = warning["column"] or ""
        table.add_row(*(Text(cell) for cell in (str(warning["kind"]).replace("_", " "), column, warning["sentence"])))
    console.print(table)


_ARGUMENTS = (
    MODEL,
    argument(
        "source",
        nargs="?",
        help="the new rows: a file, a folder, a glob, an archive, a URL, or a database with --query",
    ),
    argument(
        "--out",
        metavar="PATH|URL",
        help="where the answers go: a .csv or .parquet file, or a database such as sqlite:///answers.db; "
        "SOURCE.predictions.csv if left out",
    ),
    argument("--columns", metavar="A,B", help="columns of the source that come along with the answers"),
    QUERY,
    SOURCE_SETTINGS,
    argument("--table", default="predictions", help="the table of a database that gets the answers (predictions)"),
    argument("--password-env", metavar="NAME", help="the environment variable with the password of --out"),
    ROW,
    argument("--offline", action="store_true", help="ask no registry: answer by the copy that lies here"),
    JSON,
)

COMMANDS = {
    "predict": Subcommand(
        run=predict,
        help="answer new rows by a registered model, each once",
        detail="; those that cannot be read go to quarantine",
        arguments=_ARGUMENTS,
        examples=(
            "modelwright predict churn new.csv",
            "modelwright predict churn@challenger new.parquet --out answers.parquet --columns customer",
            "modelwright predict churn:3 'sqlite:///shop.db' --query 'SELECT * FROM customers' "
            "--out sqlite:///answers.db",
            """modelwright predict churn --row '{"age": 41, "town": "Ulm"}'""",
        ),
    )
}
