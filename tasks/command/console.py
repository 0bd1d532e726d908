"""What a person sees of a run: a line a stage, then the model and where to look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

from tasks.errors import printable
from tasks.operating.operation import page_of
from tasks.operating.service import PREFECT
from tasks.paths import Paths
from tasks.tracking import pages, store
from tasks.tracking.page_server import page_address

if TYPE_CHECKING:
    from tasks.memo.chain import StageResult

PIPED_WIDTH = 120
"""Columns of a line when no terminal says how many it has."""
IN_A_LINE = 3
"""Settings that stand in one line; of more, each has its own. An ensemble has thirty and more."""

_STYLES = {"ran": "green", "restored": "cyan", "unchanged": "dim"}


class Terminal(Console):
    """A console on which names and cells are text, whatever they hold: control signs are shown, and not obeyed."""

    def __init__(self, *, soft_wrap: bool = True) -> None:
        super().__init__(highlight=False, soft_wrap=soft_wrap)
        # rich takes 80 columns for a pipe, and would cut the reasons.
        if not self.is_terminal:
            self.width = PIPED_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """All that is printed comes by here, as text with its style; rich's own control signs are segments apart."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def show_run(results: Sequence[StageResult], model: Mapping[str, Any] | None, paths: Paths) -> None:
    """The table of stages, the model, and the commands that open the pages."""
    console = Terminal()
    # A run without stages has none to be as wide as.
    width = max([0, *(len(result.report.figure) for result in results)])
    head = f"{'stage':11}{'outcome':11}{'seconds':>7}  {'':{width}}  why"
    console.print(Text(head, style="bold"), no_wrap=True, crop=True)
    for result in results:
        console.print(_stage_line(result, width), no_wrap=True, overflow="ellipsis")
    for result in results:
        # Below the table: hints are sentences, and would break its lines.
        for hint in result.report.diagnostics:
            console.print(Text(f"{result.stage}: {hint}", style="yellow"))
    if model is None:
        return
    aliases = ", ".join(model["aliases"]) or "no alias"
    console.print(f"\n[bold]{model['name']}[/] version {model['version']} ({aliases})")
    for label, where in _places(model, paths).items():
        console.print(f"  [dim]{label:8}[/]{escape(where)}")


def _places(model: Mapping[str, Any], paths: Paths) -> dict[str, str]:
    """Where to look next: a file or a page, and before a page what is to be started first."""
    page = f"{page_address(paths.project)}{pages.version(model['name'], model['version'])}"
    ui, server = f"modelwright ui {paths.pipeline}", "prefect server start"
    width = max(25, len(ui) + 2)
    return {
        "report": paths.relative(paths.report_page),
        "models": f"{ui:{width}}{page}" if store.is_local(paths.project) else page,
        "runs": page_of(paths.project, PREFECT) or f"{server:{width}}http://127.0.0.1:4200",
    }


def _stage_line(result: StageResult, width: int) -> Text:
    """One line, however many reasons there are: those that do not fit are cut off."""
    return Text.assemble(
        f"{result.stage:11}",
        (f"{result.outcome:11}", _STYLES[result.outcome]),
        f"{result.seconds:7.1f}  {result.report.figure:{width}}  ",
        (", ".join(result.why), "dim"),
    )


@dataclass(frozen=True)
class StageState:
    """Whether a stage has something to do. `why` is empty for one that only waits for an earlier one, `after`."""

    stage: str
    state: Literal["up to date", "out of date", "may follow", "not known"]
    why: tuple[str, ...] = ()
    after: str | None = None


def stage_states(reasons: Mapping[str, Sequence[str]], *, registry_answers: bool = True) -> list[StageState]:
    """Of each stage, by the reasons why it is out of date itself."""
    states: list[StageState] = []
    first: str | None = None
    for stage, why in reasons.items():
        if why:
            states.append(StageState(stage, "out of date", tuple(why)))
        elif first:
            states.append(StageState(stage, "may follow", after=first))
        elif stage == "register" and not registry_answers:
            states.append(StageState(stage, "not known", ("the registry does not answer",)))
        else:
            states.append(StageState(stage, "up to date"))
        # The first stage that is out of date: all behind it may change or may come out the same.
        first = first or (stage if why else None)
    return states


def show_status(
    pipeline: str, reasons: Mapping[str, Sequence[str]], remark: str | None = None, *, registry_answers: bool = True
) -> None:
    """For each stage whether it is up to date, and why not; and a sentence on what else is under way."""
    console = Terminal()
    console.print(f"[bold]{pipeline}[/]")
    for one in stage_states(reasons, registry_answers=registry_answers):
        style = "green" if one.state == "up to date" else "yellow"
        detail = f"from {one.after}" if one.after else escape("; ".join(one.why))
        console.print(f"  {one.stage:10} [{style}]{one.state:11}[/]  {detail}".rstrip())
    if remark is not None:
        console.print(f"  {escape(remark)}")


def show_checks(checks: Sequence[tuple[str, str, str | None]]) -> None:
    """The doctor's findings: what was looked at, what was found, and how to mend it where it needs mending."""
    console = Terminal()
    for name, finding, cure in checks:
        mark = "[green]ok  [/]" if cure is None else "[red]mend[/]"
        console.print(f"{mark} {name:14} {escape(finding)}")
        if cure is not None:
            console.print(f"     {'':14} -> {escape(cure)}")
