"""A piece of work that may break off, taken up again after a pause that grows."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import sleep
from typing import TypeVar

Result = TypeVar("Result")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Interrupted(Exception):  # noqa: N818 (no error yet: another attempt may do)
    """What broke off, in words, and after how many seconds the other side wants to be asked again, if it said so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def persistently(work: Callable[[], Result], retries: int) -> Result:
    """The result of the first attempt that is not interrupted. Raises the last attempt's Interrupted."""
    # The last attempt stands apart: what it raises is the caller's.
    for attempt in range(retries):
        try:
            return work()
        except Interrupted as interruption:
            sleep(pause(attempt, interruption.pause))
    return work()


def pause(attempt: int, asked_for: float | None = None) -> float:
    """Seconds before the next attempt: twice as many each time, with jitter to keep many clients apart."""
    grown = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt) * random.uniform(0.5, 1)
    # A server may ask for an hour: the next run can wait so long, this one does not.
    return grown if asked_for is None else min(_LONGEST_PAUSE, max(asked_for, grown))
