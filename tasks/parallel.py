"""Work done ahead, or side by side, in other threads.

polars, zstd, Pillow's readers and file reads all leave Python's lock alone while they work.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event, local
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_END = object()
_thread = local()
_SECONDS_BETWEEN_SIGNALS = 0.5


def num_cores(root: Path = Path("/")) -> int:
    """The cores that this process may use: those that it may run on, and no more than its container has time for.

    `root` is the folder that /proc and /sys are in.
    """
    # Not every system tells which cores a process may run on.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Cores' worth of time that control groups allow, each of those that this process is in, and of those above them.

    See https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
    https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us, version 1).
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        # A container may see its own group as the root, so folders need not be there.
        folder = mount / group.lstrip("/")
        for above in (folder, *folder.parents[: len(folder.parts) - len(mount.parts)]):
            limits = _text(above / "cpu.max").split()
            if controllers:
                limits = [*_text(above / "cpu.cfs_quota_us").split(), *_text(above / "cpu.cfs_period_us").split()]
            # Without a limit the quota is "max", or -1.
            if len(limits) == 2 and all(limit.isdigit() for limit in limits):
                yield int(limits[0]) / max(1, int(limits[1]))


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def prefetch(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The same items in the same order, up to `depth` of them made before they are asked for.

    What `items` raises is raised here, at its place. Memory is that of `depth` items more.
    """
    source, ended = iter(items), Event()
    # Of a thread that itself works ahead, those who wait for it, too.
    events = (ended, *_waiters())
    with ThreadPoolExecutor(max_workers=1, initializer=_thread.__setattr__, initargs=("waiters", events)) as pool:
        try:
            pending = deque(pool.submit(next, source, _END) for _ in range(depth))
            while (item := awaited(pending.popleft())) is not _END:
                # One thread only takes from the source: an iterator is not safe in several.
                pending.append(pool.submit(next, source, _END))
                yield item  # type: ignore[misc]
        finally:
            ended.set()


def awaited(future: Future[Made]) -> Made:
    """What another thread's work answers, or raises, once it is done."""
    # Not waited for in one go: once polars has computed, a wait for a lock outlasts Ctrl-C, as its handler has the
    # system take up the wait again.
    while not future.done():
        wait([future], timeout=_SECONDS_BETWEEN_SIGNALS)
    return future.result()


def is_abandoned() -> bool:
    """Whether nobody waits any more for what this thread makes ahead, as after Ctrl-C: work without an end asks it."""
    return any(ended.is_set() for ended in _waiters())


def _waiters() -> tuple[Event, ...]:
    waiters: tuple[Event, ...] = getattr(_thread, "waiters", ())
    return waiters


def parallel_map(function: Callable[[Item], Made], items: Iterable[Item], workers: int | None = None) -> Iterator[Made]:
    """What `function` makes of each item, in the items' order, made by several threads: one a core when not said.

    What `function` or `items` raise is raised here, at its place. Memory is that of one item and answer more than there
    are threads.
    """
    workers = workers or num_cores()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending: deque[Future[Made]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            # Else a fast source would be read to its end, all of it in memory.
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@contextmanager
def lasting_threads() -> Iterator[Callable[[Callable[[Item], Made], Iterable[Item]], Iterator[Made]]]:
    """`map` by the same threads from call to call, one a core: for work that is done anew for each part.

    New threads for each would each get memory of their own, which the system's allocator does not give back: of
    profiles of tables of twenty columns, some 80 MiB.
    """
    with ThreadPoolExecutor(max_workers=num_cores()) as pool:
        yield pool.map


@contextmanager
def write_behind() -> Iterator[Callable[[Callable[[Item], object], Item], None]]:
    """Calls done in another thread, one after another, while the caller goes on; all are done when the block ends.

    A call waits until the one before is done, so that one item at most is held. What a call raises is raised at the
    next one, or at the end of the block.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        last: list[Future[object]] = []

        def call(function: Callable[[Item], object], item: Item) -> None:
            if last:
                last.pop().result()
            last.append(pool.submit(function, item))

        # What the last call raised must not be lost with it.
        yield call
        if last:
            last.pop().result()
