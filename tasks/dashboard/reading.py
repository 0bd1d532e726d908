"""The page's content, read from what stages left and from what the registry has; nothing is run or written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tasks import files
from tasks.dashboard.content import (
    LOOKING,
    DriftNote,
    Freshness,
    PageLink,
    PipelinePanel,
    Refusal,
    ShownMetric,
    ShownReign,
    ShownRun,
)
from tasks.dashboard.monitored import monitoring_page, newest_windows
from tasks.errors import UserError
from tasks.paths import Paths, Project
from tasks.promotion.history import AliasRecord
from tasks.promotion.reigns import reigns
from tasks.tracking import pages
from tasks.tracking.registry_view import ViewedModel, ViewedRun
from tasks.tracking.tags import CHALLENGER, CHAMPION
from tasks.wording import number

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""As params.yaml may have it. Another name may lead out of the project's folders, so no file is read by it."""

_MOST_SENTENCES = 6
_NARROWEST = 1.5
"""Percent of the line of time: a reign of a minute in a year is to be seen."""


def panel(
    project: Project,
    name: str,
    block: Any,
    model: ViewedModel,
    *,
    freshness: Freshness = LOOKING,
    mlflow: str | None = None,
    now: datetime,
) -> PipelinePanel:
    """All that is known of a pipeline. `mlflow` is the address of MLflow's pages, where they are served."""
    if not _NAME.fullmatch(name):
        return PipelinePanel(name=name, problem="a name has lower-case letters, digits, - and _")
    paths = project.pipeline(name)
    problem, settings = _settings(paths, block)
    champion = model.aliases.get(CHAMPION)
    shown = shown_reigns(model.records, now)
    return PipelinePanel(
        name=name,
        problem=problem,
        trainer=settings.get("trainer", ""),
        target=settings.get("target", ""),
        freshness=freshness,
        metric=_metric(paths),
        verdict=_verdict(paths),
        refusal=_refusal(paths),
        champion=champion,
        challenger=model.aliases.get(CHALLENGER),
        moved=champion != (shown[-1].version if shown else None),
        reigns=shown,
        runs=tuple(_run(name, run, settings.get("metric", ""), mlflow) for run in model.runs),
        drift=_drift(paths, champion),
        links=tuple(_links(paths, champion, mlflow)),
    )


def shown_reigns(records: Sequence[AliasRecord], now: datetime) -> tuple[ShownReign, ...]:
    """Who was champion from when to when, the first one first, with each one's place on the line of time."""
    changes = reigns(records)
    if not changes:
        return ()
    begins = [reign.record.moment for reign in changes]
    # Clocks of two machines may be apart.
    whole = max((max(now, *begins) - begins[0]).total_seconds(), 1.0)
    ends = [*begins[1:], None]
    spans = [((end or max(now, begin)) - begin).total_seconds() for begin, end in zip(begins, ends, strict=True)]
    shares = _widened([max(span, 0.0) / whole for span in spans])
    return tuple(
        ShownReign(
            version=reign.version,
            began=begin,
            ended=end,
            who=reign.record.who,
            reason=reign.record.reason,
            verdict=reign.record.verdict,
            is_guessed=reign.is_guessed,
            start=100 * sum(shares[:place]),
            width=100 * shares[place],
        )
        for place, (reign, begin, end) in enumerate(zip(changes, begins, ends, strict=True))
    )


def _widened(shares: Sequence[float]) -> list[float]:
    """The shares, each large enough to be seen, that add up to one."""
    least = min(_NARROWEST / 100, 1 / len(shares))
    wide = [max(share, least) for share in shares]
    return [share / sum(wide) for share in wide]


def _settings(paths: Paths, block: Any) -> tuple[str, dict[str, str]]:
    """What is wrong with the block, and of one with nothing wrong its trainer, target and metric."""
    from tasks.params.file import check_pipeline

    try:
        config = check_pipeline(paths.project.params, paths.pipeline, block)
    except UserError as error:
        return str(error).splitlines()[0], {}
    train = block["train"]
    inner = train.get("network") or train.get("estimator") or {}
    trainer = f"{train['kind']} {inner.get('kind', '')}".strip()
    return "", {"trainer": trainer, "target": config.ingest.target, "metric": config.register_.metric}


def _content(file: Any) -> Mapping[str, Any]:
    """What a stage left; nothing where it is not there or damaged, which the next run mends."""
    try:
        content = files.read_json(file)
    except UserError:
        return {}
    return content if isinstance(content, dict) else {}


def _metric(paths: Paths) -> ShownMetric | None:
    content = _content(paths.evaluation)
    if not isinstance(content.get("value"), float | int) or "metric" not in content:
        return None
    return ShownMetric(
        name=str(content["metric"]),
        value=content["value"],
        low=content.get("low"),
        high=content.get("high"),
        num_rows=content.get("num_rows"),
    )


def _verdict(paths: Paths) -> str:
    """Why the last version is champion or not, in a sentence."""
    promotion = _content(paths.verdict).get("promotion") or {}
    return str(promotion.get("sentence", ""))


def _refusal(paths: Paths) -> Refusal | None:
    """The gate that said no last: the later stage's, as it came so far."""
    verdict = _content(paths.verdict)
    if verdict.get("decision") == "reject":
        return Refusal(stage="register", sentences=_rules(verdict.get("rules", ())))
    validation = _content(paths.validation_report)
    if validation.get("refusals"):
        return Refusal(stage="validate", sentences=_few(map(str, validation["refusals"])))
    return None


def _rules(rules: Iterable[Any]) -> tuple[str, ...]:
    from pydantic import ValidationError

    from tasks.promotion.gate_rule import GateRule

    try:
        return _few(rule.sentence() for rule in map(GateRule.model_validate, rules) if not rule.passed)
    # Of another version of the tool.
    except ValidationError:
        return ("see verdict.json",)


def _few(sentences: Iterable[str]) -> tuple[str, ...]:
    every = tuple(sentences)
    more = (f"and {len(every) - _MOST_SENTENCES:,} more",) if len(every) > _MOST_SENTENCES else ()
    return (*every[:_MOST_SENTENCES], *more)


def _drift(paths: Paths, champion: int | None) -> tuple[DriftNote, ...]:
    notes: list[DriftNote] = []
    validation, of_test = _content(paths.validation_report), _content(paths.assessment("drift"))
    if "drift" in validation:
        sentences = _sentences(validation["drift"])
        notes.append(DriftNote(against="the last data against those accepted before", sentences=sentences))
    if of_test.get("num_columns"):
        sentences = _sentences(of_test.get("columns", ()))
        notes.append(DriftNote(against="test rows against training rows", sentences=sentences))
    for window in newest_windows(paths, champion) if champion is not None else ():
        against = f"rows {window.kind} from {window.begin} up to {window.end} against training rows"
        notes.append(DriftNote(against=against, sentences=_few(window.sentences)))
    return tuple(notes)


def _sentences(entries: Iterable[Any]) -> tuple[str, ...]:
    return _few(str(entry.get("sentence", "")) for entry in entries if isinstance(entry, dict))


def _run(pipeline: str, run: ViewedRun, metric: str, mlflow: str | None) -> ShownRun:
    value = run.metrics.get(f"test_{metric}")
    return ShownRun(
        pipeline=pipeline,
        name=run.name,
        status=run.status,
        started=run.started.astimezone(UTC),
        seconds=None if run.ended is None else max((run.ended - run.started).total_seconds(), 0.0),
        metric="" if value is None else f"{metric} {number(value)}",
        address=mlflow and f"{mlflow}{pages.run(run.experiment_id, run.run_id)}",
    )


def _links(paths: Paths, champion: int | None, mlflow: str | None) -> Iterable[PageLink]:
    name = paths.pipeline
    if paths.report_page.is_file():
        yield PageLink(title="report", address=f"/reports/{name}/report.html")
    if (paths.data_docs / "index.html").is_file():
        yield PageLink(title="data docs", address=f"/reports/{name}/data_docs/index.html")
    if monitoring_page(paths).is_file():
        yield PageLink(title="monitoring", address=f"/reports/{name}/monitoring.html")
    if mlflow and champion is not None:
        # Its page is the model card.
        yield PageLink(title="champion's card", address=f"{mlflow}{pages.version(name, champion)}")
        yield PageLink(title="versions", address=f"{mlflow}{pages.model(name)}")
