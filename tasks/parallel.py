"""Work done ahead, or side by side, in other threads.

polars, zstd, Pillow's readers and file reads all leave Python's lock alone while they work.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_END = object()


def prefetch(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The same items in the same order, up to `depth` of them made before they are asked for.

    What `items` raises is raised here, at its place. Memory is that of `depth` items more.
    """
    source = iter(items)
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = deque(pool.submit(next, source, _END) for _ in range(depth))
        while (item := pending.popleft().result()) is not _END:
            # One thread only takes from the source: an iterator is not safe in several.
            pending.append(pool.submit(next, source, _END))
            yield item  # type: ignore[misc]


def parallel_map(function: Callable[[Item], Made], items: Iterable[Item], workers: int | None = None) -> Iterator[Made]:
    """What `function` makes of each item, in the items' order, made by several threads: one a core when not said.

    What `function` or `items` raise is raised here, at its place. Memory is that of one item and answer more than there
    are threads.
    """
    workers = workers or os.cpu_count() or 1
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
