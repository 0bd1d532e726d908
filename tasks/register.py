"""The stage `register`: the gate, the passport, and a version in MLflow with the aliases champion or challenger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files, reports
from tasks.digests import answering_digest, file_digest, folder_digest
from tasks.environment import reason_of_training
from tasks.errors import GateError, UserError
from tasks.evaluation.comparison import compare
from tasks.evaluation.gate_figures import gate_verdict, measures_of_version
from tasks.evaluation.judged_rows import judged_rows
from tasks.evaluation.latency import latency_of_model
from tasks.evaluation.learnt_rows import are_learnt, learnt_rows, row_key
from tasks.evaluation.raw_test_rows import raw_test_rows
from tasks.evaluation.slice_rules import ComparedSlices, ruled_partitions
from tasks.model_input.decision import is_chosen
from tasks.params.pipeline import Pipeline
from tasks.params.register import Register
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.promotion.contest import (
    NotComparableError,
    Promotion,
    champion_already,
    contest,
    first_version,
    rejected_before,
    waiting,
    without_comparison,
)
from tasks.promotion.gate import Verdict, value_of
from tasks.promotion.passport import left_out, other_split, passport
from tasks.recipe.recipe import read_recipe
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tracking.champion import Champion, champion_answers, find_champion, learnt_by, vanished_champion
from tasks.tracking.looks import number_of_look
from tasks.tracking.registry import VersionCandidate, register_version
from tasks.tracking.runs import flat_params
from tasks.tracking.shadow import proving_version, rejection
from tasks.trainers import requirements


def run(config: Pipeline, paths: Paths) -> Report:
    """Judges the model, has the champion answer the same test rows, and registers a model that passes.

    Raises GateError with each rule that failed; verdict.json is written by then, and nothing is registered. Raises
    UserError when the registry cannot be reached, or when the model was trained with other parameters.
    """
    record = files.read_json(paths.run)
    _check_trained_with(config.train, record, paths)
    metrics = files.read_json(paths.metrics)
    latency = latency_of_model(paths) if config.register_.measures_latency else None
    measures = measures_of_version(paths) | (latency.measures() if latency else {})
    verdict = gate_verdict(config, paths, measures).timed(latency)
    # Refused before anything is written: the registry compares versions by this metric.
    value_of(metrics, config.register_.metric, "metric")
    # Written either way: who is refused wants the numbers, too.
    files.write_json(paths.verdict, verdict.model_dump(mode="json"))
    if not verdict.passed:
        raise GateError(_refusal(verdict, paths))
    content = _passport(paths, config, record, metrics)
    files.write_json(paths.passport, content)
    champion = find_champion(paths)
    beside = _beside(paths)
    promotion = _promotion(config, paths, metrics, champion, answering_digest(record["model"], *beside.values()))
    verdict = verdict.decided(promotion)
    files.write_json(paths.verdict, verdict.model_dump(mode="json"))
    candidate = VersionCandidate(
        metrics=metrics,
        measures=measures,
        verdict=verdict,
        promotion=promotion,
        passport=content,
        sample=next(storage.read_parts(paths.clean("test"))),
        record=record,
        learnt=_learnt(content["row_key"], paths),
        proves=config.register_.shadow is not None,
        beside=beside,
    )
    registration = register_version(paths, candidate)
    files.write_json(paths.registration, registration.model_dump(mode="json"))
    return reports.register(paths)


def _beside(paths: Paths) -> dict[str, Path]:
    """What travels with the model, by its name: the file of a threshold or of costs, and of intervals or sets of
    classes, where it answers by these."""
    conformal = paths.assessment("conformal")
    decision = {"decision": paths.decision} if is_chosen(files.read_json(paths.decision)) else {}
    return {**decision, **({"conformal": conformal} if files.read_json(conformal)["coverage"] is not None else {})}


def _check_trained_with(config: Train, record: Mapping[str, Any], paths: Paths) -> None:
    """The passport names the parameters, and must not name others than the model was trained with."""
    trained, now = record["params"], flat_params(config)
    names = [name for name in {**trained, **now} if trained.get(name) != now.get(name)]
    if names:
        changes = ", ".join(f"train.{name} {trained.get(name)} -> {now.get(name)}" for name in names)
        raise UserError(
            f"{paths.project.params}: edited since train ran ({changes}); run `modelwright run {paths.pipeline} "
            "--from train --force`, which trains anew, or put the old values back"
        )


def _promotion(
    pipeline: Pipeline,
    paths: Paths,
    metrics: Mapping[str, float],
    champion: Champion | None,
    model: str,
) -> Promotion:
    """Whether the model becomes champion. What made a champion one is not decided again, on the same test rows."""
    config = pipeline.register_
    value = metrics[config.metric]
    if champion is None:
        return first_version(config, value, vanished_champion(paths))
    if champion.model == model:
        decided = champion.promotion
        # Nor is it told of other rows, or of a version that somebody made champion by hand.
        same_rows = champion.metrics.get(config.metric) == value
        holds = decided is not None and decided.promoted and decided.metric == config.metric and same_rows
        return decided if decided and holds else champion_already(config, value, champion.version)
    recorded = champion.metrics.get(config.metric)
    try:
        promotion = _contest(config, paths, pipeline, champion, model)
    except NotComparableError as reason:
        promotion = without_comparison(config, value, champion.version, recorded, str(reason))
    return _in_shadow(config, paths, champion, model, promotion) if promotion.in_shadow else promotion


def _in_shadow(config: Register, paths: Paths, champion: Champion, model: str, promotion: Promotion) -> Promotion:
    """Of a version that is to prove itself on live rows: not one that has lost there, nor while another one does so."""
    assert config.shadow is not None
    rejected = rejection(paths, model, champion.version)
    if rejected is not None:
        return rejected_before(promotion, rejected.sentence)
    occupant = proving_version(paths, config.shadow, model)
    return promotion if occupant is None else waiting(promotion, occupant, paths.pipeline)


def _contest(config: Register, paths: Paths, pipeline: Pipeline, champion: Champion, model: str) -> Promotion:
    dataset = read_dataset(paths.cleaned)
    with files.scratch(paths.checkpoints) as scratch:
        rows = scratch / "rows"
        storage.write_parts(rows, raw_test_rows(paths, dataset.target.name))
        answers = champion_answers(champion, rows, paths, config.champion_minutes)
    classes = read_recipe(paths.model / paths.recipe.name).target.classes
    judged, learnt = judged_rows(paths, dataset, classes), _learnt_by(champion, pipeline, paths, dataset)
    comparison = compare(
        config.metric, judged, answers, pipeline.evaluate, config.margin, learnt, _compared(config, paths, dataset)
    )
    notes = other_split(champion.passport, pipeline) if learnt is None else left_out(comparison.num_left_out)
    comparison = comparison.model_copy(update={"notes": (*comparison.notes, *notes)})
    question = (model, folder_digest(paths.split("test")), config.metric, repr(config.margin))
    look = number_of_look(paths, champion.version, question)
    return contest(config, comparison, champion.version, champion.metrics.get(config.metric), look)


def _compared(config: Register, paths: Paths, dataset: Dataset) -> ComparedSlices | None:
    rules = config.slices
    if rules.worse_by is None:
        return None
    recipe = read_recipe(paths.model / paths.recipe.name)
    return ComparedSlices(
        partitions=ruled_partitions(rules, paths, dataset, recipe), worse_by=rules.worse_by, alpha=config.refusal_alpha
    )


def _learnt_by(champion: Champion, pipeline: Pipeline, paths: Paths, dataset: Dataset) -> NDArray[np.bool_] | None:
    """Which test rows the champion was trained on [N]; None where nobody knows."""
    known_by = (champion.passport or {}).get("row_key")
    if known_by is None or row_key(pipeline.split, paths, dataset) is None:
        return None
    learnt = learnt_by(champion, paths)
    if learnt is None:
        return None
    return are_learnt(raw_test_rows(paths, dataset.target.name), learnt, known_by, dataset)


def _learnt(known_by: Mapping[str, Any] | None, paths: Paths) -> pl.DataFrame | None:
    return None if known_by is None else learnt_rows(known_by, paths, read_dataset(paths.cleaned))


def _passport(paths: Paths, pipeline: Pipeline, record: dict[str, Any], metrics: dict[str, float]) -> dict[str, Any]:
    dataset, validation = read_dataset(paths.cleaned), files.read_json(paths.validation_report)
    libraries = read_recipe(paths.model / paths.recipe.name).libraries
    return passport(
        paths.pipeline,
        pipeline=pipeline,
        dataset=dataset,
        digests={
            "data": dataset.source.digest,
            # As validate has read it: the file may have been edited since.
            "suite": validation.get("suite"),
            "recipe": file_digest(paths.model / paths.recipe.name),
            "model": answering_digest(record["model"], *_beside(paths).values()),
        },
        rows={
            "ingest": dataset.num_rows,
            "validate": _rows(validation),
            "split": files.read_json(paths.split_report)["num_rows"],
            "clean": _rows(files.read_json(paths.cleaning_report)),
        },
        row_key=row_key(pipeline.split, paths, dataset),
        metrics=metrics,
        requirements=(*requirements(paths.model), *libraries),
        root=paths.project.root,
        reason=reason_of_training(),
    )


def _rows(content: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in content.items() if name.startswith("num_")}


def _refusal(verdict: Verdict, paths: Paths) -> str:
    rules = "\n".join(f"  {rule.sentence()}" for rule in verdict.failed)
    return (
        f"register: the gate says no to this version of {paths.pipeline}, and nothing was registered:\n{rules}\n"
        f"The verdict is in {paths.relative(paths.verdict)}; "
        "train a better model, or change register.gate in params.yaml"
    )
