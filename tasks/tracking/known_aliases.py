"""The aliases of a registered model as the registry has them, with the tags that hold their history. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.promotion.history import AliasRecord, in_order, parsed
from tasks.tracking.tags import CHAMPION, HISTORY_TAG, MARK_TAG, MODEL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True, kw_only=True)
class KnownAliases:
    """A model's aliases in the registry; `kept` are the texts of its records by label, `records` the sound ones."""

    name: str
    aliases: dict[str, int]
    kept: dict[str, str]
    records: tuple[AliasRecord, ...]

    @property
    def champion(self) -> int | None:
        """The version that is live."""
        return self.aliases.get(CHAMPION)


def read_aliases(client: MlflowClient, name: str) -> KnownAliases:
    """As the registry has them, and nothing is written."""
    model = client.get_registered_model(name)
    kept = {key.removeprefix(HISTORY_TAG): str(text) for key, text in model.tags.items() if key.startswith(HISTORY_TAG)}
    records = {label: parsed(text) for label, text in kept.items()}
    sound = (record for label, record in records.items() if record is not None and record.label == label)
    return KnownAliases(
        name=name,
        aliases={alias: int(holder) for alias, holder in model.aliases.items()},
        kept=kept,
        # A database gives tags in whatever order.
        records=tuple(in_order(sound)),
    )


def marks(client: MlflowClient, name: str) -> dict[int, dict[str, str]]:
    """The marks that each version bears: hashes of records by their labels."""
    versions: list[ModelVersion] = []
    token: str | None = None
    while token != "":
        page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
        versions += page
        token = page.token or ""
    return {
        int(version.version): {
            key.removeprefix(MARK_TAG): str(digest) for key, digest in version.tags.items() if key.startswith(MARK_TAG)
        }
        for version in versions
    }


def read_version(client: MlflowClient, name: str, number: int) -> ModelVersion | None:
    """None for one that was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(name, str(number))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def version_of_model(client: MlflowClient, name: str, model: str) -> ModelVersion | None:
    """The newest version whose model has this digest; None where none has."""
    versions = client.search_model_versions(f"name = '{name}' and tags.`{MODEL_TAG}` = '{model}'")
    return max(versions, key=lambda version: int(version.version)) if versions else None
