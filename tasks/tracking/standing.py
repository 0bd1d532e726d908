"""What the registry says today of the version that `register` left: DVC sees files alone, and never asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tasks import files
from tasks.paths import Paths, Project
from tasks.reports import Report
from tasks.tracking import store
from tasks.tracking.contents import damage, local_folder
from tasks.tracking.database import opened
from tasks.tracking.tags import CHALLENGER, CHAMPION, MODEL_TAG


@dataclass(frozen=True, kw_only=True)
class _Record:
    """A version as the registry has it, and the numbers of the versions that bear its model's aliases."""

    model: str | None
    source: str
    aliases: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`news` says why register has to run again; `aliases` are those of the version, `champion` is the one that is."""

    news: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    champion: int | None = None

    def told(self, report: Report) -> Report:
        """Register's report with the aliases of today: somebody may have moved them since."""
        if report.numbers["aliases"] == list(self.aliases):
            return report
        numbers = {**report.numbers, "aliases": list(self.aliases)}
        figure = ", ".join([f"{numbers['name']} version {numbers['version']}", *self.aliases])
        moved = f"the aliases were moved since: version {self.champion} is the champion"
        return replace(report, figure=figure, numbers=numbers, diagnostics=(*report.diagnostics, moved))


def standing(paths: Paths) -> Standing:
    """Asks the registry, a local store without MLflow. Raises UserError when it cannot be asked."""
    if not paths.registration.exists():
        # DVC says so itself.
        return Standing(news=())
    registration = files.read_json(paths.registration)
    name, number = registration["name"], int(registration["version"])
    record = _record(paths, name, number)
    if record is None:
        return Standing(news=(f"the registry has no version {number} of {name}",))
    aliases = tuple(sorted(alias for alias, holder in record.aliases.items() if holder == number))
    champion = record.aliases.get(CHAMPION)
    return Standing(news=_news(record, registration["model"], number, champion), aliases=aliases, champion=champion)


def proving(paths: Paths) -> str | None:
    """A sentence on the version that `register` left, where it proves itself beside the champion; else None.

    Raises UserError as `standing`.
    """
    if not paths.registration.exists() or not files.read_json(paths.registration)["promotion"].get("in_shadow"):
        return None
    now = standing(paths)
    if CHALLENGER not in now.aliases:
        return None
    number = files.read_json(paths.registration)["version"]
    return (
        f"version {number} is challenger, and proves itself beside version {now.champion} on live rows; `modelwright "
        f"watch {paths.pipeline}` says how far it is"
    )


def damaged_models(project: Project) -> list[tuple[str, str, str]]:
    """Of each version in a local store that bears an alias and cannot be relied on: model, alias, and what is wrong."""
    database = store.local_database(project)
    if database is None:
        return []
    with opened(database) as connection:
        named = connection.execute(
            "SELECT alias.name, alias.alias, version.source FROM registered_model_aliases AS alias "
            "JOIN model_versions AS version ON version.name = alias.name AND version.version = alias.version "
            "ORDER BY alias.name, alias.alias"
        ).fetchall()
    folders = ((name, alias, local_folder(source or "")) for name, alias, source in named)
    return [(name, alias, wrong) for name, alias, folder in folders if folder and (wrong := damage(folder))]


def _news(record: _Record, model: str, number: int, champion: int | None) -> tuple[str, ...]:
    if record.model != model:
        return (f"version {number} of the registry is another model",)
    if champion is None:
        return ("the registry has no champion",)
    folder = local_folder(record.source)
    wrong = damage(folder) if folder else None
    return (f"version {number} in the store: {wrong}",) if wrong else ()


def _record(paths: Paths, name: str, number: int) -> _Record | None:
    database = store.local_database(paths.project)
    if database is not None:
        return _record_in(database, name, number)
    if store.is_local(paths.project):
        return None
    return _record_of_server(paths, name, number)


def _record_in(database: Path, name: str, number: int) -> _Record | None:
    with opened(database) as connection:
        version = connection.execute(
            "SELECT version.source, tag.value FROM model_versions AS version LEFT JOIN model_version_tags AS tag "
            "ON tag.name = version.name AND tag.version = version.version AND tag.key = ? "
            # MLflow keeps the row of a version that was deleted.
            "WHERE version.name = ? AND version.version = ? AND version.current_stage != 'Deleted_Internal'",
            (MODEL_TAG, name, number),
        ).fetchone()
        named = connection.execute("SELECT alias, version FROM registered_model_aliases WHERE name = ?", (name,))
        aliases = dict(named.fetchall())
    return None if version is None else _Record(model=version[1], source=version[0], aliases=aliases)


def _record_of_server(paths: Paths, name: str, number: int) -> _Record | None:
    with store.reachable(paths.project):
        from mlflow.exceptions import MlflowException

        client = store.connect(paths.project)
        try:
            version = client.get_model_version(name, str(number))
            aliases = client.get_registered_model(name).aliases
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
    holders = {alias: int(holder) for alias, holder in aliases.items()}
    # Where a server keeps its files is its own matter.
    return _Record(model=version.tags.get(MODEL_TAG), source="", aliases=holders)
