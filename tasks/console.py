"""What a person sees of a run: a line a stage, then the model and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from tasks.paths import Paths

if TYPE_CHECKING:
    from tasks.chain import StageResult

PIPED_WIDTH = 120
"""Columns of a line when no terminal says how many it has."""

_STYLES = {"ran": "green", "restored": "cyan", "unchanged": "dim"}


def show_run(results: Sequence[StageResult], model: Mapping[str, Any] | None, paths: Paths) -> None:
    """The table of stages, the model, and the commands that open the pages."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    table = Table("stage", "outcome", Column("seconds", justify="right"), "", box=None, padding=(0, 2, 0, 0))
    table.add_column("why", no_wrap=True, overflow="ellipsis", style="dim")
    for result in results:
        outcome = Text(result.outcome, style=_STYLES[result.outcome])
        table.add_row(
            result.stage, outcome, f"{result.seconds:.1f}", escape(result.report.figure), escape(", ".join(result.why))
        )
    console.print(table)
    if model is None:
        return
    aliases = ", ".join(model["aliases"]) or "no alias"
    console.print(f"\n[bold]{model['name']}[/] version {model['version']} ({aliases})")
    for label, command in (
        ("report", paths.relative(paths.report_page)),
        ("models", "make ui                  http://127.0.0.1:5000"),
        ("runs", "prefect server start     http://127.0.0.1:4200"),
    ):
        console.print(f"  [dim]{label:8}[/]{command}")


def show_status(pipeline: str, reasons: Mapping[str, Sequence[str]]) -> None:
    """For each stage whether it is up to date, and why not."""
    console = Console(highlight=False)
    console.print(f"[bold]{pipeline}[/]")
    waiting_for: str | None = None
    for stage, why in reasons.items():
        if why:
            console.print(f"  {stage:10} [yellow]out of date[/]  {escape('; '.join(why))}")
        elif waiting_for:
            console.print(f"  {stage:10} [yellow]may follow[/]   from {waiting_for}")
        else:
            console.print(f"  {stage:10} [green]up to date[/]")
        waiting_for = waiting_for or (stage if why else None)


def show_checks(checks: Sequence[tuple[str, str, str | None]]) -> None:
    """The doctor's findings: what was looked at, what was found, and how to mend it where it needs mending."""
    console = Console(highlight=False)
    for name, finding, cure in checks:
        mark = "[green]ok  [/]" if cure is None else "[red]mend[/]"
        console.print(f"{mark} {name:14} {escape(finding)}")
        if cure is not None:
            console.print(f"     {'':14} -> {escape(cure)}")
