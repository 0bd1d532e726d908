"""What must hold of an operation at any rest, whatever was done to it: pure functions, a sentence a fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.operation.content import Content
from tests.soak.operation.retention import Collection


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """A version as the registry has it; `model` is the digest of what answers, `strength` what its run was given."""

    number: int
    status: str
    model: str
    strength: float
    log_loss: float


@dataclass(frozen=True, kw_only=True)
class ChampionMove:
    """A move of the alias champion that the history has as carried out."""

    who: str
    reason: str
    before: int | None
    after: int | None


@dataclass(frozen=True, kw_only=True)
class RegistryState:
    """All of the registry that the checks ask for. `problems` are those that the history's own verification has."""

    versions: tuple[RegisteredVersion, ...]
    champion: int | None
    moves: tuple[ChampionMove, ...]
    problems: tuple[str, ...] = ()
    running_runs: tuple[str, ...] = ()
    unready_models: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClaimedVersion:
    """What a run that completed said that it had registered, and of what content."""

    run: int
    content: Content
    version: int
    model: str
    is_promoted: bool


@dataclass(frozen=True, kw_only=True)
class LockState:
    """What holds others up while nothing runs: slots, locks that are held, entries of dead processes, databases that
    nobody can write to, and processes that nobody started by then."""

    slots: float = 0.0
    held: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()


def lost_and_double(claims: Sequence[ClaimedVersion], state: RegistryState) -> Iterator[str]:
    """Each claim has its one version, each content and each model only one, and each version one content."""
    versions = {version.number: version for version in state.versions}
    for claim in claims:
        version = versions.get(claim.version)
        if version is None:
            yield f"run {claim.run} registered version {claim.version}, which is not there"
        elif version.model != claim.model:
            yield f"version {claim.version} is another model than run {claim.run} registered"
        elif version.strength != claim.content.strength:
            yield f"version {claim.version} was trained with {version.strength}, and run {claim.run} was given others"
    for model, count in Counter(version.model for version in state.versions).items():
        if count > 1:
            yield f"{count} versions of the model {model[:8]}"
    by_content, by_version = defaultdict(set), defaultdict(set)
    for claim in claims:
        by_content[claim.content].add(claim.version)
        by_version[claim.version].add(claim.content)
    yield from (f"versions {sorted(each)} of one content" for each in by_content.values() if len(each) > 1)
    yield from (f"version {number} of {len(each)} contents" for number, each in by_version.items() if len(each) > 1)
    for version in state.versions:
        if version.status != "READY":
            yield f"version {version.number} is {version.status}"
    yield from (f"run {run} is still at work in MLflow" for run in state.running_runs)
    yield from (f"logged model {model} was never finished" for model in state.unready_models)


def wrong_champion(state: RegistryState, expected: int | None, persons: Mapping[str, int]) -> Iterator[str]:
    """The alias stands where the last move put it, and each move is a person's or one that the gate had reason for.

    `expected` is the version that the last run or the last person said to be champion, None where that is not known;
    `persons` has the versions that people made champion, by their reasons.
    """
    yield from state.problems
    versions = {version.number: version for version in state.versions}
    if state.champion is not None and state.champion not in versions:
        yield f"champion is version {state.champion}, which is not there"
    last = state.moves[-1].after if state.moves else None
    if state.champion != last:
        yield f"champion is version {state.champion}, and the last move in the history is to {last}"
    if expected is not None and state.champion != expected:
        yield f"champion is version {state.champion}, and should be {expected}"
    holder: int | None = None
    for move in state.moves:
        if move.before != holder:
            yield f"a move from version {move.before}, when {holder} was champion"
        holder = move.after
        if move.who != "register" and persons.get(move.reason) != move.after:
            yield f"{move.who} moved the champion to version {move.after}, and no person did"
        elif move.who == "register" and _is_worse(versions.get(move.before or 0), versions.get(move.after or 0)):
            yield f"the gate moved the champion from version {move.before} to {move.after}, which is worse"


def _is_worse(before: RegisteredVersion | None, after: RegisteredVersion | None) -> bool:
    return before is not None and after is not None and after.log_loss >= before.log_loss


def expected_champion(claims: Sequence[ClaimedVersion], holder: int | None) -> int | None:
    """The champion by the last claim: its version, where it came with that run and was promoted; else `holder`, who was
    champion before the run. A version that was there keeps what its registration said, whoever moved the alias since.
    """
    *earlier, last = claims
    is_new = last.version not in {claim.version for claim in earlier}
    return last.version if is_new and last.is_promoted else holder


def missed_promotion(claim: ClaimedVersion, holder: ClaimedVersion | None) -> Iterator[str]:
    """A model that is known to be better than the one that was champion must take its place; `holder` is that one."""
    if holder and holder.content.is_poor and not claim.content.is_poor and not claim.is_promoted:
        yield f"version {claim.version} is much better than the champion, {holder.version}, which stays"


def wrongly_removed(collection: Collection, newest: Sequence[int]) -> Iterator[str]:
    """What had an alias, and the newest versions, are there after `gc`, and answer as they did before it."""
    for alias, holder in collection.before.items():
        if holder.version in collection.removed:
            yield f"gc removed version {holder.version}, which was {alias}"
        after = collection.after.get(alias)
        if after is None or after.version != holder.version:
            yield f"{alias} was version {holder.version} before gc, and is {after.version if after else None} after it"
        elif after.answers != holder.answers:
            yield f"version {holder.version}, {alias}, answers otherwise after gc"
    yield from (f"gc removed version {number}, one of the newest" for number in newest if number in collection.removed)


def left_locks(state: LockState) -> Iterator[str]:
    """A sentence for each thing that holds others up."""
    if state.slots:
        yield f"{state.slots:g} concurrency slots are taken, and nothing runs"
    yield from (f"the lock {name} is held, and nothing runs" for name in state.held)
    yield from (f"{name} is reserved, and nothing runs" for name in state.reserved)
    yield from (f"{name} cannot be written to" for name in state.databases)
    yield from (f"still at work: {line}" for line in state.processes)
