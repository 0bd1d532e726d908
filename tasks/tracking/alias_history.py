"""The aliases of a registered model: each move leaves a record in the registry, and moves by others are seen.

A record is written before its aliases move, and the version that it is about is marked after: what was cut off in
between is ended, or told, by the next look. Two writers of a server, which has no lock, see each other's records
before either moves an alias; the one who sees another's gives way and tries again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.paths import Project
from tasks.promotion.history import (
    OUTSIDE,
    TOOL,
    Aliases,
    AliasRecord,
    Moves,
    carried_out,
    difference,
    is_joined,
    new_record,
    removals,
    shortened,
    state,
)
from tasks.promotion.reigns import former_champion
from tasks.tracking import store
from tasks.tracking.known_aliases import KnownAliases, read_aliases, read_version
from tasks.tracking.tags import CHAMPION, HISTORY_TAG, MARK_TAG, PREVIOUS

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ATTEMPTS = 10
_LOOKS = 50
"""More than what is to be told one by one can take, where nobody moves on."""
_LOCK_SECONDS = 60.0
_AT_ONCE = 100
"""Versions that one record removes: a tag of MLflow's ends at 5,000 signs."""

_PATIENCE = 5.0
"""Seconds for which a record is waited for whose writer, elsewhere, may be about to move the aliases."""
_PAUSE = 0.3

Targets = Callable[[Aliases], Mapping[str, int | None]]
"""What the aliases are to be, by what they are; raises UserError where they must not be moved."""


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """Who moves aliases, why, and what the gate said of the version."""

    who: str
    reason: str
    verdict: str | None = None


def look(project: Project, client: MlflowClient, name: str) -> KnownAliases:
    """The aliases and their history, once what others moved, and what was cut off, is written down in it."""
    with _alone(project):
        return _looked_at(client, name, patience=_patience(project))


def move(project: Project, client: MlflowClient, name: str, targets: Targets, grounds: Grounds) -> KnownAliases:
    """Moves aliases, and `previous` with the champion; each move stands in the history before it is made.

    Raises UserError from `targets`, and where others move the aliases again and again.
    """
    with _alone(project):
        for attempt in range(_ATTEMPTS):
            before = _looked_at(client, name, patience=_patience(project))
            wanted = targets(before.aliases)
            wanted = {**_previous(client, before, before.champion, wanted.get(CHAMPION)), **wanted}
            moves = {alias: (before.aliases.get(alias), after) for alias, after in wanted.items()}
            moves = {alias: (old, new) for alias, (old, new) in moves.items() if old != new}
            if not moves:
                return before
            record, now = _append(client, before, moves, grounds)
            if _is_alone(record, before, now) and _carry_out(client, name, record):
                _stand_by(client, name, record, grounds)
                return _looked_at(client, name)
            _annul(client, read_aliases(client, name), record, "another one moved aliases at the same moment")
            # Two who give way to each other must not meet again.
            time.sleep(random.uniform(0, min(_PAUSE * 4**attempt, _PATIENCE)))
    raise UserError(f"{name}: others move its aliases all the time; run again: nothing was moved")


def retire(
    project: Project,
    client: MlflowClient,
    name: str,
    numbers: Iterable[int],
    grounds: Grounds,
    remove: Callable[[int], None],
) -> list[int]:
    """Has `remove` take versions away, once a record names them; returns which went. One that has an alias stays.

    What is cut off in between the next call goes on with, and writes no second record of a version.
    """
    removed = []
    with _alone(project):
        known = _looked_at(client, name, patience=_patience(project))
        free = sorted(set(numbers) - {*known.aliases.values()})
        unrecorded = [number for number in free if number not in removals(known.records)]
        for first in range(0, len(unrecorded), _AT_ONCE):
            _, known = _append(client, known, {}, grounds, removes=unrecorded[first : first + _AT_ONCE])
        for number in free:
            # Asked before each: a server has no lock, and MLflow takes an alias away with its version.
            if number not in read_aliases(client, name).aliases.values():
                remove(number)
                removed.append(number)
    return removed


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """One process at a time, where the store is a file of this machine; a server has no such lock."""
    from filelock import FileLock, Timeout

    database = store.local_database(project)
    if database is None:
        yield
        return
    lock = FileLock(database.with_suffix(".lock"))
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise UserError(
            f"{lock.lock_file}: another process holds it for {_LOCK_SECONDS:g} seconds; wait, or end that one, and run "
            "again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _patience(project: Project) -> float:
    # Under the lock nobody is about to move anything.
    return 0.0 if store.is_local(project) else _PATIENCE


def _looked_at(client: MlflowClient, name: str, patience: float = 0.0) -> KnownAliases:
    until = time.monotonic() + patience
    for _ in range(_LOOKS):
        known = read_aliases(client, name)
        if record := _unmarked(client, known):
            if time.monotonic() < until and _is_fresh(record):
                time.sleep(_PAUSE)
            else:
                _end(client, known, record)
            continue
        moves = shortened(difference(state(known.records), known.aliases))
        if not moves:
            return known
        _tell(client, known, moves)
    raise UserError(f"{name}: others move its aliases all the time; run again")


def _is_fresh(record: AliasRecord) -> bool:
    # Clocks of two machines may be apart, either way.
    return abs((datetime.now(UTC) - record.moment).total_seconds()) < 60


def _unmarked(client: MlflowClient, known: KnownAliases) -> AliasRecord | None:
    """One of the last records, where its version does not bear its mark yet."""
    last = max((record.number for record in known.records), default=0)
    for record in carried_out(known.records):
        # One beside the chain was put in, or is gone on from by its writer: not ours to make good.
        if record.number < last - 1 or record.subject is None or not is_joined(record, known.records):
            continue
        version = read_version(client, known.name, record.subject)
        # With a version its marks are gone.
        if version is not None and MARK_TAG + record.label not in version.tags:
            return record
    return None


def _end(client: MlflowClient, known: KnownAliases, record: AliasRecord) -> None:
    """What was cut off between a record and the mark of its version: moved to the end, or told."""
    assert record.lead is not None
    if known.aliases.get(record.lead[0]) == record.subject:
        _carry_out(client, known.name, record)
    else:
        _annul(client, known, record, "it was cut off before it moved an alias, or that was undone elsewhere at once")


def _tell(client: MlflowClient, known: KnownAliases, moves: Moves) -> None:
    """A record of what somebody else moved, and `previous` after a champion of theirs."""
    before, after = moves.get(CHAMPION, (None, None))
    own: Moves = {}
    if known.kept and moves.get(PREVIOUS, (None, None))[1] is None:
        targets = _previous(client, known, before, after)
        own = {alias: (known.aliases.get(alias), target) for alias, target in targets.items()}
    deleted = sorted(
        {old for old, new in moves.values() if old and not new and not read_version(client, known.name, old)}
    )
    reason = "moved in MLflow itself, and seen then"
    if not known.kept:
        reason = "before the history began"
    elif deleted:
        reason = f"version {', '.join(map(str, deleted))} was deleted in MLflow itself, which was seen then"
    record, _ = _append(client, known, {**moves, **own}, Grounds(who=OUTSIDE, reason=reason))
    _carry_out(client, known.name, record)


def _previous(
    client: MlflowClient, known: KnownAliases, before: int | None, after: int | None
) -> dict[str, int | None]:
    """Where `previous` belongs when the champion changes: to the one that was it."""
    if after is None or before == after:
        return {}
    former = before or former_champion(known.records, after)
    if former is not None and read_version(client, known.name, former):
        return {PREVIOUS: former}
    return {PREVIOUS: None} if known.aliases.get(PREVIOUS) == after else {}


def _append(
    client: MlflowClient,
    known: KnownAliases,
    moves: Moves,
    grounds: Grounds,
    annuls: Iterable[str] = (),
    joins: Iterable[str] = (),
    removes: Iterable[int] = (),
) -> tuple[AliasRecord, KnownAliases]:
    """The record, written, and all as it is then. One that others were faster than is gone on from at once."""
    record = new_record(
        known.records,
        moves,
        who=grounds.who,
        reason=grounds.reason,
        verdict=grounds.verdict,
        annuls=annuls,
        joins=joins,
        removes=removes,
    )
    client.set_registered_model_tag(known.name, HISTORY_TAG + record.label, record.text())
    now = read_aliases(client, known.name)
    if not is_joined(record, now.records):
        reason = f"record {record.label} was written when others had gone on already"
        _, now = _append(client, now, {}, Grounds(who=TOOL, reason=reason), joins=[record.hash])
    return record, now


def _annul(client: MlflowClient, known: KnownAliases, record: AliasRecord, why: str) -> None:
    reason = f"record {record.label} was not carried out: {why}"
    _append(client, known, {}, Grounds(who=TOOL, reason=reason), annuls=[record.hash], joins=[record.hash])


def _is_alone(record: AliasRecord, before: KnownAliases, now: KnownAliases) -> bool:
    """Whether nobody has written or moved anything between the look and the record."""
    others = [other for other in now.records if other.number >= record.number and other.hash != record.hash]
    return not others and now.aliases == before.aliases


def _carry_out(client: MlflowClient, name: str, record: AliasRecord) -> bool:
    """Makes the moves of a record that are not made yet, the champion's first, and marks the version at the end.

    False, and nothing is marked, where somebody else has moved the first alias since.
    """
    for alias, (before, after) in record.ordered_moves:
        # Asked before each: an alias that is neither here nor there was moved by somebody else, and stays.
        holder = read_aliases(client, name).aliases.get(alias)
        is_lead = record.lead == (alias, after)
        if holder not in (before, after) and is_lead:
            return False
        if holder == after or holder != before:
            continue
        if after is None:
            client.delete_registered_model_alias(name, alias)
        elif read_version(client, name, after):
            client.set_registered_model_alias(name, alias, str(after))
        elif is_lead:
            return False
    if record.subject is not None and read_version(client, name, record.subject):
        client.set_model_version_tag(name, str(record.subject), MARK_TAG + record.label, record.hash)
    return True


def _stand_by(client: MlflowClient, name: str, record: AliasRecord, grounds: Grounds) -> None:
    """Says once more what was moved, where another one has gone on since as if it had not been."""
    known = read_aliases(client, name)
    moves = {
        alias: (before, after)
        for alias, (before, after) in difference(state(known.records), known.aliases).items()
        if alias in record.moves and record.moves[alias][1] == after
    }
    if moves:
        again, _ = _append(client, known, moves, grounds)
        _carry_out(client, name, again)
