"""What `modelwright list` shows: a line for each pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from tasks import files
from tasks.command.console import Terminal
from tasks.errors import UserError
from tasks.paths import STAGES, Paths, Project


@dataclass(frozen=True, kw_only=True)
class PipelineState:
    """One pipeline. `champion` is the version that the registry has now; `metric` what the last evaluate found."""

    name: str
    source: str
    target: str
    trainer: str
    state: str
    champion: str
    metric: str

    def as_dict(self) -> dict[str, str]:
        """Plain values, ready for JSON."""
        return asdict(self)


def overview(project: Project) -> list[PipelineState]:
    """All pipelines of params.yaml, in its order; one that cannot be read is listed, too, with what is wrong."""
    from tasks.params.file import pipelines_in

    blocks = pipelines_in(project.params)
    champions = _champions(project, [*blocks])
    return [_state_of(project.pipeline(name), block, champions[name]) for name, block in blocks.items()]


def show_overview(rows: Sequence[PipelineState]) -> None:
    """A table as wide as it has to be."""
    console = Terminal()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in PipelineState.__dataclass_fields__:
        table.add_column("pipeline" if head == "name" else head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row.as_dict().values()))
    console.print(table)


_NO_ANSWER = "the registry does not answer"


def _state_of(paths: Paths, block: Any, champion: str) -> PipelineState:
    from tasks.params.file import check_pipeline

    try:
        config = check_pipeline(paths.project.params, paths.pipeline, block)
    except UserError as error:
        state = f"cannot be read: {_first_line(error)}"
        return PipelineState(
            name=paths.pipeline, source="", target="", trainer="", state=state, champion=champion, metric=""
        )
    return PipelineState(
        name=paths.pipeline,
        source=_location(config.ingest.source, paths.project),
        target=config.ingest.target,
        trainer=_trainer(block["train"]),
        state=_up_to_date(paths, asks_registry=champion != _NO_ANSWER),
        champion=champion,
        metric=_last_metric(paths, config.register_.metric),
    )


def _location(config: Any, project: Project) -> str:
    from tasks.sources import source
    from tasks.sources.base import Place

    # As messages name it: never with a password.
    return source(config, Place(root=project.root, downloads=project.downloads)).location


def _trainer(train: Mapping[str, Any]) -> str:
    inner = train.get("network") or train.get("estimator") or {}
    return f"{train['kind']} {inner.get('kind', '')}".strip()


def _up_to_date(paths: Paths, *, asks_registry: bool) -> str:
    from tasks.memo.chain import StageRunner

    try:
        reasons = StageRunner(paths.project, paths.pipeline).out_of_date(asks_registry=asks_registry)
    except UserError as error:
        return f"cannot say: {_first_line(error)}"
    if all(reasons[stage] == ("never ran",) for stage in STAGES):
        return "never ran"
    first = next((stage for stage in STAGES if reasons[stage]), None)
    return f"out of date: {first}, {reasons[first][0]}" if first else "up to date"


def _last_metric(paths: Paths, metric: str) -> str:
    if not paths.metrics.exists():
        return "-"
    try:
        value = files.read_json(paths.metrics).get(metric)
    except UserError:
        return "damaged"
    return "-" if value is None else f"{metric} {value:.4f}"


def _champions(project: Project, names: Sequence[str]) -> dict[str, str]:
    from tasks.tracking.names import champions

    try:
        versions = champions(project, names)
    except UserError:
        return dict.fromkeys(names, _NO_ANSWER)
    return {name: "-" if number is None else f"version {number}" for name, number in versions.items()}


def _first_line(error: UserError) -> str:
    return str(error).splitlines()[0]
