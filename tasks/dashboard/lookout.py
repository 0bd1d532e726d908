"""What takes longer than a page may: which stages are out of date, and what a tracking server has; found out beside it.

A look is taken in one thread, pipeline by pipeline, and what it has made out so far is there at any moment. It begins
when the page is asked for and the project's files stand otherwise than at the last look.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tasks.dashboard.content import LOOKING, Freshness
from tasks.dashboard.prefect_server import PrefectPages, prefect_pages
from tasks.errors import UserError
from tasks.params.file import pipelines_in
from tasks.paths import STAGES, Project
from tasks.tracking import store
from tasks.tracking.registry_view import ViewedModel, viewed_models

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Observations:
    """What has been made out so far; `ended` is when the last look ended, `models` is None until the store answered."""

    freshness: Mapping[str, Freshness] = field(default_factory=dict)
    models: Mapping[str, ViewedModel] | None = None
    registry_problem: str = ""
    prefect: PrefectPages | None = None
    ended: datetime | None = None
    is_looking: bool = False


class Lookout:
    """Looks at a project when it is asked to, one look at a time."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._done = threading.Condition(self._lock)
        self._findings = Observations()
        self._state: tuple[object, ...] = ()

    def findings(self, patience: float, *, anew: bool = False) -> Observations:
        """What is known, after a look that has begun where one is due was waited for, for so many seconds."""
        state = self._state_of_files()
        with self._done:
            if not self._findings.is_looking and (anew or state != self._state):
                self._state = state
                self._findings = replace(self._findings, is_looking=True)
                threading.Thread(target=self._look, name="lookout", daemon=True).start()
            self._done.wait_for(lambda: not self._findings.is_looking, patience)
            return self._findings

    def _state_of_files(self) -> tuple[object, ...]:
        """How the files stand that every edit and every run changes."""
        project = self._project
        return tuple(map(_state, map(str, (project.params, project.stages, project.lock, project.code_record))))

    def _look(self) -> None:
        try:
            names = self._names()
            # What is no longer in params.yaml is forgotten; the rest is known until it is known better.
            kept = {name: one for name, one in self._findings.freshness.items() if name in names}
            self._note(freshness=kept, prefect=prefect_pages(names))
            self._look_at_registry(names)
            answers = not self._findings.registry_problem
            for name in names:
                freshness = freshness_of(self._project, name, asks_registry=answers)
                self._note(freshness={**self._findings.freshness, name: freshness})
        finally:
            with self._done:
                self._findings = replace(self._findings, is_looking=False, ended=datetime.now(UTC))
                self._done.notify_all()

    def _names(self) -> list[str]:
        try:
            return [*pipelines_in(self._project.params)]
        # The page says what is wrong with the file.
        except UserError:
            return []

    def _look_at_registry(self, names: Sequence[str]) -> None:
        # A local store is read at once, by each page.
        if store.is_local(self._project):
            self._note(models=None, registry_problem="")
            return
        try:
            self._note(models=viewed_models(self._project, names), registry_problem="")
        except UserError as error:
            self._note(registry_problem=str(error).splitlines()[0])

    def _note(self, **findings: object) -> None:
        with self._lock:
            self._findings = replace(self._findings, **findings)  # type: ignore[arg-type]


def freshness_of(project: Project, name: str, *, asks_registry: bool = True) -> Freshness:
    """What is out of date of a pipeline, and why. Runs nothing, and asks no source that is not on this machine."""
    from tasks.memo.chain import StageRunner

    try:
        reasons = StageRunner(project, name).out_of_date(asks_elsewhere=False, asks_registry=asks_registry)
    except UserError as error:
        return Freshness(kind="unknown", problem=str(error).splitlines()[0])
    if all(reasons[stage] == ("never ran",) for stage in STAGES):
        return Freshness(kind="never ran")
    outdated = tuple((stage, tuple(reasons[stage])) for stage in STAGES if reasons[stage])
    return Freshness(kind="outdated", reasons=outdated) if outdated else Freshness(kind="current")


def known_freshness(findings: Observations, name: str) -> Freshness:
    """That of a pipeline; of one that no look has come to yet, that it is being looked at."""
    return findings.freshness.get(name, LOOKING)


def _state(path: str) -> tuple[int, int] | None:
    try:
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
