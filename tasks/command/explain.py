"""`modelwright explain`: why a registered model answers rows as it does. What it needs is imported when used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.command.subcommand import JSON, MODEL, QUERY, ROW, SOURCE_SETTINGS, Subcommand, argument, show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    import polars as pl

    from tasks.explanation.reasons import Explanation
    from tasks.model_input.conformal import ConformalRule
    from tasks.recipe.recipe import Recipe
    from tasks.tracking.registered import RegisteredModel

_FORMS = (".html", ".csv", ".parquet", ".json")
_SHOWN = 5
_MOST_ON_A_PAGE = 200
_WORDS_SHOWN = 6
_ROWS_AT_ONCE = 1_000
_MOST_COUNTED = 100_000
"""Rows that are read only to say how many there are."""


def explain(options: argparse.Namespace) -> int:
    """`modelwright explain`."""
    _check(options)
    from tasks.memo.chain import announced
    from tasks.model_input.conformal import read_conformal
    from tasks.recipe.recipe import read_recipe
    from tasks.tracking.registered import registered_model

    project = Project(root=find_root())
    with announced(f"looking up {options.model}"):
        registered = registered_model(project, options.model, offline=options.offline)
    recipe = read_recipe(registered.model / "recipe.json")
    conformal = registered.conformal
    rule = read_conformal(conformal, recipe.target.classes) if conformal else None
    notes = [registered.remark] if registered.remark else []
    numbers, rows, num_rows = _read(options, project, registered, recipe, rule, notes)
    explanations = _explained(registered, recipe, rule, numbers, rows, options.class_name)
    if options.out:
        _write(Path(options.out), registered.shown, explanations, notes)
    _tell(options, registered, explanations, notes, num_rows)
    return 0


def _check(options: argparse.Namespace) -> None:
    if (options.row is None) == (options.source is None):
        raise UserError("give a source of rows, or one row with --row; `modelwright explain --help` has examples")
    if options.out and Path(options.out).suffix not in _FORMS:
        raise UserError(
            f"--out {options.out}: by its end nobody knows what to write; let it end in {', '.join(_FORMS)}"
        )


def _read(
    options: argparse.Namespace,
    project: Project,
    registered: RegisteredModel,
    recipe: Recipe,
    rule: ConformalRule | None,
    notes: list[str],
) -> tuple[list[int], pl.DataFrame, int]:
    """The numbers of the rows, they as they are at rest, and how many the source has, of many as far as they were
    counted; what cannot be read of a source is a note."""
    import polars as pl

    from tasks.explanation.raw_rows import readable_rows, single_row
    from tasks.scoring.arguments import words_of_the_command
    from tasks.scoring.one_row import json_row

    column = rule.column_beside([feature.name for feature in recipe.raw_features]) if rule else None
    if options.row is not None:
        cells = json_row(sys.stdin.read() if options.row == "-" else options.row)
        return [1], single_row(cells, recipe, column if column in cells else None), 1
    numbers: list[int] = []
    tables: list[pl.DataFrame] = []
    refused: list[str] = []
    num_rows, most = 0, _most(options)
    with words_of_the_command():
        for part in _parts(options, project, registered, most, [column] if column else []):
            rows = part if most is None else part.head(max(0, most - num_rows))
            own, table, reasons = readable_rows(
                rows.to_dicts(), num_rows + 1, recipe, column if column in rows.columns else None
            )
            num_rows += part.height
            numbers, tables, refused = [*numbers, *own], [*tables, table], [*refused, *reasons]
    notes += refused
    if not numbers:
        raise UserError(f"{options.source}: none of its rows can be read; {notes[-1]}")
    if num_rows > _MOST_ON_A_PAGE and _is_page(options):
        notes.append(
            f"only the first {_MOST_ON_A_PAGE} rows are on a page; with --out reasons.csv all of them are told of"
        )
    return numbers, pl.concat(tables), num_rows


def _most(options: argparse.Namespace) -> int | None:
    if _is_page(options):
        return _MOST_ON_A_PAGE
    return None if options.out or options.json else _SHOWN


def _is_page(options: argparse.Namespace) -> bool:
    return bool(options.out) and Path(options.out).suffix == ".html"


def _parts(
    options: argparse.Namespace,
    project: Project,
    registered: RegisteredModel,
    most: int | None,
    optional: Sequence[str],
) -> Iterator[pl.DataFrame]:
    """The rows of a source as it writes them, some at a time: all of them, or, beyond the first, as many as are
    counted."""
    from tasks.drafting.rows_to_answer import rows_to_answer
    from tasks.scoring.new_rows import open_rows
    from tasks.sources.base import Place
    from tasks.tracking.packed_model import asked_columns

    block = rows_to_answer(options.source, registered, project.root, options.query, options.set)
    trained = (registered.passport or {}).get("parameters", {}).get("ingest", {}).get("source")
    place = Place(root=project.root, downloads=project.downloads)
    new = open_rows(block, trained, asked_columns(registered.packed, registered.shown), place, optional)
    num_rows = 0
    for part, _ in new.parts(_ROWS_AT_ONCE):
        yield part
        num_rows += part.height
        if most is not None and num_rows >= _MOST_COUNTED:
            return


def _explained(
    registered: RegisteredModel,
    recipe: Recipe,
    rule: ConformalRule | None,
    numbers: Sequence[int],
    rows: pl.DataFrame,
    class_name: str | None,
) -> list[tuple[int, Explanation]]:
    from tasks.explanation.reasons import explained
    from tasks.model_input.decision import LIKELIEST, read_decision
    from tasks.trainers import load

    model, file = load(registered.model, recipe.spec()), registered.decision
    decision = LIKELIEST if file is None else read_decision(file, recipe.target.classes)
    return list(zip(numbers, explained(model, recipe, rows, class_name, decision, rule), strict=True))


def _write(path: Path, shown: str, explanations: Sequence[tuple[int, Explanation]], notes: Sequence[str]) -> None:
    from tasks import files
    from tasks.explanation.page import page
    from tasks.explanation.table import reasons_table

    match path.suffix:
        case ".html":
            files.write_text(path, page(shown, explanations, notes))
        case ".csv":
            files.write_text(path, reasons_table(explanations).write_csv())
        case ".parquet":
            with files.aside(path) as draft:
                reasons_table(explanations).write_parquet(draft)
        case _:
            files.write_json(path, [{"row": number, **one.as_dict()} for number, one in explanations])


def _tell(
    options: argparse.Namespace,
    registered: RegisteredModel,
    explanations: Sequence[tuple[int, Explanation]],
    notes: Sequence[str],
    num_rows: int,
) -> None:
    if options.json:
        rows = [{"row": number, **one.as_dict()} for number, one in explanations]
        content = {"model": registered.name, "version": registered.version, "rows": rows, "notes": list(notes)}
        show_json(content)
        return
    from tasks.command.console import Terminal

    console = Terminal()
    for number, one in explanations[:_SHOWN]:
        _show(console, f"{registered.shown}, row {number}", one)
    from rich.text import Text

    for note in notes:
        console.print(Text(note, style="yellow"))
    if num_rows > _SHOWN:
        counted = f"{num_rows:,}{' or more' * (num_rows >= _MOST_COUNTED and not options.out)}"
        others = "" if options.out else "; --out reasons.csv writes all of them"
        console.print(Text(f"{len(explanations[:_SHOWN])} of {counted} rows are shown{others}", style="dim"))
    if options.out:
        console.print(Text.assemble(("wrote ", "dim"), options.out))


def _show(console: Any, title: str, one: Explanation) -> None:
    from rich.table import Table
    from rich.text import Text

    from tasks.explanation.page import added, head, region_line, shown, sum_line

    console.print(Text.assemble((title, "bold"), f": {head(one)}"))
    if one.region:
        console.print(Text(region_line(one.region)))
    console.print(Text(f"{sum_line(one)}; by {one.method}", style="dim"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for reason in one.reasons:
        style = "blue" if reason.amount > 0 else "yellow"
        table.add_row(
            f"  {reason.column}", shown(reason.value), Text(added(reason.amount), style=style), _words(reason)
        )
    console.print(table)
    console.print()


def _words(reason: Any) -> str:
    """The words of a text that weigh most."""
    from tasks.explanation.page import added

    spans = sorted(reason.spans, key=lambda span: -abs(span.amount))[:_WORDS_SHOWN]
    words = [f"{reason.value[span.start : span.end]} {added(span.amount)}" for span in spans]
    return ", ".join([*words, *([f"words that are not there {added(reason.elsewhere)}"] if reason.elsewhere else [])])


_ARGUMENTS = (
    MODEL,
    argument(
        "source", nargs="?", help="the rows: a file, a folder, a glob, an archive, a URL, or a database with --query"
    ),
    QUERY,
    SOURCE_SETTINGS,
    ROW,
    argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="the class that the reasons are about; by default the "
        "last one of two, and of more the one that is answered",
    ),
    argument(
        "--out",
        metavar="PATH",
        help="all rows as a page with marked words and heat maps (.html), as a table (.csv, .parquet) or as .json",
    ),
    argument("--offline", action="store_true", help="ask no registry: explain the copy that lies here"),
    JSON,
)

COMMANDS = {
    "explain": Subcommand(
        run=explain,
        help="say why a registered model answers rows as it does",
        arguments=_ARGUMENTS,
        examples=(
            """modelwright explain churn --row '{"age": 41, "town": "Ulm"}'""",
            "modelwright explain churn@challenger new.csv --out reasons.html",
            "modelwright explain species:2 photo.png --class cat",
        ),
    )
}
