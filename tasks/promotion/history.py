"""The history of a model's aliases: records that each name the hashes of those before, so none changes unseen.

Pure functions. Two writers at the same moment may write records of one number: both count, in the order of their
hashes, and the next record names both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from tasks.params.config import Config

OUTSIDE = "outside"
"""Who moved an alias in MLflow's own pages or by its API: nobody told us."""
TOOL = "modelwright"
"""Who wrote down what became of a move of our own that was cut off, or met another one."""

_MOST_SIGNS = 1200
"""In JSON, of a record's moves, of its reason, of its verdict: MLflow's tables hold 5,000 of a tag."""
_MOST_OF_A_NAME = 200

Aliases = Mapping[str, int]
Moves = Mapping[str, tuple[int | None, int | None]]


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without its zone")
    return text


class AliasRecord(Config):
    """Who moved which aliases, when, and why.

    `moves` has the version before and after by alias, `verdict` is the gate's sentence on the version, `previous` are
    the hashes of the records that this one goes on from, `annuls` those of records whose moves were never made;
    `removes` are versions that the registry is to have no more. Of a record of OUTSIDE, `time` is when the move was
    seen.
    """

    number: int
    time: Annotated[str, AfterValidator(_moment)]
    who: str
    moves: dict[str, tuple[int | None, int | None]]
    reason: str
    verdict: str | None
    annuls: tuple[str, ...] = ()
    removes: tuple[int, ...] = ()
    previous: tuple[str, ...]
    hash: str

    @property
    def label(self) -> str:
        """Such as `000012.5f2c8a01`: in the order of labels the records follow each other."""
        return f"{self.number:06d}.{self.hash[:8]}"

    @property
    def moment(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.time)

    @property
    def ordered_moves(self) -> list[tuple[str, tuple[int | None, int | None]]]:
        """The champion's first: whoever is cut off has done what matters, or nothing."""
        return sorted(self.moves.items(), key=lambda move: (move[0] != "champion", move[0]))

    @property
    def lead(self) -> tuple[str, int] | None:
        """The alias by which it is told whether the moves were made, and its version; None where all only end."""
        return next(((alias, after) for alias, (_, after) in self.ordered_moves if after is not None), None)

    @property
    def subject(self) -> int | None:
        """The version that bears its mark once all moves are made: the champion, where it names one."""
        return self.lead[1] if self.lead else None

    def text(self) -> str:
        """The record as it is kept, which has one form only."""
        return _canonical(self.content())

    def content(self) -> dict[str, Any]:
        """Plain values. A field that a later version adds stands in no earlier record, and must not change its hash."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def digest(self) -> str:
        """The hash of all but itself."""
        content = {name: value for name, value in self.content().items() if name != "hash"}
        return sha256(_canonical(content).encode()).hexdigest()


def _canonical(content: Mapping[str, Any]) -> str:
    # In ASCII: a database may keep no other signs.
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def new_record(
    records: Sequence[AliasRecord],
    moves: Moves,
    *,
    who: str,
    reason: str,
    verdict: str | None = None,
    annuls: Iterable[str] = (),
    joins: Iterable[str] = (),
    removes: Iterable[int] = (),
    now: datetime | None = None,
) -> AliasRecord:
    """The record that goes on from all of the highest number; `joins` are hashes of earlier ones that it names too."""
    ends = tips(records)
    record = AliasRecord(
        number=1 + max((end.number for end in ends), default=0),
        time=(now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
        who=_cut(who, _MOST_OF_A_NAME),
        moves=dict(moves),
        reason=_cut(reason),
        verdict=None if verdict is None else _cut(verdict),
        annuls=tuple(sorted(annuls)),
        removes=tuple(sorted(removes)),
        previous=tuple(sorted({*(end.hash for end in ends), *joins})),
        hash="",
    )
    return record.model_copy(update={"hash": record.digest()})


def _cut(text: str, most: int = _MOST_SIGNS) -> str:
    if len(json.dumps(text)) <= most:
        return text
    # A sign may be written as twelve.
    kept = text[:most]
    while len(json.dumps(f"{kept}...")) > most:
        kept = kept[: -max(1, len(kept) // 20)]
    return f"{kept}..."


def readable(text: str) -> AliasRecord | None:
    """What a text says, whether or not it is as it was written; None where it says nothing."""
    try:
        return AliasRecord.model_validate_json(text)
    except ValidationError:
        return None


def parsed(text: str) -> AliasRecord | None:
    """The record in a text; None where it is not what `AliasRecord.text` wrote, to the last sign."""
    record = readable(text)
    return record if record and record.text() == text and record.hash == record.digest() else None


def in_order(records: Iterable[AliasRecord]) -> list[AliasRecord]:
    """By number, and those of one number by hash."""
    return sorted(records, key=lambda record: (record.number, record.hash))


def tips(records: Sequence[AliasRecord]) -> list[AliasRecord]:
    """The records of the highest number."""
    last = max((record.number for record in records), default=0)
    return [record for record in records if record.number == last]


def is_joined(record: AliasRecord, records: Iterable[AliasRecord]) -> bool:
    """Whether a later record goes on from it, or none is later."""
    others = list(records)
    return any(record.hash in other.previous for other in others) or record in tips(others)


def carried_out(records: Iterable[AliasRecord]) -> list[AliasRecord]:
    """In order, without those whose moves were never made."""
    ordered = in_order(records)
    annulled = {digest for record in ordered for digest in record.annuls}
    return [record for record in ordered if record.hash not in annulled]


def state(records: Iterable[AliasRecord]) -> dict[str, int]:
    """Which version each alias names after all records."""
    aliases: dict[str, int] = {}
    for record in carried_out(records):
        for alias, (_, after) in record.moves.items():
            if after is None:
                aliases.pop(alias, None)
            else:
                aliases[alias] = after
    return aliases


def removals(records: Iterable[AliasRecord]) -> dict[int, AliasRecord]:
    """The record by which each version was removed, if it is there no more. One that got an alias since is left out."""
    by_version: dict[int, AliasRecord] = {}
    for record in carried_out(records):
        for _, after in record.moves.values():
            if after is not None:
                by_version.pop(after, None)
        by_version |= dict.fromkeys(record.removes, record)
    return by_version


def difference(before: Aliases, after: Aliases) -> dict[str, tuple[int | None, int | None]]:
    """The moves that lead from one state to the other."""
    return {
        alias: (before.get(alias), after.get(alias))
        for alias in sorted({*before, *after})
        if before.get(alias) != after.get(alias)
    }


def shortened(moves: Moves) -> dict[str, tuple[int | None, int | None]]:
    """So many of the moves, the champion's first, as one record has room for."""
    kept: dict[str, tuple[int | None, int | None]] = {}
    for alias, move in sorted(moves.items(), key=lambda item: (item[0] not in ("champion", "previous"), item[0])):
        if kept and len(json.dumps({**kept, alias: move})) > _MOST_SIGNS:
            break
        kept[alias] = move
    return kept


def has_room(reason: str) -> bool:
    """Whether a reason is short enough to be kept."""
    return len(json.dumps(reason)) <= _MOST_SIGNS
