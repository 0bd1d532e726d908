"""Commands at work beside a test, as a user has them at a terminal."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


@contextmanager
def process(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command, in a group of its own as at a terminal; what is left of it in the end is killed."""
    with output_of(folder).open("a") as output:
        started = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, text=True, start_new_session=True
        )
        try:
            yield started
        finally:
            for left in in_session(started.pid):
                left.kill()
            started.wait()


def output_of(folder: Path) -> Path:
    return folder / "output"


def in_session(leader: int) -> list[psutil.Process]:
    def belongs(each: psutil.Process) -> bool:
        try:
            return os.getsid(each.pid) == leader and each.status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    return [each for each in psutil.process_iter() if belongs(each)]


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives as soon as it is true; the limit is for a busy machine."""
    deadline = time.monotonic() + 120
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)
    return value
