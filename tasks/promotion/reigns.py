"""Who was champion when, by the history of aliases. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.errors import UserError
from tasks.promotion.history import OUTSIDE, AliasRecord, carried_out

_CHAMPION = "champion"


@dataclass(frozen=True, kw_only=True)
class Reign:
    """A version that is champion from a record on, until the next reign; None for a time without a champion."""

    version: int | None
    record: AliasRecord

    @property
    def is_guessed(self) -> bool:
        """Whether its beginning is when somebody saw it: the move was made at some moment before."""
        return self.record.who == OUTSIDE


def reigns(records: Iterable[AliasRecord]) -> list[Reign]:
    """All reigns, the first one first."""
    changes: list[Reign] = []
    for record in carried_out(records):
        if _CHAMPION not in record.moves:
            continue
        version = record.moves[_CHAMPION][1]
        if version != (changes[-1].version if changes else None):
            changes.append(Reign(version=version, record=record))
    return changes


def reign_at(records: Sequence[AliasRecord], moment: datetime) -> Reign | None:
    """The reign at a moment; None before the first champion. Records of several clocks count in the chain's order."""
    known = [reign for reign in reigns(records) if reign.record.moment <= moment]
    return known[-1] if known else None


def reign_after(records: Sequence[AliasRecord], reign: Reign | None) -> Reign | None:
    """The reign that ended this one, or the first of all; None for that of today."""
    changes = reigns(records)
    place = 0 if reign is None else changes.index(reign) + 1
    return changes[place] if place < len(changes) else None


def former_champion(records: Iterable[AliasRecord], champion: int | None) -> int | None:
    """The last champion that was another version than this one."""
    versions = [reign.version for reign in reigns(records) if reign.version is not None]
    return next((version for version in reversed(versions) if version != champion), None)


def champion_further_back(records: Iterable[AliasRecord]) -> int | None:
    """Who was champion before today's champion was so the time before: one step further back than `former_champion`,
    which after a rollback goes forward again. None where today's champion is so for the first time, or was the first.
    """
    versions = [reign.version for reign in reigns(records) if reign.version is not None]
    if not versions:
        return None
    *earlier, champion = versions
    if champion not in earlier:
        return None
    last_time = len(earlier) - 1 - earlier[::-1].index(champion)
    return next((version for version in reversed(earlier[:last_time]) if version != champion), None)


def moment_of(text: str, now: datetime | None = None) -> datetime:
    """A time as a person writes it: 2026-10-01, 2026-10-01T12:00, with or without a zone; without one it is UTC.

    Raises UserError for what is no time, or lies ahead.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text}: is no time; write 2026-10-01, 2026-10-01T12:00, or 2026-10-01T12:00+02:00") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment > (now or datetime.now(UTC)):
        raise UserError(f"{text}: {shown(moment)} has not come yet; give a time that is past, a zone may be missing")
    return moment


def shown(moment: datetime) -> str:
    """Such as `2026-10-01 12:00:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
