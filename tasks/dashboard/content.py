"""What the page shows, as values: nothing here reads a file or asks anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FreshnessKind = Literal["looking", "current", "outdated", "never ran", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """Whether a pipeline is up to date: `reasons` has each stage that is not, with why; `problem` why nobody knows."""

    kind: FreshnessKind
    reasons: tuple[tuple[str, tuple[str, ...]], ...] = ()
    problem: str = ""


LOOKING = Freshness(kind="looking")


@dataclass(frozen=True, kw_only=True)
class ShownMetric:
    """What the last evaluate found: the metric that versions are compared by, with its 95 % interval."""

    name: str
    value: float
    low: float | None
    high: float | None
    num_rows: int | None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A gate that said no to what the pipeline last made: the stage, and a sentence for each rule."""

    stage: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShownReign:
    """A version's time as champion; `ended` is None for that of today, `version` for a time without a champion.

    `is_guessed` says that it began at some moment before `began`, when a move in MLflow itself was noticed.
    `start` and `width` are where it lies on the whole line of time, in percent.
    """

    version: int | None
    began: datetime
    ended: datetime | None
    who: str
    reason: str
    verdict: str | None
    is_guessed: bool
    start: float
    width: float


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """One training; `seconds` is None for one that has not ended. They are the training's alone, or, of a run that
    Prefect alone knows, those of all its stages: `is_whole`."""

    pipeline: str
    name: str
    status: str
    started: datetime
    seconds: float | None
    metric: str
    address: str | None
    is_whole: bool = False


@dataclass(frozen=True, kw_only=True)
class DriftNote:
    """What differs from what: `sentences` name the columns; none where nothing surely does."""

    against: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PageLink:
    """Somewhere to go on to."""

    title: str
    address: str


@dataclass(frozen=True, kw_only=True)
class PipelinePanel:
    """One pipeline. `problem` says why it cannot be read, `moved` that others have moved the champion."""

    name: str
    problem: str = ""
    trainer: str = ""
    target: str = ""
    freshness: Freshness = LOOKING
    metric: ShownMetric | None = None
    verdict: str = ""
    refusal: Refusal | None = None
    champion: int | None = None
    challenger: int | None = None
    moved: bool = False
    reigns: tuple[ShownReign, ...] = ()
    runs: tuple[ShownRun, ...] = ()
    drift: tuple[DriftNote, ...] = ()
    links: tuple[PageLink, ...] = ()

    @property
    def reign(self) -> ShownReign | None:
        """That of today's champion, where the history knows it."""
        last = self.reigns[-1] if self.reigns else None
        return last if last and last.version == self.champion else None

    @property
    def has_drifted(self) -> bool:
        """Whether anything surely has."""
        return any(note.sentences for note in self.drift)


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The whole page. `problems` are of the project as a whole, such as a registry that does not answer.

    `looked` is when what is out of date was last looked at, None before the first look has ended; `is_looking` says
    that it is being looked at now, and `is_waiting` that MLflow's pages are starting.
    """

    project: str
    root: str
    now: datetime
    pipelines: tuple[PipelinePanel, ...]
    problems: tuple[str, ...] = ()
    links: tuple[PageLink, ...] = ()
    notes: tuple[str, ...] = ()
    looked: datetime | None = None
    is_looking: bool = False
    is_waiting: bool = False

    @property
    def last_runs(self) -> Sequence[ShownRun]:
        """Of all pipelines, the newest first."""
        runs = [run for pipeline in self.pipelines for run in pipeline.runs]
        return sorted(runs, key=lambda run: run.started, reverse=True)[:MOST_RUNS]

    def count(self, kind: FreshnessKind) -> int:
        """How many pipelines are so."""
        return sum(not one.problem and one.freshness.kind == kind for one in self.pipelines)

    @property
    def num_refused(self) -> int:
        return sum(one.refusal is not None for one in self.pipelines)

    @property
    def num_drifted(self) -> int:
        return sum(one.has_drifted for one in self.pipelines)


MOST_RUNS = 15
"""Runs that the page lists."""
