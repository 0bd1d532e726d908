"""Trained models as folders, by the name of a version in the registry or by their place."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.contents import damage, local_folder
from tasks.tracking.packed_model import model_within

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def model_folder(project: Project, source: str, setting: str) -> Path:
    """The folder of the model that `source` names: models:/NAME@ALIAS, models:/NAME/VERSION, or a folder's path.

    A version is fetched once, and kept in the project's .modelwright folder. Raises UserError, which names `setting`,
    when there is no such model.
    """
    if not source.startswith("models:"):
        return _checked(project.root / source, source, setting)
    named = _REGISTERED.fullmatch(source)
    if named is None:
        raise UserError(f"{setting}: {source} names no version; write models:/NAME@champion or models:/NAME/3")
    with store.reachable(project), _version_named(source, setting):
        client = store.connect(project)
        version = _version(client, **named.groupdict())
        kept = start_of(project, version)
        if not kept.is_dir():
            _fetch(client, version, kept, f"{setting}: {source}")
    return _checked(kept, source, setting)


def _version(client: MlflowClient, name: str, alias: str | None, version: str | None) -> ModelVersion:
    if alias is not None:
        return client.get_model_version_by_alias(name, alias)
    assert version is not None
    return client.get_model_version(name, version)


def start_of(project: Project, version: ModelVersion) -> Path:
    """Where the model of a version is kept that a training began from, if one did."""
    # Another store, or one that was begun anew, has other models under the same names and numbers.
    place = hashlib.sha256(str(version.source).encode()).hexdigest()[:8]
    return project.fetched_models / f"{version.name}-{version.version}-{place}"


def _fetch(client: MlflowClient, version: ModelVersion, target: Path, asked: str) -> None:
    """The model's own folder out of the one that MLflow keeps: a copy, as that one belongs to the store."""
    # Aside, so that a fetch that is cut off leaves no half model, which would count as fetched.
    with files.aside(target) as draft, tempfile.TemporaryDirectory(dir=draft.parent) as scratch:
        packed = download(client, str(version.source), scratch, asked)
        if wrong := damage(packed):
            raise UserError(f"{asked}: of its files in the store, {wrong}; give another version, or the model's folder")
        shutil.copytree(model_within(packed, asked), draft)


def download(client: MlflowClient, source: str, scratch: str, asked: str) -> Path:
    """A version's folder as MLflow keeps it; a local store's own, else a copy in `scratch`."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    # MLflow would make a store in the working directory to ask it where Databricks is.
    if source.startswith("dbfs:") and not client.tracking_uri.startswith("databricks"):
        raise UserError(f"{asked}: its files are on Databricks ({source}), the tracking store is not; give another one")
    # A copy of a local one would hold what its links lead to, and nobody could tell any more.
    local = local_folder(source) is not None
    try:
        return Path(
            download_artifacts(
                artifact_uri=source, dst_path=None if local else scratch, tracking_uri=client.tracking_uri
            )
        )
    except MlflowException as error:
        raise UserError(
            f"{asked}: its files cannot be fetched from {source} ({store.reason(error)}); "
            "give a version whose files are there"
        ) from error


def _checked(folder: Path, source: str, setting: str) -> Path:
    if not (folder / "model.json").is_file():
        raise UserError(
            f"{setting}: {source} is no model's folder (it has no model.json); give models/PIPELINE or a version"
        )
    return folder


@contextmanager
def _version_named(source: str, setting: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST" and "not found" not in str(error):
            raise
        raise UserError(
            f"{setting}: the registry has no {source} ({error.message}); `modelwright ui` shows what it has"
        ) from error
