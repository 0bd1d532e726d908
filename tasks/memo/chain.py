"""The chain of stages: what each front end that runs in its own process does, stage by stage."""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import files, reports
from tasks.errors import MissingSourceError, UserError, did_you_mean
from tasks.files import FirstLook
from tasks.memo import snapshot
from tasks.memo.mlflow_news import tell_mlflow
from tasks.memo.one_set import check_one_set
from tasks.paths import CODE_DIGESTS, STAGES, Paths, Project
from tasks.reports import Report
from tasks.tracking.leftovers import sweep_store
from tasks.tracking.standing import standing

if TYPE_CHECKING:
    from tasks.memo.memo import Outcome, Reasons
    from tasks.params.pipeline import Pipeline
    from tasks.tables.dataset import Dataset


_logger = logging.getLogger(__name__)

Around = Callable[[str, "Pipeline"], AbstractContextManager[object]]
"""What a stage works within, by its name and the pipeline's parameters: of those alone that are not skipped."""


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What became of one stage: `why` says why it was not unchanged, or that its source is not there."""

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


class StageRunner:
    """Runs one pipeline's stages, each only when it is out of date."""

    def __init__(
        self, project: Project, pipeline: str, *, force: bool = False, around: Around = lambda *_: nullcontext()
    ) -> None:
        """`around` is entered for as long as a stage is at work, such as to wait for its turn on a graphics card."""
        self.paths = project.pipeline(pipeline)
        self._force = force
        # Once for all stages: while no file has changed, none of them needs DVC.
        is_unchanged = not force and snapshot.holds(self.paths)
        # Here the run begins: what is edited from now on is the next run's.
        self._around = around
        self._stages = None if is_unchanged else _MemoizedStages(self.paths, around)

    @property
    def parameters(self) -> Pipeline | None:
        """What the stages are given; None when nothing changed, and none of them runs."""
        return self._stages.parameters if self._stages else None

    def run(self, stage: str) -> StageResult:
        """Runs the stage, restores it, or finds it unchanged. Raises UserError or GateError as the stage does."""
        start = time.perf_counter()
        with announced(stage):
            outcome, why = self._stages.perform(stage, force=self._force) if self._stages else ("unchanged", ())
            # DVC sees files alone: whether the version still stands there, the registry itself is asked.
            registered = standing(self.paths) if stage == "register" and outcome == "unchanged" else None
            if registered and registered.news:
                self._stages = self._stages or _MemoizedStages(self.paths, self._around)
                outcome, why = self._stages.perform(stage, news=registered.news)
                registered = None
            if registered:
                sweep_store(self.paths)
        seconds = time.perf_counter() - start
        report = reports.BY_STAGE[stage](self.paths)
        report = registered.told(report) if registered else report
        return StageResult(stage=stage, outcome=outcome, seconds=seconds, why=why, report=report)

    def out_of_date(self, *, asks_elsewhere: bool = True, asks_registry: bool = True) -> dict[str, Reasons]:
        """For every stage why it is out of date; empty reasons for one that is not. Nothing is run.

        Without `asks_elsewhere` a source that is not on this machine counts as unchanged: to ask it may take a query.
        Without `asks_registry` a version that was registered counts as being there still.
        """
        reasons: dict[str, Reasons] = dict.fromkeys(STAGES, ())
        if self._stages:
            reasons = self._stages.out_of_date(asks_elsewhere)
        if reasons["register"] or not asks_registry:
            return reasons
        return {**reasons, "register": standing(self.paths).news}


class _MemoizedStages:
    """The stages when files have changed: DVC is asked about each of them, and the next snapshot is prepared."""

    def __init__(self, paths: Paths, around: Around) -> None:
        from tasks.memo.memo import Memo
        from tasks.params.file import block_in, check_pipeline, pipelines_in
        from tasks.sources import source
        from tasks.sources.base import Place

        self._paths, self._around = paths, around
        # Files are noted before they are read: one that is edited from now on must look changed to the next run.
        file = paths.project.params
        noted = snapshot.take(paths.project.root, [file])
        # Read once: what the stages are given is what the lock says of them.
        blocks = pipelines_in(file)
        self._block = block_in(file, blocks, paths.pipeline)
        self.parameters = check_pipeline(file, paths.pipeline, self._block)
        self._check_features()
        self._memo = Memo(paths.project.root, paths.pipeline, {"pipelines": blocks})
        # Whoever comes first asks how a file stands: there may be a million of them.
        look, project = FirstLook(), paths.project
        place = Place(root=project.root, downloads=project.downloads, known_files=paths.known_files, look=look)
        self._source = source(self.parameters.ingest.source, place)
        watched = self._source.watched()
        # A source that nothing on this machine tells of has to be asked in every run.
        self._source_is_local = watched is not None
        function = self.parameters.normalize.features_from
        own_code = [function.rpartition(":")[0]] if function else []
        self._roots: set[str | Path] = {
            *self._memo.inputs(),
            *self._memo.installed_code(),
            *(watched or ()),
            *own_code,
        }
        self._entries = {**snapshot.take(paths.project.root, self._roots, look), **noted}
        self._performed: list[str] = []

    def perform(self, stage: str, *, force: bool = False, news: Reasons = ()) -> tuple[Outcome, Reasons]:
        forced = ("forced",) if force else news
        if stage == "register":
            check_one_set(self._paths, self._block)
        if stage == "ingest":
            # Who forces it may know of a change that size and times do not show.
            if force:
                files.remove(self._paths.known_files)
            # The memo removes what a stage left before the stage runs.
            self._source.kept_parts.keep(self._paths.raw)
        try:
            outcome, why = self._memo.perform(stage, lambda: self._run(stage), force=forced)
        except MissingSourceError:
            # Else whoever takes the edit back that made ingest run would have neither source nor rows.
            self._memo.put_back(stage)
            raise
        # DVC sees files alone: whether a database or a web page changed, the source itself is asked.
        if stage == "ingest" and outcome != "ran":
            news, remark = self._source_news()
            why += remark
            if news:
                outcome, why = self._memo.perform(stage, lambda: self._run(stage), force=news)
        if stage == "ingest":
            # Once more: the memo may have put links into the cache in the parts' place.
            self._source.kept_parts.remember(self._paths.raw)
            # Only here: a run in which nothing changed would wait for polars.
            from tasks.monitoring.settings import check_monitor
            from tasks.tables.dataset import read_dataset

            dataset = read_dataset(self._paths.dataset)
            self._check_features(dataset)
            check_monitor(self.parameters.monitor, dataset, self._paths)
        if stage == "normalize":
            self._check_class_settings()
        self._note(stage)
        return outcome, why

    def out_of_date(self, asks_elsewhere: bool) -> dict[str, Reasons]:
        reasons = {stage: self._memo.reasons(stage) for stage in STAGES}
        if not reasons["ingest"] and (asks_elsewhere or self._source_is_local):
            reasons["ingest"], _ = self._source_news()
        has_classes = not any(reasons[stage] for stage in stages_between(None, "normalize"))
        if reasons["evaluate"] and has_classes:
            try:
                self._check_class_settings()
            except UserError as error:
                reasons["evaluate"] += (f"will be refused: {error}",)
        return reasons

    def _run(self, stage: str) -> None:
        module, config = importlib.import_module(f"tasks.{stage}"), self.parameters.stage(stage)
        with self._around(stage, self.parameters):
            if stage == "ingest":
                module.take_in(self._source, config, self._paths)
            else:
                module.run(config, self._paths)
        tell_mlflow(self._paths, stage, self._block)

    def _check_features(self, dataset: Dataset | None = None) -> None:
        """Says before the stages in between have run what would stop normalize."""
        config = self.parameters.normalize
        if config.features:
            from tasks.recipe.declared_features import check_pipeline_features

            check_pipeline_features(self.parameters, dataset)
        if config.features_from:
            from tasks.recipe.frame_function import read_function

            read_function(self._paths.project.root, config.features_from)

    def _check_class_settings(self) -> None:
        """Says before a model is trained what evaluate would refuse behind it."""
        from tasks.evaluation.class_settings import check_class_settings
        from tasks.recipe.recipe import read_recipe

        check_class_settings(self.parameters.evaluate, read_recipe(self._paths.recipe).target.classes)

    def _note(self, stage: str) -> None:
        """Adds what the stage left; after all nine, keeps the snapshot if nobody has touched a file meanwhile."""
        left: set[str | Path] = {*self._memo.outputs(stage), CODE_DIGESTS, self._paths.own_code}
        self._roots |= left
        self._entries.update(snapshot.take(self._paths.project.root, left))
        self._performed.append(stage)
        if tuple(self._performed) == STAGES and self._source_is_local:
            lock = self._paths.project.lock
            self._roots.add(lock)
            self._entries.update(snapshot.take(self._paths.project.root, [lock]))
            if snapshot.take(self._paths.project.root, self._roots) == self._entries:
                snapshot.remember(self._paths, self._roots, self._entries, self._memo.cache)

    def _source_news(self) -> tuple[Reasons, Reasons]:
        """Whether the source holds other data than ingest took: the one thing that lies outside DVC's sight.

        Beside it what to tell of a source that is not on this machine, as in a clone: it has no news.
        """
        known = files.read_json(self._paths.dataset)["source"]["digest"]
        try:
            return () if self._source.digest() == known else ("the source changed",), ()
        except MissingSourceError:
            # To be told again by the next run.
            self._source_is_local = False
            message = "%s: the source %s is not there; what was taken in last time is used"
            _logger.warning(message, self._paths.pipeline, self._source.location)
            return (), ("the source is not there",)


def run_plain(
    project: Project, pipeline: str, first: str | None = None, last: str | None = None, *, force: bool = False
) -> list[StageResult]:
    """The stages from `first` to `last` in order, without Prefect."""
    stages = stages_between(first, last)
    return [*map(StageRunner(project, pipeline, force=force).run, stages)]


def has_registered(results: Sequence[StageResult]) -> bool:
    """Whether `register` was at work, so that there is a version of these rows; what is restored was there before."""
    return any((result.stage, result.outcome) == ("register", "ran") for result in results)


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


@contextmanager
def announced(work: str) -> Iterator[None]:
    """Says what is at work, to a person who watches, in place of what it said before; the line goes when it is done."""
    if not sys.stderr.isatty():
        yield
        return
    _show(f"{work} ...")
    try:
        yield
    finally:
        _show("")


def _show(line: str) -> None:
    sys.stderr.write(f"\r\x1b[2K{line}")
    sys.stderr.flush()
