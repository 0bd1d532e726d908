"""The registry: a version for each model, described for people, and the aliases champion and challenger."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import polars as pl

from tasks import files
from tasks.digests import answering_digest
from tasks.measures import Measure
from tasks.params.config import Config
from tasks.paths import AssessmentName, Paths
from tasks.promotion.contest import Promotion
from tasks.promotion.gate import Verdict
from tasks.tracking import describe, leftovers, store
from tasks.tracking.card_pictures import log_card_pictures
from tasks.tracking.contents import damage, local_folder
from tasks.tracking.known_aliases import version_of_model
from tasks.tracking.logged_run import LoggedRun, logged_run
from tasks.tracking.markdown import fitted
from tasks.tracking.outages import made_once
from tasks.tracking.package import packaged
from tasks.tracking.runs import deliver
from tasks.tracking.shadow import verdict_of
from tasks.tracking.tags import (
    COMMIT_TAG,
    DATA_TAG,
    LEARNT_ROWS,
    MODEL_TAG,
    PIPELINE_TAG,
    SIGNED_TAG,
    START_TAG,
    VERDICT_TAG,
)
from tasks.tracking.upload import upload
from tasks.tracking.version_aliases import assign_aliases

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import Model


class Registration(Config):
    """A registered version. `model` is the digest of all that answers: the model folder, and its threshold."""

    name: str
    version: int
    aliases: tuple[str, ...]
    model: str
    promotion: Promotion


@dataclass(frozen=True, kw_only=True)
class VersionCandidate:
    """A version that passed the gate: what is to be registered, and how it is told apart."""

    metrics: Mapping[str, float]
    measures: Mapping[str, Measure]
    """All that the gate can bound: the metrics with their intervals, and what was measured beside them."""
    verdict: Verdict
    promotion: Promotion
    passport: Mapping[str, Any]
    sample: pl.DataFrame
    """Raw rows of the test part."""
    record: Mapping[str, Any]
    """run.json."""
    learnt: pl.DataFrame | None
    """A hash for each row that it was trained on; None where rows cannot be told apart."""
    proves: bool = False
    """Whether versions prove themselves on live rows before they become champion."""
    beside: Mapping[str, Path] = field(default_factory=dict)
    """The files that answer with the model, as `packaged` has them: of a threshold, of intervals or sets of classes."""

    @property
    def model(self) -> str:
        """The digest of all that answers."""
        return answering_digest(self.record["model"], *self.beside.values())


def register_version(paths: Paths, candidate: VersionCandidate) -> Registration:
    """Registers the model once, however often it is called, and says which aliases it got.

    Raises UserError when the registry cannot be reached after retries; the next call goes on from there.
    """
    run_id = deliver(paths)
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        client.set_tag(run_id, DATA_TAG, candidate.passport["source"]["digest"])
        _log_reports(client, run_id, paths, candidate)
        _ensure_model(client, paths.pipeline, candidate.passport)
        version = version_of_model(client, paths.pipeline, candidate.model)
        if version is None:
            version = _create_version(client, run_id, paths, candidate)
        else:
            _mend_files(version, paths, candidate)
        _describe_version(client, version, candidate, logged_run(client, run_id))
        aliases = assign_aliases(paths.project, client, version, candidate.promotion, proves=candidate.proves)
    return Registration(
        name=paths.pipeline,
        version=int(version.version),
        aliases=aliases,
        model=candidate.model,
        promotion=candidate.promotion,
    )


def report_files(paths: Paths) -> list[Path]:
    """What goes along with a version as the run's artifacts."""
    return [
        paths.metrics,
        paths.evaluation,
        *(paths.assessment(name) for name in get_args(AssessmentName)),
        paths.validation_report,
        paths.cleaning_report,
        paths.split_report,
        paths.report_page,
        paths.importance_picture,
        paths.passport,
        paths.verdict,
        paths.dataset,
        paths.cleaned,
    ]


def _log_reports(client: MlflowClient, run_id: str, paths: Paths, candidate: VersionCandidate) -> None:
    """Test metrics, reports and plots, and which rows were learnt from."""
    log_test_metrics(client, run_id, candidate.metrics)
    if candidate.learnt is not None:
        with files.scratch(paths.checkpoints) as scratch:
            candidate.learnt.write_parquet(scratch / LEARNT_ROWS)
            client.log_artifact(run_id, str(scratch / LEARNT_ROWS))
    for file in report_files(paths):
        client.log_artifact(run_id, str(file))
    client.log_artifacts(run_id, str(paths.plots), "plots")
    log_card_pictures(client, run_id, paths)


def log_test_metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float]) -> None:
    """The metrics of the test rows; values that are there already are not written again."""
    logged = client.get_run(run_id).data.metrics
    # MLflow would keep a second value beside the first, and draw a curve of the two.
    new = {name: value for name, value in _as_test(metrics).items() if logged.get(name) != value}
    client.log_batch(run_id, metrics=_metrics(new))


def _as_test(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics under the names that the run and the model show beside those of training and validation."""
    return {f"test_{name}": value for name, value in metrics.items()}


def _metrics(values: Mapping[str, float], model_id: str | None = None) -> list[Metric]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(name, value, now, 0, model_id=model_id) for name, value in values.items()]


def _ensure_model(client: MlflowClient, name: str, passport: Mapping[str, Any]) -> None:
    from mlflow.exceptions import MlflowException

    description = fitted(describe.model(passport), "passport.json among the files of the run")
    try:
        client.create_registered_model(name, {PIPELINE_TAG: name}, description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.update_registered_model(name, description)


def _create_version(client: MlflowClient, run_id: str, paths: Paths, candidate: VersionCandidate) -> ModelVersion:
    logged = _log_model(client, run_id, paths, candidate)
    # The artifacts' place and the run's id are given, or MLflow would look them up in whatever store is its default.
    given: dict[str, Any] = {"source": logged.artifact_location, "run_id": run_id, "model_id": logged.model_id}
    tags = {MODEL_TAG: candidate.model}
    return made_once(
        lambda: client.create_model_version(paths.pipeline, **given, tags=tags, await_creation_for=0),
        lambda: version_of_model(client, paths.pipeline, candidate.model),
    )


def _log_model(client: MlflowClient, run_id: str, paths: Paths, candidate: VersionCandidate) -> LoggedModel:
    """The model in MLflow's form, logged from the run; one that an earlier call logged to the end is used again."""
    from mlflow.entities import LoggedModelOutput

    experiment_id = client.get_run(run_id).info.experiment_id
    for model in client.search_logged_models([experiment_id], f"tags.`{MODEL_TAG}` = '{candidate.model}'"):
        if model.status == "READY" and not _damage(model.artifact_location):
            return model
    logged = client.create_logged_model(
        experiment_id,
        name=paths.pipeline,
        source_run_id=run_id,
        tags={MODEL_TAG: candidate.model, **leftovers.owner()},
        params={name: str(value) for name, value in candidate.record["params"].items()},
        model_type=candidate.passport["task"],
    )
    with leftovers.at_work_on(logged.model_id):
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
        client.log_batch(run_id, metrics=_metrics(_as_test(candidate.metrics), logged.model_id))
        about = _about(logged.artifact_location, run_id, logged.model_id)
        with packaged(paths.model, candidate.sample, about, paths.checkpoints, candidate.beside) as folder:
            upload(client, logged, folder, paths.checkpoints)
        return client.finalize_logged_model(logged.model_id, "READY")


def _about(place: str, run_id: str | None, model_id: str | None) -> Model:
    """MLflow's own record of a model."""
    from mlflow.models import Model

    return Model(artifact_path=place, run_id=run_id, model_uuid=model_id, model_id=model_id)


def _mend_files(version: ModelVersion, paths: Paths, candidate: VersionCandidate) -> None:
    """Packs the model anew where its version's files in a local store are gone or damaged; all else of it stands."""
    source = str(version.source)
    folder = local_folder(source)
    if folder is None or not damage(folder):
        return
    about = _about(source, version.run_id, version.model_id)
    with (
        packaged(paths.model, candidate.sample, about, paths.checkpoints, candidate.beside) as packed,
        files.aside(folder) as draft,
    ):
        shutil.copytree(packed, draft)


def _damage(source: str) -> str | None:
    """What is wrong with files in a local store; what a server keeps is its own matter."""
    folder = local_folder(source)
    return damage(folder) if folder else None


def _describe_version(client: MlflowClient, version: ModelVersion, candidate: VersionCandidate, run: LoggedRun) -> None:
    tags = {
        PIPELINE_TAG: version.name,
        DATA_TAG: candidate.passport["source"]["digest"],
        VERDICT_TAG: candidate.promotion.sentence,
        COMMIT_TAG: candidate.passport["git"]["commit"] or "none",
        # What a person has signed stays signed by them.
        SIGNED_TAG: version.tags.get(SIGNED_TAG, candidate.verdict.signed_off_by),
        **({START_TAG: start} if (start := candidate.record.get("init_from")) else {}),
        **{f"test_{name}": str(value) for name, value in candidate.metrics.items()},
    }
    for name, value in tags.items():
        if version.tags.get(name) != value:
            client.set_model_version_tag(version.name, version.version, name, value)
    card = describe.version(candidate.passport, candidate.verdict, run, candidate.measures)
    if (live := verdict_of(version.tags)) is not None:
        card = describe.with_live_verdict(card, live)
    description = fitted(card, "card.md among the files of the run")
    if version.description != description:
        # First, as the description may name it; and for who keeps cards elsewhere.
        client.log_text(run.run_id, card, "card.md")
        client.update_model_version(version.name, version.version, description)
