"""What `modelwright gc` removes: put together from what params.yaml lets go and what each store holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.memo.former_pipelines import FormerPipeline, former_pipelines, remove_former
from tasks.memo.unneeded import UnneededCache, nobody_at_work, remove_unneeded, unneeded_cache
from tasks.params.file import load_params
from tasks.params.retention import longest_days
from tasks.paths import Project
from tasks.prediction_log.unneeded_answers import UnneededAnswers, last_answers, remove_answers, unneeded_answers
from tasks.promotion.retention import Need, VersionKey, VersionPolicy, needs
from tasks.tracking.known_versions import known_registry, origins_of, version_uses
from tasks.tracking.promoting import signer
from tasks.tracking.unneeded_runs import RunPolicy, UnneededRun, remove_runs, unneeded_runs
from tasks.tracking.unneeded_versions import (
    UnneededModel,
    UnneededVersion,
    named_versions,
    remove_models,
    remove_versions,
    removed_before,
    unneeded_models,
    unneeded_versions,
)

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

_DAY = 86_400.0
_AT_WORK = 3_600.0
"""Seconds in which a registration, perhaps of another machine, has made a version of the model that it logged."""


@dataclass(frozen=True, kw_only=True)
class RetentionLimits:
    """What params.yaml lets go, or the command's options do. Times are in seconds since 1970; None: nothing goes."""

    versions: Mapping[str, VersionPolicy]
    runs: Mapping[str, RunPolicy]
    version_days: Mapping[str, int]
    answer_days: Mapping[str, int | None]
    shared: float | None
    """Of what no single pipeline owns."""

    models: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RemovalPlan:
    """What goes of each store; `kept` says why the versions that stay do, `faulty` whose history is not whole."""

    versions: tuple[UnneededVersion, ...]
    models: tuple[UnneededModel, ...]
    runs: tuple[UnneededRun, ...]
    num_runs: int
    cache: UnneededCache
    answers: UnneededAnswers
    former: tuple[FormerPipeline, ...]
    kept: Mapping[VersionKey, Need]
    faulty: frozenset[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        answers, cache = self.answers, self.cache
        lists = (self.versions, self.models, self.runs, self.former, answers.expired, answers.looks)
        return not any((*lists, cache.objects, cache.damaged))


def limits_of(
    pipelines: Mapping[str, Pipeline], older_than: float | None, keep: int | None, now: float
) -> RetentionLimits:
    """`older_than`, in seconds, and `keep` stand for what the pipelines say of runs; of versions and answers, which are
    not made again, nothing goes that is younger than either says."""

    def seconds(days: int | None) -> float | None:
        return None if days is None else days * _DAY

    def before(least: float | None) -> float | None:
        return None if least is None else now - max(least, older_than or 0.0)

    retentions = {name: block.retention for name, block in pipelines.items()}
    ages = {name: seconds(one.runs_days) if older_than is None else older_than for name, one in retentions.items()}
    runs = {
        name: RunPolicy(
            before=None if (age := ages[name]) is None else now - age, last=one.last_runs if keep is None else keep
        )
        for name, one in retentions.items()
    }
    versions = {
        name: VersionPolicy(before=before(seconds(one.versions_days)), last=one.last_versions)
        for name, one in retentions.items()
    }
    shared = seconds(longest_days(retentions.values())) if older_than is None else older_than
    moments = {name: (runs[name].before or 0.0, versions[name].before or 0.0) for name in retentions}
    least_days = int(-(-(older_than or 0.0) // _DAY))
    answer_days = {name: block.monitor.retention_days for name, block in pipelines.items()}
    return RetentionLimits(
        versions=versions,
        runs=runs,
        version_days={name: one.versions_days for name, one in retentions.items() if one.versions_days is not None},
        answer_days={name: days and max(days, least_days) for name, days in answer_days.items()},
        shared=None if shared is None else now - shared,
        models={name: min(max(of_both), now - _AT_WORK) for name, of_both in moments.items()},
    )


def planned(project: Project, older_than: float | None, keep: int | None, now: float) -> RemovalPlan:
    """What would go at this time, in seconds since 1970. Raises UserError where a store cannot be asked."""
    pipelines = load_params(project.params).pipelines
    limits = limits_of(pipelines, older_than, keep, now)
    registry = known_registry(project)
    named = named_versions(project, pipelines, project.params.read_text(encoding="utf-8"))
    uses = version_uses(registry, last_answers(project, pipelines), named, now)
    kept = needs(uses, {name: one for name, one in limits.versions.items() if name not in registry.faulty})
    staying = [version for version in registry.versions if version.key in kept]
    versions = unneeded_versions(registry, kept, limits.version_days)
    origins = origins_of(staying)
    runs, num_runs = unneeded_runs(project, limits.runs, origins.run_ids)
    removed = removed_before(registry) | {version.key for version in versions}
    return RemovalPlan(
        versions=tuple(versions),
        models=tuple(unneeded_models(project, staying, limits.models)),
        runs=tuple(runs),
        num_runs=num_runs,
        cache=unneeded_cache(project.root, limits.shared, origins.commits, origins.models),
        answers=unneeded_answers(
            project, limits.answer_days, removed, datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
        ),
        former=tuple(former_pipelines(project, pipelines, limits.shared)),
        kept=kept,
        faulty=registry.faulty,
    )


def collect(project: Project, older_than: float | None, keep: int | None, now: float) -> RemovalPlan:
    """Removes what is planned, and says what went. Raises UserError while a run is at work in the project.

    The versions go first, each whole: what is cut off behind them is of no version any more, and the next call removes
    it. Then all else is looked up again, as a version may have got an alias meanwhile, and stayed.
    """
    with nobody_at_work(project.root):
        plan = planned(project, older_than, keep, now)
        if plan.versions:
            removed = remove_versions(project, plan.versions, signer(project))
            plan = replace(planned(project, older_than, keep, now), versions=tuple(removed))
        remove_models(project, plan.models)
        remove_answers(plan.answers)
        remove_runs(project, plan.runs)
        remove_unneeded(plan.cache)
        remove_former(plan.former)
    return plan
