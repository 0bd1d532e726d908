"""Runs killed at any moment, by any signal, through any front end; then one that is left alone."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from tests.projects import environment
from tests.soak import subject
from tests.soak.recovery import recovered
from tests.soak.subject import COMMANDS, Truth
from tests.soak.trial import GOOD, Ending, Trial

_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGKILL twice: the one that nobody can answer."""

_PATIENCE = 90.0
"""Seconds in which a process that was asked to end must have done so."""


@dataclass(frozen=True, kw_only=True)
class _Kill:
    text: str
    has_traceback: bool
    has_ended: bool


def kills(folder: Path, store: Path, truth: Truth, seed: int, num_projects: int, num_kills: int) -> Iterator[Trial]:
    """`num_kills` kills of each of `num_projects` projects: a trial a kill, judged by how the project ends."""
    for number in range(num_projects):
        draw = random.Random(f"{seed} {number}")
        root = subject.fresh(folder / f"killed-{number}", store)
        killed = [_kill(root, truth, draw) for _ in range(num_kills)]
        ending, detail = recovered(root, truth, draw.choice(("plain", "flow")))
        for kill in killed:
            own: Ending = "traceback" if kill.has_traceback else ending if kill.has_ended else "blocked"
            yield Trial(kind="killed", disturbance=f"project {number}: {kill.text}", ending=own, detail=detail)
        if ending in GOOD:
            shutil.rmtree(root)


def _kill(root: Path, truth: Truth, draw: random.Random) -> _Kill:
    """Starts a run and kills it; again, when it was done before."""
    while True:
        front_end = draw.choice(tuple(truth.seconds))
        number, to_group = draw.choice(_SIGNALS), draw.random() < 0.5
        seconds = draw.uniform(0, truth.seconds[front_end])
        is_done = (root / "reports" / subject.PIPELINE / "registration.json").exists()
        command = [*COMMANDS[front_end], *(["--force"] if is_done else [])]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, cwd=root, env=environment(root), start_new_session=True, stdout=output, stderr=output
            )
            try:
                process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                text = f"{number.name} to the {'group' if to_group else 'process'} after {seconds:.2f} s of {front_end}"
                send = os.killpg if to_group else os.kill
                return _signalled(process, output, text, partial(send, process.pid, number))


def _signalled(process: subprocess.Popen[bytes], output: IO[bytes], text: str, kill: Callable[[], None]) -> _Kill:
    """Signals, and waits for the process alone: what it started may go on, into the next run."""
    since, has_ended = time.monotonic(), True
    kill()
    try:
        process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        has_ended = False
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    text = f"{text}, ended {time.monotonic() - since:.1f} s later"
    output.seek(0)
    printed = output.read()
    # A signal while Python itself starts, before the command begins, ends with a traceback of Python's.
    is_ours = re.search(rb'(?<!<frozen site>)", line \d+, in main\n', printed) is not None
    has_traceback = b"Traceback (most recent call last)" in printed and is_ours
    return _Kill(text=text, has_traceback=has_traceback, has_ended=has_ended)
