"""A run on schedule that finds another process at work on its files waits for it, however long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from tasks.environment import is_alive
from tasks.errors import BusyError
from tasks.memo.locks import processes_at_work

_Result = TypeVar("_Result")

Telling = Callable[[], AbstractContextManager[Callable[[str], None]]]
"""Gives what a sentence is told to; what was told is taken back at the end of the block."""

_LOOK_EVERY = 1.0

_IDLE = 20.0
"""Seconds without a reserved file after which a process is done that lives on, as a notebook does: more than pass
between two stages of a run."""


def after_others(work: Callable[[], _Result], root: Path, telling: Telling) -> _Result:
    """What `work` gives, once no other process is at work on the files that it needs.

    A process is waited for until it ends, as its run has further stages. Raises BusyError where nobody knows whose
    process it is, and all else that `work` raises.
    """
    while True:
        try:
            return work()
        except BusyError as error:
            if not error.processes:
                raise
            with telling() as tell:
                tell(f"waits: {str(error).partition(';')[0]}")
                _wait_for(error.processes, root)


def _wait_for(processes: Collection[int], root: Path) -> None:
    """Returns once all have ended, or none of them has reserved anything for a while."""
    noted = time.time()
    reserved = time.monotonic()
    while any(is_alive(process, noted) for process in processes):
        if processes_at_work(root) & set(processes):
            reserved = time.monotonic()
        elif time.monotonic() - reserved > _IDLE:
            return
        time.sleep(_LOOK_EVERY)
