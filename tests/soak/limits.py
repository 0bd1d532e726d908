"""Runs on a full disk, and with too little memory, too few open files, too small files; then one with enough."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.projects import environment
from tests.soak import subject
from tests.soak.recovery import recovered
from tests.soak.subject import COMMANDS, Truth
from tests.soak.trial import Ending, Trial, has_traceback

_LIMITS = {
    "open files": (resource.RLIMIT_NOFILE, 12, 80),
    "bytes a file": (resource.RLIMIT_FSIZE, 1 << 8, 1 << 19),
    "bytes of memory": (resource.RLIMIT_AS, 200 << 20, 3000 << 20),
}
"""What is limited, and between which bounds a limit is drawn: from next to nothing to nearly enough."""

_PATIENCE = 240.0
"""Seconds in which a run that has too little must have ended."""


def limits(folder: Path, store: Path, truth: Truth, seed: int, num_projects: int) -> Iterator[Trial]:
    """`num_projects` projects under each limit, and as many on a disk that fills up."""
    draw = random.Random(seed)
    for number in range(num_projects):
        for name, (kind, least, most) in _LIMITS.items():
            limit = int(least * (most / least) ** draw.random())
            root = subject.fresh(folder / f"limited-{number}-{name.replace(' ', '-')}", store)
            starved = _starved(root, kind, limit)
            yield _judged(f"too few {name}", f"{limit} {name}", root, truth, starved)
            shutil.rmtree(root)
        yield from on_a_full_disk(folder / f"full-{number}", store, truth, draw.uniform(0.02, 0.9))


def _starved(root: Path, kind: int, limit: int) -> subprocess.CompletedProcess[str]:
    command = COMMANDS["plain"]
    try:
        return subprocess.run(
            command,
            cwd=root,
            env=environment(root),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            preexec_fn=lambda: resource.setrlimit(kind, (limit, limit)),
        )
    except subprocess.TimeoutExpired:
        # Libraries whose threads cannot start may wait for them for good: killed, as by the system.
        return subprocess.CompletedProcess(command, -signal.SIGKILL, "", "")


def on_a_full_disk(place: Path, store: Path, truth: Truth, share: float) -> Iterator[Trial]:
    """On a file system of its own, with room for `share` of what a run leaves; then with room for all of it."""
    with _small_disk(place, 64 << 20) as mounted:
        if not mounted:
            print("a full disk: only root may mount a small one; not tried")
            return
        root = subject.fresh(place / "project", store)
        before, needed = _size(root), _size(truth.root) - _size(store)
        room = before + int(share * max(needed - before, 0))
        _resize(place, room)
        starved = subject.run(root, "plain")
        _resize(place, 256 << 20)
        yield _judged("a full disk", f"room for {share:.0%} of what a run leaves", root, truth, starved)


@contextmanager
def _small_disk(place: Path, num_bytes: int) -> Iterator[bool]:
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(place)], check=False, capture_output=True
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def _resize(place: Path, num_bytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={num_bytes}", str(place)], check=True)


def _size(folder: Path) -> int:
    """In bytes, as a file system counts them: whole pages."""
    return sum(-(-file.stat().st_size // 4096) * 4096 for file in folder.rglob("*") if file.is_file())


def _judged(kind: str, text: str, root: Path, truth: Truth, starved: subprocess.CompletedProcess[str]) -> Trial:
    ending: Ending
    ending, detail = recovered(root, truth, "plain")
    if has_traceback(starved):
        ending, detail = "traceback", (starved.stderr.strip() or starved.stdout.strip()).splitlines()[-1]
    return Trial(kind=kind, disturbance=f"{text}, exit {starved.returncode}", ending=ending, detail=detail)
