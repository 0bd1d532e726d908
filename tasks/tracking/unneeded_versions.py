"""Registered versions that may go, with the models that are theirs alone, and how they go."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.paths import Project
from tasks.promotion.history import removals
from tasks.promotion.retention import VersionKey
from tasks.tracking import store
from tasks.tracking.alias_history import Grounds, retire
from tasks.tracking.contents import local_folder
from tasks.tracking.known_versions import KnownRegistry, KnownVersion
from tasks.tracking.names import has_store
from tasks.tracking.tags import MODEL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel


_NAMED = re.compile(r"models:/(?P<name>[\w-]+)/(?P<version>\d+)")


@dataclass(frozen=True, kw_only=True)
class UnneededVersion:
    """A version that may go; `days` are those of its policy, `num_bytes` those of its files on this machine."""

    key: VersionKey
    created: float
    days: int
    copies: tuple[Path, ...]
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class UnneededModel:
    """A model of MLflow's of which no version that stays is made; `folder` holds its files, where they lie here."""

    pipeline: str
    model_id: str
    folder: Path | None
    num_bytes: int


def unneeded_versions(
    registry: KnownRegistry, kept: Collection[VersionKey], days: Mapping[str, int]
) -> list[UnneededVersion]:
    """Those that are not kept, by model and number; `days` are those of the policies, by model."""
    going = sorted((one for one in registry.versions if one.key not in kept), key=lambda one: one.key)
    return [
        UnneededVersion(
            key=version.key,
            created=version.created,
            days=days[version.key[0]],
            copies=tuple(copy for copy in version.copies if copy.is_dir()),
            num_bytes=sum(map(size, version.copies)),
        )
        for version in going
    ]


def removed_before(registry: KnownRegistry) -> set[VersionKey]:
    """Versions that an earlier call removed, of which something may be left."""
    there = {version.key for version in registry.versions}
    recorded = {(name, number) for name, known in registry.aliases.items() for number in removals(known.records)}
    return recorded - there


def unneeded_models(
    project: Project, staying: Iterable[KnownVersion], before: Mapping[str, float]
) -> list[UnneededModel]:
    """Models that `register` has logged before the time of their pipeline, and that no version that stays is made of:
    those of versions that go, or went, and what a registration left that was cut off.

    Raises UserError as `known_registry`.
    """
    if not has_store(project):
        return []
    needed = {place for version in staying for place in (version.model_id, version.source)}
    unneeded = []
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        for pipeline, moment in before.items():
            experiment = client.get_experiment_by_name(pipeline)
            for model in [] if experiment is None else _logged_models(client, experiment.experiment_id):
                is_needed = not needed.isdisjoint((model.model_id, model.artifact_location))
                if not is_needed and model.creation_timestamp / 1000 < moment:
                    unneeded.append(_unneeded(pipeline, model))
    return unneeded


def remove_versions(project: Project, versions: Iterable[UnneededVersion], who: str) -> list[UnneededVersion]:
    """Removes them from the registry, with the copies that lie here; the history of their aliases says so first.

    Returns those that went: one that has got an alias since stays.
    """
    removed = []
    of_models: dict[str, dict[int, UnneededVersion]] = {}
    for version in versions:
        of_models.setdefault(version.key[0], {})[version.key[1]] = version
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        for name, numbered in of_models.items():
            days = next(iter(numbered.values())).days
            reason = f"gc: without an alias and an answer for {days} days, and needed by none (retention.versions_days)"

            def remove(number: int, name: str = name, numbered: Mapping[int, UnneededVersion] = numbered) -> None:
                # The copies first: once the registry has the version no more, nobody knows whose they were.
                for copy in numbered[number].copies:
                    _remove_folder(copy)
                client.delete_model_version(name, str(number))

            numbers = retire(project, client, name, numbered, Grounds(who=who, reason=reason), remove)
            removed += [numbered[number] for number in numbers]
    return removed


def remove_models(project: Project, models: Iterable[UnneededModel]) -> None:
    """Removes their files on this machine, and then their records: what is cut off in between is found again."""
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        for model in models:
            if model.folder is not None:
                _remove_folder(model.folder)
            client.delete_logged_model(model.model_id)


def named_versions(project: Project, pipelines: Iterable[str], params: str) -> set[VersionKey]:
    """Those that `register` left last, and those that the text of params.yaml names by their number."""
    named = {(match["name"], int(match["version"])) for match in _NAMED.finditer(params)}
    for pipeline in pipelines:
        registration = project.pipeline(pipeline).registration
        content = files.read_json(registration) if registration.exists() else {}
        if "version" in content:
            named.add((content["name"], int(content["version"])))
    return named


def size(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _logged_models(client: MlflowClient, experiment_id: str) -> Iterable[LoggedModel]:
    """Those that stage register has logged to the end: others are somebody's own, or at work."""
    token: str | None = None
    while token != "":
        page = client.search_logged_models([experiment_id], page_token=token)
        yield from (model for model in page if MODEL_TAG in model.tags and model.status == "READY")
        token = page.token or ""


def _unneeded(pipeline: str, model: LoggedModel) -> UnneededModel:
    artifacts = local_folder(model.artifact_location)
    # MLflow keeps a model's files in a folder of the model's name; what lies elsewhere is not known to be its own.
    folder = artifacts.parent if artifacts is not None and artifacts.parent.name == model.model_id else None
    return UnneededModel(
        pipeline=pipeline, model_id=model.model_id, folder=folder, num_bytes=size(folder) if folder else 0
    )


def _remove_folder(folder: Path) -> None:
    with files.storage_errors(folder):
        files.remove(folder)
