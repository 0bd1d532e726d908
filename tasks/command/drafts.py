"""What a person sees of `modelwright init`: what was found, what was chosen and why, what to think about, what next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tasks.command.console import Terminal
from tasks.drafting.findings import share
from tasks.drafting.pipeline import DraftedPipeline
from tasks.paths import Project
from tasks.wording import counted

_MOST_COLUMNS = 40
_MOST_WARNINGS = 20
_LONGEST_EXAMPLE, _LONGEST_EXAMPLES = 24, 50


@contextmanager
def watched(work: str) -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is being measured, as that takes minutes; a pipe gets nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status("reading the data") as status:
        yield lambda name: status.update(escape(f"{work}: {name}"))


def show_draft(draft: DraftedPipeline, project: Project) -> None:
    """The whole page; after a dry run the block in place of the files that were written."""
    console = Terminal(soft_wrap=False)
    console.print(f"[bold]{escape(draft.name)}[/]  {escape(draft.summary)}\n")
    console.print(_columns(draft))
    _show_choice(console, draft)
    _show_findings(console, draft)
    if not draft.written:
        console.print("[bold]The block for params.yaml[/], not written as this is a dry run:\n")
        # As text, or rich reads brackets as markup; unbroken, or the YAML cannot be copied.
        console.print(Text(draft.block), soft_wrap=True)
        return
    for path in draft.written:
        console.print(f"[dim]wrote[/] {escape(project.pipeline(draft.name).relative(path))}")
    if draft.kept_suite:
        kept = escape(project.pipeline(draft.name).relative(draft.kept_suite))
        console.print(f"[dim]kept [/] {kept} as it was")
    console.print(f"\nNext: look through the block in params.yaml, then  [bold]modelwright run {draft.name}[/]")


def _columns(draft: DraftedPipeline) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("column", overflow="fold", min_width=12)
    for head in ("type", "role"):
        table.add_column(head, min_width=9)
    for head in ("missing", "distinct"):
        table.add_column(head, justify="right", min_width=8)
    # The last column may be cut: it is an example.
    table.add_column("such as", overflow="ellipsis", no_wrap=True)
    names = draft.facts.names
    for name in names[:_MOST_COLUMNS]:
        table.add_row(*(Text(cell) for cell in _cells(draft, name)))
    if len(names) > _MOST_COLUMNS:
        table.add_row(Text(f"... and {len(names) - _MOST_COLUMNS} more"))
    return table


def _cells(draft: DraftedPipeline, name: str) -> Sequence[str]:
    state, facts = draft.facts.state(name), draft.facts
    about = "" if state.is_exact else "~"
    missing = share(state.num_missing, state.num_rows) if state.num_missing else "-"
    return (
        name,
        facts.types[name],
        draft.decisions.role(name),
        missing,
        f"{about}{state.num_distinct:,}",
        _short(", ".join(_examples(draft, name)), _LONGEST_EXAMPLES),
    )


def _examples(draft: DraftedPipeline, name: str) -> Iterable[str]:
    if draft.facts.is_media(name):
        return ("bytes",)
    # A few distinct ones of the first: all values would be looked through for three.
    values = draft.facts.profile.sample[name].drop_nulls().head(200).unique(maintain_order=True).head(3)
    return (_short(str(value), _LONGEST_EXAMPLE) for value in values)


def _short(value: str, longest: int) -> str:
    plain = " ".join(value.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _show_choice(console: Console, draft: DraftedPipeline) -> None:
    target, choice = draft.decisions.target, draft.decisions.choice
    runner_up = f" Otherwise perhaps --target {target.runner_up}." if target.runner_up else ""
    console.print(f"\n[bold]target[/]  {escape(target.name)}, {target.task} ({escape(target.why)}).{escape(runner_up)}")
    num_features = len(draft.decisions.features)
    console.print(
        f"[bold]model[/]   {_model_name(draft)} on {counted(num_features, 'column')}: {escape(choice.reason)}."
    )
    # Unbroken, as its columns stand under each other.
    tried = ("", *choice.tried, "") if choice.tried else ("",)
    console.print(Text("\n".join(tried)), soft_wrap=True, style="dim")


def _model_name(draft: DraftedPipeline) -> str:
    train = draft.decisions.choice.train
    inner = train.get("network") or train.get("estimator") or {}
    return f"{train['kind']} {inner.get('kind', '')}".strip()


def _show_findings(console: Console, draft: DraftedPipeline) -> None:
    warnings = [finding for finding in draft.findings if finding.is_warning]
    notes = [finding for finding in draft.findings if not finding.is_warning]
    for head, style, findings in (("To think about", "yellow", warnings), ("Also found", "dim", notes)):
        if not findings:
            continue
        console.print(f"[bold]{head}[/]")
        for finding in findings[:_MOST_WARNINGS]:
            console.print(Text.assemble((f"  {finding.kind.replace('_', ' ')}: ", style), finding.message))
        if len(findings) > _MOST_WARNINGS:
            console.print(f"  ... and {len(findings) - _MOST_WARNINGS} more; the block in params.yaml has them")
        console.print()
