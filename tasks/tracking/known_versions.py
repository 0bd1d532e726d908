"""All registered versions with what speaks for keeping them: aliases, what they came from, and who needs them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.paths import Project
from tasks.promotion.chain import verify
from tasks.promotion.retention import VersionKey, VersionUse, last_borne
from tasks.tracking import store
from tasks.tracking.known_aliases import KnownAliases, read_aliases
from tasks.tracking.models import start_of
from tasks.tracking.names import has_store
from tasks.tracking.registered import copy_of
from tasks.tracking.registry_overview import all_versions
from tasks.tracking.tags import COMMIT_TAG, MARK_TAG, MODEL_TAG, PROMOTION_TAG, START_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_START = re.compile(r"models:/(?P<name>[^/@]+)(@[^/@]+|/(?P<version>\d+))")


@dataclass(frozen=True, kw_only=True)
class KnownVersion:
    """One version; `created` is in seconds since 1970, `run_model` the digest of its model's folder alone.

    `start` is the setting that its training began from; `copies` are where this project keeps the version's files.
    """

    key: VersionKey
    created: float
    run_id: str | None
    model_id: str | None
    source: str
    tags: Mapping[str, str]
    run_model: str | None
    start: str | None
    copies: tuple[Path, ...]

    @property
    def models(self) -> set[str]:
        """The version's own tag is of all that answers, with a threshold; the run's is of the folder alone."""
        return {digest for digest in (self.run_model, self.tags.get(MODEL_TAG)) if digest}


@dataclass(frozen=True, kw_only=True)
class KnownRegistry:
    """Its versions, and the aliases of each model with their history. `faulty` are models whose history is not whole:
    nobody knows which of their versions reigned when."""

    versions: tuple[KnownVersion, ...] = ()
    aliases: Mapping[str, KnownAliases]
    faulty: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class VersionOrigins:
    """What versions came from: their runs, the digests of their models' folders, commits of git."""

    num_versions: int
    run_ids: frozenset[str]
    models: frozenset[str]
    commits: frozenset[str]


def known_registry(project: Project) -> KnownRegistry:
    """All models of the registry; nothing is written. Raises UserError when it does not answer."""
    if not has_store(project):
        return KnownRegistry(aliases={})
    with store.reachable(project):
        client = store.connect(project)
        names = [model.name for model in client.search_registered_models(max_results=1000)]
        aliases = {name: read_aliases(client, name) for name in names}
        versions = [_known(client, project, one) for name in names for one in all_versions(client, name)]
    return KnownRegistry(
        versions=tuple(versions),
        aliases=aliases,
        faulty=frozenset(name for name in names if verify(aliases[name].kept, _marks(versions, name)).problems),
    )


def origins_of(versions: Iterable[KnownVersion]) -> VersionOrigins:
    """What must stay for these versions to be made again."""
    known = list(versions)
    commits = {version.tags.get(COMMIT_TAG, "none") for version in known}
    return VersionOrigins(
        num_versions=len(known),
        run_ids=frozenset(version.run_id for version in known if version.run_id),
        models=frozenset(digest for version in known for digest in version.models),
        commits=frozenset(commits - {"none"}),
    )


def version_uses(
    registry: KnownRegistry, answered: Mapping[VersionKey, float], named: Collection[VersionKey], now: float
) -> dict[VersionKey, VersionUse]:
    """What speaks for keeping each version; `answered` has when each answered last, `named` which the project names."""
    borne = {name: last_borne(known.records, known.aliases, now) for name, known in registry.aliases.items()}
    uses = {}
    for version in registry.versions:
        name, number = version.key
        holders = registry.aliases[name].aliases
        times = [copy.stat().st_mtime for copy in version.copies if copy.is_dir()]
        times += [answered[version.key]] if version.key in answered else []
        uses[version.key] = VersionUse(
            created=version.created,
            aliases=tuple(sorted(alias for alias, holder in holders.items() if holder == number)),
            is_named=version.key in named,
            last_borne=borne[name].get(number),
            last_answered=max(times, default=None),
            parents=frozenset(_parents(version, registry.versions)),
            rival=_rival(version),
        )
    return uses


def _parents(version: KnownVersion, versions: Iterable[KnownVersion]) -> set[VersionKey]:
    """Those of which its weights may be: by the digest of what it began from, or else by the setting.

    Where no version has the digest, as one of an earlier Modelwright lacks it, the alias may have been on any version
    that was there.
    """
    digest = version.tags.get(START_TAG)
    if same := {other.key for other in versions if digest in other.models} - {version.key}:
        return same
    named = _START.fullmatch(version.start or "")
    if named is None:
        return set()
    if named["version"]:
        return {(named["name"], int(named["version"]))}
    return {other.key for other in versions if other.key[0] == named["name"] and other.created < version.created}


def _rival(version: KnownVersion) -> int | None:
    try:
        content = json.loads(version.tags.get(PROMOTION_TAG, "{}"))
    except ValueError:
        return None
    number = content.get("champion_version") if isinstance(content, dict) else None
    return number if isinstance(number, int) and number != version.key[1] else None


def _marks(versions: Iterable[KnownVersion], name: str) -> dict[int, dict[str, str]]:
    return {
        version.key[1]: {
            tag.removeprefix(MARK_TAG): digest for tag, digest in version.tags.items() if tag.startswith(MARK_TAG)
        }
        for version in versions
        if version.key[0] == name
    }


def _known(client: MlflowClient, project: Project, version: ModelVersion) -> KnownVersion:
    tags, params = _of_run(client, version.run_id)
    return KnownVersion(
        key=(version.name, int(version.version)),
        created=version.creation_timestamp / 1000,
        run_id=version.run_id or None,
        model_id=version.model_id or None,
        source=str(version.source),
        tags=dict(version.tags),
        run_model=tags.get(MODEL_TAG),
        start=params.get("init_from"),
        copies=(copy_of(project, version), start_of(project, version)),
    )


def _of_run(client: MlflowClient, run_id: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The tags and parameters of a run; none where a version was registered without one, or it was deleted for good."""
    from mlflow.exceptions import MlflowException

    if not run_id:
        return {}, {}
    try:
        data = client.get_run(run_id).data
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}, {}
    return data.tags, data.params
