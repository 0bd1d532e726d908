"""When a service that ended is started again: pure functions of what happened and of the clock.

The pauses double, so that a service that cannot run costs next to nothing, and one that died by chance is back at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["waiting", "starting", "ready", "resting"]

LONGEST_PAUSE = 60.0
"""Seconds between two starts, however often it has died."""

_STEADY = 60.0
"""Seconds after which a service that dies has not died in a row."""

GIVE_UP_AFTER = 3
"""Ends in a row of a service that was never ready: what it lacks does not come by itself."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """Where a service stands. Times are those of a clock that never runs back, in seconds."""

    state: State = "waiting"
    since: float
    deaths: int = 0
    """In a row, without a minute of running in between."""

    restarts: int = 0
    was_ready: bool = False
    started: float = 0.0
    resting_until: float = 0.0

    @property
    def pause(self) -> float:
        """Seconds between its last end and its next start."""
        return self.resting_until - self.since

    @property
    def is_hopeless(self) -> bool:
        """Whether it has ended again and again, and never was ready."""
        return not self.was_ready and self.deaths >= GIVE_UP_AFTER


def begun(life: Life, now: float) -> Life:
    """It has been started."""
    restarts = life.restarts + (life.state == "resting")
    return replace(life, state="starting", since=now, started=now, restarts=restarts)


def become_ready(life: Life, now: float) -> Life:
    """It answers."""
    return replace(life, state="ready", since=now, was_ready=True)


def ended(life: Life, now: float) -> Life:
    """Its process is dead: it rests for 1, 2, 4 ... 60 seconds, and for 1 again after a minute of running."""
    deaths = 1 if now - life.started >= _STEADY else life.deaths + 1
    pause = min(LONGEST_PAUSE, 2.0 ** (deaths - 1))
    return replace(life, state="resting", since=now, deaths=deaths, resting_until=now + pause)


def may_start(life: Life, now: float) -> bool:
    """Whether its time has come; whether those are ready that it waits for is another question."""
    return life.state == "waiting" or (life.state == "resting" and now >= life.resting_until)
