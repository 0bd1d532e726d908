"""`modelwright tune NAME`: rows, journal, trials and what came of them, in this order."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.params.pipeline import Pipeline
from tasks.params.search_space import Space, value_of_setting
from tasks.params.tune import TRIED
from tasks.paths import Project
from tasks.tuning.journal import held, need_optuna, open_study, remove_journal
from tasks.tuning.judged import check_metric
from tasks.tuning.outcome import TuningOutcome, importance_of, nested_estimate
from tasks.tuning.pictures import write_pictures
from tasks.tuning.processes import run_in_processes
from tasks.tuning.rows import TuningRows, tuning_rows
from tasks.tuning.search import Budget, Tell, TrialSearch, is_maximized
from tasks.tuning.spaces import ranges_of, space_of
from tasks.tuning.tracked import tracked_search
from tasks.tuning.trials import AS_IT_IS, ended_trials

if TYPE_CHECKING:
    from optuna.study import Study


@dataclass(frozen=True, kw_only=True)
class TuningRequest:
    """What is asked for: as many trials in all as that, or none begun after so many minutes; neither is tune.trials.

    `jobs` are the processes that make them, and `fresh` forgets the trials of an earlier search.
    """

    trials: int | None = None
    minutes: float | None = None
    jobs: int = 1
    fresh: bool = False

    def budget(self, config: Pipeline, now: float) -> Budget:
        """When no further trial is begun, of a search that begins now."""
        trials = config.tune.trials if self.trials is None and self.minutes is None else self.trials
        return Budget(trials=trials, until=None if self.minutes is None else now + 60 * self.minutes)


def tune(project: Project, pipeline: str, request: TuningRequest, tell: Tell) -> TuningOutcome:
    """Goes on with the pipeline's search, or begins one; `tell` hears what is at work.

    Raises UserError where the search cannot go on: nothing that was tried is lost.
    """
    need_optuna()
    paths, config = project.pipeline(pipeline), load_pipeline(project.params, pipeline)
    space = space_of(config, pipeline)
    with held(paths):
        rows = tuning_rows(paths, config, space)
        check_metric(config, paths)
        if request.fresh:
            remove_journal(paths)
        return _searched(rows, config, space, request, tell)


def _searched(rows: TuningRows, config: Pipeline, space: Space, request: TuningRequest, tell: Tell) -> TuningOutcome:
    identity, paths = _identity(rows, config, space), rows.paths
    study = open_study(paths, identity, maximize=is_maximized(config))
    search = TrialSearch(study=study, space=space, config=config, rows=rows, seed=config.tune.seed)
    budget = request.budget(config, time.time())
    num_taken_up = search.take_up()
    with tracked_search(paths, study, config.register_.metric, space) as tracking:
        search.measure_as_it_is(tell)
        if request.jobs > 1:
            run_in_processes(search, identity, budget, request.jobs, tell, tracking.tell)
        else:
            search.run(budget, tell, tracking.tell)
        outcome = outcome_of(study, rows, config, space, num_taken_up)
        tracking.finish(outcome)
    _check_finished(outcome)
    write_pictures(paths, outcome)
    return outcome


def outcome_of(study: Study, rows: TuningRows, config: Pipeline, space: Space, num_taken_up: int) -> TuningOutcome:
    """What is known by the trials that the journal holds."""
    trials, maximize = ended_trials(study, space), is_maximized(config)
    return TuningOutcome(
        pipeline=rows.paths.pipeline,
        metric=config.register_.metric,
        maximize=maximize,
        num_rows=rows.num_rows,
        in_time=rows.in_time,
        space=space,
        trials=trials,
        as_it_is=tuple(study.user_attrs[AS_IT_IS]),
        now={name: value_of_setting(config, name) for name in space},
        nested=nested_estimate(trials, maximize=maximize),
        importance=importance_of(study, space),
        num_taken_up=num_taken_up,
    )


def _identity(rows: TuningRows, config: Pipeline, space: Space) -> dict[str, str]:
    """What all trials of one search have in common."""
    sections = {name: getattr(config, name).model_dump(mode="json") for name in (*TRIED, "evaluate")}
    for name in space:
        _take_out(sections, name.split("."))
    settings = json.dumps(_without_empty(sections), sort_keys=True)
    return {
        "rows": rows.identity,
        "metric": config.register_.metric,
        "settings": hashlib.sha256(settings.encode()).hexdigest(),
        "search space": json.dumps(dict(ranges_of(config)), sort_keys=True, default=str),
        "seed": str(config.tune.seed),
    }


def _take_out(section: Any, way: list[str]) -> None:
    """A setting that is tried: what stands in params.yaml of it may be another one, as after --apply."""
    *steps, last = way
    for step in steps:
        section = section.get(step) if isinstance(section, Mapping) else None
    if isinstance(section, dict):
        section.pop(last, None)


def _without_empty(content: Any) -> Any:
    """Without sections in which nothing is left, such as that of a column of which a trial sets all."""
    if not isinstance(content, Mapping):
        return content
    kept = {name: _without_empty(value) for name, value in content.items()}
    return {name: value for name, value in kept.items() if value is not None and value != {}}


def _check_finished(outcome: TuningOutcome) -> None:
    refused = [trial for trial in outcome.trials if trial.state == "refused"]
    if refused and outcome.best is None:
        raise UserError(
            f"params.yaml: pipelines.{outcome.pipeline}.tune: all {len(refused)} trials were refused, the first with "
            f"{dict(refused[0].values)}: {refused[0].why}; correct the ranges"
        )
