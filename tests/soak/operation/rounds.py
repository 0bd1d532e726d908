"""The rounds of the soak: content changes, a run is asked for, something befalls it, and all is looked at at rest."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tasks.operating.service import MLFLOW
from tests.soak import subject
from tests.soak.operation.checks import (
    ClaimedVersion,
    LockState,
    RegistryState,
    expected_champion,
    left_locks,
    lost_and_double,
    missed_promotion,
    wrong_champion,
    wrongly_removed,
)
from tests.soak.operation.content import FIRST, LAST_VERSIONS, PIPELINE, Change, Content, changed, write
from tests.soak.operation.disturbances import Disturbance, Site, disturb, drawn
from tests.soak.operation.locks import held_locks, locked_databases, reserved_paths
from tests.soak.operation.prefect_runs import PrefectRuns
from tests.soak.operation.registry import registry_state
from tests.soak.operation.retention import collect

_SETTLES = 420.0
"""Seconds in which a run has ended and all servers are up, whatever happened: a dead run is ended within a minute."""

_PERSON = 0.1
"""Share of the rounds before which a person makes an earlier version champion."""

_COLLECTED = 0.12
"""Share of the rounds before which somebody gives `gc`."""

_TYPICAL = 6.0


@dataclass(kw_only=True)
class Round:
    """One run on schedule, what befell it, how it ended, and what was wrong at rest."""

    number: int
    change: Change
    content: Content
    disturbance: Disturbance | None
    is_new: bool
    """Whether the last run that completed had other content."""

    promoted: int | None = None
    struck: bool = False
    state: str = ""
    message: str = ""
    seconds: float = 0.0
    """Until all was at rest again."""
    until_begun: float = 0.0
    at_work: float = 0.0
    """Seconds of the run, as Prefect has them."""
    looking: float = 0.0
    """Seconds of the looks at rest."""
    removed: int | None = None
    """Versions that `gc` removed before it; None where nobody gave it."""
    freed: Mapping[str, int] = field(default_factory=dict)
    claim: ClaimedVersion | None = None
    num_versions: int = 0
    champion: int | None = None
    problems: list[str] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)

    @property
    def is_completed(self) -> bool:
        """Whether the run did what it was asked for."""
        return self.state == "Completed"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they are logged."""
        return asdict(self) | {"disturbance": str(self.disturbance or "")}


@dataclass(kw_only=True)
class Soak:
    """An operation and what it has claimed so far."""

    site: Site
    prefect: PrefectRuns
    draw: random.Random
    share: float
    """Of the runs that are disturbed."""
    claims: list[ClaimedVersion] = field(default_factory=list)
    persons: dict[str, int] = field(default_factory=dict)
    expected: int | None = None
    """The champion, as the last run that completed or the last person left it."""
    deck: list[str] = field(default_factory=list)
    """Kinds of disturbances that are to come."""

    is_certain: bool = True
    """Whether nobody can have moved it since: a run that was cut off may have."""
    undisturbed: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """Seconds of runs that nothing befell: of content that the last run had, too, and of other content."""

    def rounds(self, num_runs: int, num_calm: int, seconds: float) -> Iterator[Round]:
        """So many runs, fewer where they take longer than `seconds`. The last `num_calm`, and each after one that did
        not complete, nothing befalls."""
        content, completed, earlier, before = FIRST, None, list[Content](), None
        deadline, number, num_left = time.monotonic() + seconds, 0, num_runs
        while num_left > 0:
            change: Change = "unchanged"
            if before is None or before.is_completed:
                change, content = changed(content, earlier, number, self.draw) if before else (change, content)
            is_new = content != completed
            is_left_alone = before is None or not before.is_completed or num_left <= num_calm
            disturbance = None
            if not is_left_alone and self.draw.random() < self.share:
                disturbance = drawn(self.next_kind(), self._typical(is_new=is_new), self.draw)
            before = Round(number=number, change=change, content=content, is_new=is_new, disturbance=disturbance)
            before.promoted = self._person(number)
            self._collect(before)
            self._play(before)
            if disturbance and not before.struck:
                # It met no run: to come again, so that each befalls as many.
                self.deck.insert(0, disturbance.kind)
            if before.is_completed:
                completed = content
                earlier = list(dict.fromkeys([*earlier, content]))
            yield before
            number, num_left = number + 1, num_left - 1
            if time.monotonic() > deadline:
                num_left = min(num_left, num_calm)

    def next_kind(self) -> str:
        """In an order that is drawn, and each before any comes again: few runs have all of them, too."""
        if not self.deck:
            kinds = self.site.kinds()
            self.deck = self.draw.sample(kinds, len(kinds))
        return self.deck.pop()

    def _typical(self, *, is_new: bool) -> float:
        """Seconds of a run that nothing befell, of content that is new to it, or that the last run had, too."""
        alike = self.undisturbed[is_new]
        return median(alike[-9:]) if alike else _TYPICAL

    def _person(self, number: int) -> int | None:
        """Makes an earlier version champion, now and then."""
        versions = sorted({claim.version for claim in self.claims})
        if len(versions) < 2 or not self.is_certain or self.draw.random() >= _PERSON:
            return None
        version = self.draw.choice([each for each in versions if each != self.expected])
        reason = f"soak, before run {number}"
        self.site.worker.command("promote", PIPELINE, str(version), "--because", reason)
        self.persons[reason] = version
        self.expected = version
        return version

    def _collect(self, this: Round) -> None:
        """Gives `gc`, now and then, at rest."""
        versions = sorted({claim.version for claim in self.claims})
        if not versions or not self.is_certain or self.draw.random() >= _COLLECTED:
            return
        collection = collect(self.site.worker, self.site.machines, self._registry())
        this.removed, this.freed = len(collection.removed), collection.freed
        this.problems += wrongly_removed(collection, versions[-LAST_VERSIONS:])
        # A content whose version went is registered anew, under another number.
        self.claims = [claim for claim in self.claims if claim.version not in collection.removed]

    def _registry(self) -> str:
        return f"http://127.0.0.1:{self.site.servers.port(MLFLOW)}"

    def _play(self, this: Round) -> None:
        write(self.site.worker.root, this.content)
        began = time.monotonic()
        run = self.prefect.trigger()
        if this.disturbance:
            this.struck = disturb(self.site, this.disturbance, self.draw)
        this.problems += self._settled(run)
        this.seconds = round(time.monotonic() - began, 1)
        try:
            this.state, this.message = self.prefect.state(run)
            this.until_begun, this.at_work = self.prefect.seconds(run)
        except LookupError as error:
            this.state, this.message = "Lost", str(error)
            this.problems.append(f"nobody knows the run that was asked for: {error}")
        if this.disturbance is None and this.at_work:
            self.undisturbed[this.is_new].append(this.until_begun + this.at_work)
        if this.is_completed and (claim := self._claim(this)):
            this.claim = claim
            self.claims.append(claim)
        elif this.is_completed:
            this.problems.append("the run completed, and registered nothing")
        else:
            self.is_certain = False
            if this.disturbance is None:
                this.problems.append(f"an undisturbed run ended as {this.state}: {this.message}")
        began = time.monotonic()
        this.problems += self._looked_at(this)
        this.looking = round(time.monotonic() - began, 1)

    def _settled(self, run: str) -> Iterator[str]:
        """Waits until the run has ended, nothing else is at work, and all servers are up."""
        deadline = time.monotonic() + _SETTLES
        while time.monotonic() < deadline:
            # A server that was ready a moment ago may be on its way down.
            with suppress(LookupError):
                is_up = all(machine.wait_until_ready() for machine in self.site.machines)
                if is_up and not self.prefect.open() and not self.site.worker.flow_processes():
                    return
            time.sleep(0.5)
        yield f"not at rest after {_SETTLES:.0f} s: {self._stands(run)}"

    def _stands(self, run: str) -> str:
        states = [
            f"{one.name} {one.state}"
            for each in self.site.machines
            if each.operation
            for one in each.operation.services
        ]
        with suppress(LookupError):
            return f"the run is {self.prefect.state(run)}, {states}"
        return f"Prefect does not answer, {states}"

    def _claim(self, this: Round) -> ClaimedVersion | None:
        file = self.site.worker.root / "reports" / PIPELINE / "registration.json"
        if not file.exists():
            return None
        content = json.loads(file.read_text())
        return ClaimedVersion(
            run=this.number,
            content=this.content,
            version=content["version"],
            model=content["model"],
            is_promoted="champion" in content["aliases"],
        )

    def _looked_at(self, this: Round) -> Iterator[str]:
        state = registry_state(self._registry())
        this.num_versions, this.champion = len(state.versions), state.champion
        yield from lost_and_double(self.claims, self._without_cut_off(this, state))
        yield from wrong_champion(state, self._expected(this, state), self.persons)
        if this.claim and self.is_certain and this.change != "unchanged":
            holder = next((claim for claim in self.claims if claim.version == self.expected), None)
            yield from missed_promotion(this.claim, holder)
        if this.is_completed:
            self.expected, self.is_certain = state.champion, True
            yield from left_locks(self._locks(this))
            yield from (
                line
                for machine in self.site.machines
                for line in subject.leftovers(machine.root)
                if not _is_of_sqlite(line)
            )
        for machine in self.site.machines:
            for name, size in machine.num_bytes_held().items():
                this.memory[name] = this.memory.get(name, 0) + size
            this.pids |= machine.pids()
            for name, size in machine.num_bytes_on_disk().items():
                this.disk[name] = this.disk.get(name, 0) + size

    def _without_cut_off(self, this: Round, state: RegistryState) -> RegistryState:
        """What a run that was cut off left is the next run's to end."""
        if this.is_completed:
            return state
        return RegistryState(
            versions=state.versions, champion=state.champion, moves=state.moves, problems=state.problems
        )

    def _expected(self, this: Round, state: RegistryState) -> int | None:
        """The champion that follows from what was claimed; None where a run that was cut off may have moved it."""
        if this.claim is None:
            return None
        return expected_champion(self.claims, self.expected if self.is_certain else None)

    def _locks(self, this: Round) -> LockState:
        roots = [machine.root for machine in self.site.machines]
        deadline = time.monotonic() + 90
        while (slots := self.prefect.slots()) and time.monotonic() < deadline:
            time.sleep(1)
        return LockState(
            slots=slots,
            held=tuple(name for root in roots for name in held_locks(root)),
            reserved=tuple(name for root in roots for name in reserved_paths(root)),
            databases=tuple(name for root in roots for name in locked_databases(root)),
            processes=tuple(line for machine in self.site.machines for line in machine.strangers()),
        )


def _is_of_sqlite(line: str) -> bool:
    """A log of a database that a server has open is no rest."""
    return line.endswith(("-wal", "-shm"))
