"""Which registered versions are still needed, and why. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tasks.promotion.history import Aliases, AliasRecord, carried_out, state

VersionKey = tuple[str, int]
"""A registered model's name, and the number of its version."""

Need = Literal[
    "no policy", "alias", "named", "young", "alias of late", "answered of late", "newest", "compared with", "began from"
]
"""Why a version stays, the first reason that holds; `needs_in_words` says what each means."""

NEEDS_IN_WORDS: Mapping[Need, str] = {
    "no policy": "as retention.versions_days lets none go",
    "alias": "with an alias",
    "named": "in models/, or named by params.yaml",
    "young": "younger than the policy asks",
    "alias of late": "with an alias of late",
    "answered of late": "that answered of late, or were fetched",
    "newest": "among the newest",
    "compared with": "that one of these was compared with",
    "began from": "that one of these began from",
}


@dataclass(frozen=True, kw_only=True)
class VersionPolicy:
    """Versions that were made, and last used, before this time may go, but for the `last` newest; None: none may.

    `before` is in seconds since 1970.
    """

    before: float | None = None
    last: int = 0


@dataclass(frozen=True, kw_only=True)
class VersionUse:
    """What speaks for keeping a version. Times are in seconds since 1970; None where there was no such time.

    `parents` are the versions that its training may have begun from, `rival` is the one that it was compared with when
    it was registered; `is_named`: it is the one in models/P, or params.yaml names it.
    """

    created: float
    aliases: tuple[str, ...] = ()
    is_named: bool = False
    last_borne: float | None = None
    last_answered: float | None = None
    parents: frozenset[VersionKey] = field(default_factory=frozenset)
    rival: int | None = None


def needs(versions: Mapping[VersionKey, VersionUse], policies: Mapping[str, VersionPolicy]) -> dict[VersionKey, Need]:
    """Why each version that stays does so; those that are missing in it may go.

    A version that stays for a reason of its own keeps its rival: the numbers of the comparison are of both. What stays
    for another one's sake keeps no rival, or every champion since the first one would stay. From what its training
    began it keeps in any case, and that one its own, as weights come from all of them.
    """
    newest = _newest(versions, policies)
    own = {
        key: need
        for key, use in versions.items()
        if (need := _own_need(use, policies.get(key[0], VersionPolicy()), is_newest=key in newest))
    }
    rivals = {(name, rival) for (name, number) in own if (rival := versions[name, number].rival) is not None}
    kept: dict[VersionKey, Need] = {**dict.fromkeys(sorted(rivals & versions.keys()), "compared with"), **own}
    waiting = list(kept)
    while waiting:
        for parent in sorted(versions[waiting.pop()].parents & versions.keys() - kept.keys()):
            kept[parent] = "began from"
            waiting.append(parent)
    return kept


def _newest(versions: Iterable[VersionKey], policies: Mapping[str, VersionPolicy]) -> set[VersionKey]:
    of_names: dict[str, list[int]] = {}
    for name, number in versions:
        of_names.setdefault(name, []).append(number)
    return {
        (name, number)
        for name, numbers in of_names.items()
        for number in sorted(numbers, reverse=True)[: policies.get(name, VersionPolicy()).last]
    }


def _own_need(use: VersionUse, policy: VersionPolicy, *, is_newest: bool) -> Need | None:
    if use.aliases:
        return "alias"
    if policy.before is None:
        return "no policy"
    reasons: dict[Need, bool] = {
        "named": use.is_named,
        "young": use.created >= policy.before,
        "alias of late": use.last_borne is not None and use.last_borne >= policy.before,
        "answered of late": use.last_answered is not None and use.last_answered >= policy.before,
        "newest": is_newest,
    }
    return next((need for need, holds in reasons.items() if holds), None)


def last_borne(records: Iterable[AliasRecord], aliases: Aliases, now: float) -> dict[int, float]:
    """When each version that ever bore an alias did so last, in seconds since 1970.

    One that the history has with an alias and the registry has not lost it at a time that nobody wrote down: now.
    """
    moments: dict[int, float] = {}
    known = list(records)
    for record in carried_out(known):
        for version in {version for move in record.moves.values() for version in move if version is not None}:
            moments[version] = max(moments.get(version, 0.0), record.moment.timestamp())
    holders = {*aliases.values(), *state(known).values()}
    return {**moments, **dict.fromkeys(holders, now)}
