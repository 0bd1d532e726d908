"""What people do with the champion: make a version champion, go back, and ask who was it when, and why."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.environment import person
from tasks.errors import UserError
from tasks.paths import Project
from tasks.promotion.chain import ChainReport, verify
from tasks.promotion.history import OUTSIDE, TOOL, Aliases, AliasRecord, carried_out, has_room, in_order, removals
from tasks.promotion.reigns import (
    Reign,
    champion_further_back,
    former_champion,
    moment_of,
    reign_after,
    reign_at,
    reigns,
    shown,
)
from tasks.tracking import store
from tasks.tracking.alias_history import Grounds, look, move
from tasks.tracking.contents import damage, local_folder
from tasks.tracking.known_aliases import KnownAliases, marks, read_aliases, read_version
from tasks.tracking.models import download
from tasks.tracking.names import has_store, no_such_model
from tasks.tracking.tags import CHALLENGER, CHAMPION, SIGNED_TAG, VERDICT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_FLOWS = {OUTSIDE, TOOL, "register", "watch"}
"""Who is no person: one of such a name is told apart."""
_VERSION = re.compile(r"\d{1,7}")
_HEAD = re.compile(r"[0-9a-f]{12,64}")


@dataclass(frozen=True, kw_only=True)
class PromotedVersion:
    """The champion after a person's decision, the one before it, and the record; None where nothing was to be done.

    `further_back` was champion before this version was so the time before, if it was, and another one then.
    """

    name: str
    version: int
    before: int | None
    record: AliasRecord | None
    further_back: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChampionThen:
    """Who was champion at a moment, or is now: None, and no reign, where nobody was.

    `ended` is the reign that came after it; `is_deleted` says that the registry has the version no more, and `removal`
    is the record by which it was removed, where one says so.
    """

    name: str
    reign: Reign | None
    ended: Reign | None
    is_deleted: bool
    removal: AliasRecord | None = None


def promote(project: Project, name: str, version: str, because: str) -> PromotedVersion:
    """Makes a version champion. Raises UserError for one that is not there, not whole, or without a reason."""
    number = _number(name, version)
    reason = _reason(because)
    with _registry(project, name) as client:
        return _promoted(project, client, look(project, client, name), number, reason)


def rollback(project: Project, name: str, to: str | None, because: str) -> PromotedVersion:
    """Makes the former champion champion again: the last one, a version, or the one of a time. Raises as `promote`."""
    reason = _reason(because)
    with _registry(project, name) as client:
        known = look(project, client, name)
        return _promoted(project, client, known, _goal(known, to), reason)


def champion_then(project: Project, name: str, at: str | None = None) -> ChampionThen:
    """The champion of now, or of a time. Raises UserError for a time before the history began."""
    with _registry(project, name) as client:
        known = look(project, client, name)
        reign = _reign(known, at) if at else next(iter(reversed(reigns(known.records))), None)
        version = reign.version if reign else None
        is_deleted = version is not None and read_version(client, name, version) is None
    return ChampionThen(
        name=name,
        reign=reign,
        ended=reign_after(known.records, reign),
        is_deleted=is_deleted,
        removal=removals(known.records).get(version) if is_deleted and version is not None else None,
    )


def history(project: Project, name: str) -> tuple[list[AliasRecord], set[str]]:
    """All records, the newest first, and the hashes of those that were carried out."""
    with _registry(project, name) as client:
        records = look(project, client, name).records
    return in_order(records)[::-1], {record.hash for record in carried_out(records)}


def verified(project: Project, name: str, heads: list[str]) -> ChainReport:
    """Whether the history is whole, and holds these hashes. Raises UserError for what is none."""
    for head in heads:
        if not _HEAD.fullmatch(head):
            raise UserError(f"--head {head}: is no hash; give one as `modelwright history {name} --verify` prints it")
    with _registry(project, name) as client:
        known = look(project, client, name)
        return verify(known.kept, marks(client, name), tuple(heads))


@contextmanager
def _registry(project: Project, name: str) -> Iterator[MlflowClient]:
    """A client of a registry that has the model."""
    if not has_store(project):
        raise UserError(
            f"{name}: no model was registered in {project.root} yet; train one (`modelwright run {name}`), or set "
            "MLFLOW_TRACKING_URI to the server that has it"
        )
    with store.reachable(project, store.COMMAND_AGAIN):
        from mlflow.exceptions import MlflowException

        client = store.connect(project)
        try:
            client.get_registered_model(name)
        except MlflowException as error:
            # The second one is that of a name that no model can have.
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise no_such_model(client, name, name) from None
        yield client


def _promoted(project: Project, client: MlflowClient, known: KnownAliases, number: int, reason: str) -> PromotedVersion:
    name = known.name
    if known.champion == number:
        return PromotedVersion(name=name, version=number, before=number, record=None)
    version = whole_version(client, name, number)

    def targets(aliases: Aliases) -> dict[str, int | None]:
        challenger: dict[str, int | None] = {CHALLENGER: None} if aliases.get(CHALLENGER) == number else {}
        return {CHAMPION: number, **challenger}

    grounds = Grounds(who=signer(project), reason=reason, verdict=version.tags.get(VERDICT_TAG))
    after = move(project, client, name, targets, grounds)
    client.set_model_version_tag(name, str(number), SIGNED_TAG, f"{grounds.who}: {reason}")
    reign = next(reign for reign in reversed(reigns(after.records)) if reign.version == number)
    before = reign.record.moves[CHAMPION][0]
    further = champion_further_back(after.records)
    return PromotedVersion(
        name=name,
        version=number,
        before=before,
        record=reign.record,
        further_back=None if further == before else further,
    )


def signer(project: Project) -> str:
    """The person who sits here, as records name them."""
    name = person(project.root)
    return f"{name} (a person)" if name in _FLOWS else name


def _reason(because: str) -> str:
    # What a terminal sends that is no text would be no JSON.
    reason = because.encode("utf-8", "replace").decode().strip()
    if not reason:
        raise UserError('--because: is empty; say why, such as --because "it answers nonsense since Monday"')
    if not has_room(reason):
        raise UserError("--because: is too long for the registry; say it in a thousand signs, or name a page that does")
    return reason


def _number(name: str, text: str) -> int:
    if not _VERSION.fullmatch(text):
        raise UserError(f"{text}: is no version of {name}; give its number, as `modelwright ui {name}` shows it")
    return int(text)


def _goal(known: KnownAliases, to: str | None) -> int:
    """The version to go back to."""
    name = known.name
    if to is not None and _VERSION.fullmatch(to):
        return int(to)
    if to is not None:
        reign = _reign(known, to)
        if reign is None or reign.version is None:
            raise UserError(
                f"{name}: had no champion at {shown(moment_of(to))}; `modelwright history {name}` shows when it had one"
            )
        return reign.version
    former = former_champion(known.records, known.champion)
    if former is None:
        raise UserError(
            f"{name}: its history has no champion before this one; give --to VERSION, or see `modelwright history "
            f"{name}`"
        )
    return former


def _reign(known: KnownAliases, at: str) -> Reign | None:
    moment = moment_of(at)
    first = in_order(known.records)[0].moment if known.records else None
    if first is None or moment < first:
        began = f"begins at {shown(first)}" if first else "has not begun"
        raise UserError(
            f"{known.name}: its history {began}, and who was champion at {shown(moment)} nobody wrote down; give a "
            "later time, or a version"
        )
    return reign_at(known.records, moment)


def whole_version(client: MlflowClient, name: str, number: int) -> ModelVersion:
    """The version, whose files are there and as they were packaged. Raises UserError for one that is not there, or not
    whole."""
    version = read_version(client, name, number)
    if version is None:
        numbers = sorted(int(one.version) for one in client.search_model_versions(f"name = '{name}'"))[-10:]
        advice = f"give one of {', '.join(map(str, numbers))}" if numbers else f"`modelwright run {name}` makes one"
        removal = removals(read_aliases(client, name).records).get(number)
        why = f"was removed at {shown(removal.moment)} ({removal.reason})" if removal else "was deleted, or never made"
        raise UserError(f"{name}: has no version {number}: it {why}; {advice}")
    wrong = _damage(client, version)
    if wrong:
        raise UserError(
            f"{name}: of the files of version {number} in the store, {wrong}; give another one, or `modelwright run "
            f"{name}`, which mends the version that it left"
        )
    return version


def _damage(client: MlflowClient, version: ModelVersion) -> str | None:
    source = str(version.source)
    if folder := local_folder(source):
        return damage(folder)
    with tempfile.TemporaryDirectory() as scratch:
        return damage(Path(download(client, source, scratch, f"{version.name} version {version.version}")))
