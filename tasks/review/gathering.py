"""A review's content: the project as it lies here against what it was at a commit. Runs no stage, asks no registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks import files
from tasks.errors import UserError
from tasks.evaluation.gate_figures import gate_verdict, measures_of_version
from tasks.memo.at_commit import commit_of, fetch_outputs, text_at
from tasks.memo.chain import StageRunner
from tasks.memo.reasons import differences
from tasks.params.config import Metric
from tasks.params.file import load_pipeline, pipelines_in, read_yaml
from tasks.params.pipeline import Pipeline
from tasks.paths import STAGES, Paths, Project
from tasks.promotion.contest import Comparison, NotComparableError
from tasks.promotion.gate_rule import GateRule
from tasks.review.content import MetricChange, PipelineReview, Review
from tasks.review.plan import Lock, stages_that_differ
from tasks.trials.answers import kept_answers
from tasks.trials.pairs import on_common_rows

_UP_TO_METRICS = STAGES[: STAGES.index("register")]

_BY_REGISTER = "latency_"
"""How the names of what only register measures begin."""


def review(project: Project, against: str, pipelines: Sequence[str] = ()) -> Review:
    """Of these pipelines, or all. Raises UserError for a commit that git does not know, or a pipeline that is none."""
    commit = commit_of(project.root, against)
    names = [*pipelines_in(project.params)]
    for name in pipelines:
        load_pipeline(project.params, name)
    with TemporaryDirectory() as folder:
        base = Project(root=Path(folder))
        before = _base_files(project, commit, base)
        locks = _lock(base), _lock(project)
        reviews = tuple(_reviewed(project, base, commit, name, locks) for name in pipelines or names)
    removed = () if pipelines else tuple(name for name in before if name not in names)
    return Review(against=against, commit=commit, pipelines=reviews, removed=removed)


def _base_files(project: Project, commit: str, base: Project) -> list[str]:
    """Writes params.yaml and dvc.lock as they were; the names of the pipelines of then."""
    for path in (project.params, project.lock):
        text = text_at(project.root, commit, path.name)
        if text is not None:
            files.write_text(base.root / path.name, text)
    try:
        return [*pipelines_in(base.params)]
    # Of before there were any.
    except UserError:
        return []


def _lock(project: Project) -> Lock:
    content = read_yaml(project.lock) if project.lock.exists() else {}
    stages: Lock = (content or {}).get("stages") or {}
    return stages


def _reviewed(project: Project, base: Project, commit: str, name: str, locks: tuple[Lock, Lock]) -> PipelineReview:
    paths = project.pipeline(name)
    plan = stages_that_differ(*locks, name)
    try:
        config = load_pipeline(project.params, name)
    except UserError as error:
        return PipelineReview(name=name, plan=plan, waiting={}, problem=str(error))
    waiting, problem = _waiting(project, name)
    reviewed = PipelineReview(
        name=name,
        plan=plan,
        waiting=waiting,
        edited=_edited(base, project, name),
        problem=problem,
    )
    if refusals := _refusals(paths):
        return replace(reviewed, refusal=refusals)
    late = [stage for stage in waiting if stage in _UP_TO_METRICS]
    if late or not paths.metrics.exists():
        what = f"{late[0]} is out of date" if late else "evaluate has left no metrics"
        return replace(reviewed, notes=(f"{what}: `modelwright run {name} --to evaluate` makes the figures",))
    # Only now: what lies here is of this change's model, and of no former one.
    reviewed = _judged(replace(reviewed, pictures=_pictures(paths)), config, paths)
    return _compared(reviewed, config, paths, base, commit) if reviewed.is_changed else reviewed


def _edited(base: Project, now: Project, name: str) -> tuple[str, ...]:
    try:
        before = pipelines_in(base.params).get(name)
    except UserError:
        before = None
    return () if before is None else tuple(differences("", before, pipelines_in(now.params)[name]))


def _waiting(project: Project, name: str) -> tuple[dict[str, tuple[str, ...]], str]:
    """What is out of date still, with why; and why that cannot be told. Nothing on another machine is asked."""
    try:
        reasons = StageRunner(project, name).out_of_date(asks_elsewhere=False, asks_registry=False)
    except UserError as error:
        return {}, str(error)
    return {stage: why for stage, why in reasons.items() if why}, ""


def _refusals(paths: Paths) -> tuple[str, ...]:
    """What validate said no to."""
    content = files.read_json(paths.validation_report) if paths.validation_report.exists() else {}
    return (*content.get("refusals", ()), *content.get("failing_rules", ())) if content.get("refusals") else ()


def _pictures(paths: Paths) -> tuple[str, ...]:
    pictures = [*sorted(paths.plots.glob("*.png")), paths.importance_picture]
    return tuple(paths.relative(picture) for picture in pictures if picture.is_file())


def _judged(reviewed: PipelineReview, config: Pipeline, paths: Paths) -> PipelineReview:
    """With the gate's rules, but for those of what only register measures."""
    gate = {name: bound for name, bound in config.register_.gate.items() if not name.startswith(_BY_REGISTER)}
    left = sorted({*config.register_.gate} - {*gate})
    notes = (f"register alone measures {', '.join(left)}, which the gate bounds",) if left else ()
    asked = config.model_copy(update={"register_": config.register_.model_copy(update={"gate": gate})})
    try:
        rules: tuple[GateRule, ...] | None = gate_verdict(asked, paths, measures_of_version(paths)).rules
    except UserError as error:
        rules, notes = None, (*notes, str(error))
    return replace(reviewed, rules=rules, notes=(*reviewed.notes, *notes))


def _compared(reviewed: PipelineReview, config: Pipeline, paths: Paths, base: Project, commit: str) -> PipelineReview:
    """With each metric of then beside that of now, and the paired difference of those that decide."""
    old = base.pipeline(paths.pipeline)
    missing = fetch_outputs(paths.project.root, commit, [*map(old.relative, _read(old))], base.root)
    before, after = _figures(old, missing), _figures(paths, ())
    comparisons, reason = _comparisons(config, old, paths, missing)
    values, intervals = after
    changes = tuple(
        MetricChange(
            name=name,
            before=before[0].get(name),
            before_interval=before[1].get(name),
            after=value,
            after_interval=intervals.get(name),
            comparison=comparisons.get(name),
        )
        for name, value in values.items()
    )
    return replace(reviewed, metrics=changes, reason=reason)


def _read(paths: Paths) -> list[Path]:
    """What is read of the base."""
    answers = [paths.dataset, paths.valid, paths.split("test"), paths.predicted, paths.cleaning_report]
    return [paths.metrics, paths.evaluation, *answers, paths.model]


Figures = tuple[Mapping[Metric, float], Mapping[str, tuple[float, float] | None]]


def _figures(paths: Paths, missing: Sequence[str]) -> Figures:
    """Metrics and their intervals; none where the files are not to be had."""
    if {paths.relative(paths.metrics), paths.relative(paths.evaluation)} & {*missing}:
        return {}, {}
    intervals = files.read_json(paths.evaluation).get("intervals", {})
    return files.read_json(paths.metrics), {name: tuple(ends) if ends else None for name, ends in intervals.items()}


def _comparisons(
    config: Pipeline, old: Paths, now: Paths, missing: Sequence[str]
) -> tuple[dict[Metric, Comparison], str]:
    """Of the metrics that decide, and why there is none."""
    if missing:
        return {}, f"{_listed(missing)} of the base cannot be had, from DVC's cache or its remote"
    asked = {config.register_.metric, *config.register_.gate}
    metrics: list[Metric] = [name for name in files.read_json(now.metrics) if name in asked]
    try:
        before = kept_answers(old, load_pipeline(old.project.params, old.pipeline))
        after = kept_answers(now, config)
        of_metrics = {name: on_common_rows(name, before, after, config.evaluate) for name in metrics}
    except (NotComparableError, UserError) as error:
        return {}, str(error)
    return of_metrics, ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
