"""What the registry has: each model with who is champion, and each of its versions with what the gate decided."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.names import has_store
from tasks.tracking.tags import CHALLENGER, CHAMPION, VERDICT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel


@dataclass(frozen=True, kw_only=True)
class VersionSummary:
    """One version; `created` is in seconds since 1970, `verdict` the gate's decision in one sentence."""

    number: int
    created: float
    aliases: tuple[str, ...]
    verdict: str | None


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """One registered model; its versions stand the newest first."""

    name: str
    aliases: dict[str, int]
    versions: tuple[VersionSummary, ...]

    @property
    def champion(self) -> int | None:
        """The version that is live."""
        return self.aliases.get(CHAMPION)

    @property
    def challenger(self) -> int | None:
        """The version that asks to replace it."""
        return self.aliases.get(CHALLENGER)

    @property
    def last_verdict(self) -> str | None:
        """What was decided of the newest version."""
        return self.versions[0].verdict if self.versions else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        summary = {"champion": self.champion, "challenger": self.challenger, "last_verdict": self.last_verdict}
        return {**asdict(self), **summary}


def registered_models(project: Project) -> list[ModelSummary]:
    """All models of the registry, by name; none where nothing was tracked yet. Raises UserError when it is down."""
    if not has_store(project):
        return []
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        models = client.search_registered_models(max_results=1000)
        return sorted((_summary(model, all_versions(client, model.name)) for model in models), key=lambda one: one.name)


def all_versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Every version of the model that the registry has, however many."""
    versions: list[ModelVersion] = []
    token: str | None = None
    while token != "":
        page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
        versions += page
        token = page.token or ""
    return versions


def _summary(model: RegisteredModel, versions: list[ModelVersion]) -> ModelSummary:
    aliases = {alias: int(holder) for alias, holder in model.aliases.items()}
    return ModelSummary(
        name=model.name,
        aliases=dict(sorted(aliases.items())),
        versions=tuple(
            VersionSummary(
                number=int(version.version),
                created=version.creation_timestamp / 1000,
                aliases=tuple(sorted(alias for alias, holder in aliases.items() if holder == int(version.version))),
                verdict=version.tags.get(VERDICT_TAG),
            )
            for version in sorted(versions, key=lambda one: -int(one.version))
        ),
    )
