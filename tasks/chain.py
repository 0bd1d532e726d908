"""The chain of stages: what each front end that runs in its own process does, stage by stage."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import Any

from tasks import reports, storage
from tasks.errors import UserError, did_you_mean
from tasks.memo import Memo, Outcome, Reasons
from tasks.params import load_pipeline
from tasks.paths import STAGES, Paths, Project
from tasks.report import Report


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What became of one stage: `why` says why it was not unchanged."""

    stage: str
    outcome: Outcome
    seconds: float
    why: Reasons
    report: Report

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "stage": self.stage,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 3),
            "why": list(self.why),
            "report": {"figure": self.report.figure, **self.report.numbers},
        }


class Chain:
    """One pipeline's stages, with their parameters checked and their memo open."""

    def __init__(self, project: Project, pipeline: str, *, force: bool = False) -> None:
        self.paths: Paths = project.pipeline(pipeline)
        self._params = load_pipeline(project.params, pipeline)
        self._memo = Memo(project.root, pipeline)
        self._force: Reasons = ("forced",) if force else ()

    def perform(self, stage: str) -> StageResult:
        """Runs the stage, restores it, or finds it unchanged. Raises UserError or GateError as the stage does."""
        start = time.perf_counter()
        outcome, why = self._memo.perform(stage, lambda: self._run(stage), force=self._force)
        if stage == "ingest" and outcome != "ran" and (news := self._source_news()):
            outcome, why = self._memo.perform(stage, lambda: self._run(stage), force=news)
        seconds = time.perf_counter() - start
        return StageResult(
            stage=stage, outcome=outcome, seconds=seconds, why=why, report=reports.BY_STAGE[stage](self.paths)
        )

    def out_of_date(self) -> dict[str, Reasons]:
        """For every stage why it is out of date; empty reasons for one that is not. Nothing is run."""
        reasons = {stage: self._memo.reasons(stage) for stage in STAGES}
        if not reasons["ingest"]:
            reasons["ingest"] = self._source_news()
        return reasons

    def _run(self, stage: str) -> Report:
        module = importlib.import_module(f"tasks.{stage}")
        report = module.run(self._params.stage(stage), self.paths)
        assert isinstance(report, Report)
        return report

    def _source_news(self) -> Reasons:
        """Whether the source holds other data than ingest took: the one thing that lies outside DVC's sight."""
        from tasks.sources import fingerprint

        source = self._params.ingest.source
        known = storage.read_json(self.paths.dataset)["source"]["digest"]
        current = fingerprint(source, self.paths.project.root)
        return () if current in (None, known) else ("the source changed",)


def run_plain(
    project: Project, pipeline: str, first: str | None = None, last: str | None = None, *, force: bool = False
) -> list[StageResult]:
    """The stages from `first` to `last` in order, without Prefect."""
    stages = stages_between(first, last)
    chain = Chain(project, pipeline, force=force)
    return [chain.perform(stage) for stage in stages]


def stages_between(first: str | None, last: str | None) -> tuple[str, ...]:
    """The stages from `first` to `last`, both included; all of them when neither is given."""
    for stage in (first, last):
        if stage is not None and stage not in STAGES:
            raise UserError(f"there is no stage {stage}{did_you_mean(stage, STAGES)}")
    begin = STAGES.index(first) if first else 0
    end = STAGES.index(last) + 1 if last else len(STAGES)
    if begin >= end:
        raise UserError(f"stage {first} comes after {last}; the order is {', '.join(STAGES)}")
    return STAGES[begin:end]
