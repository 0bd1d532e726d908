"""The processes of one version, and the requests that wait for them: put together while they wait, and never longer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from tasks.serving.process import ProcessEndedError, ServingProcess
from tasks.serving.request_error import RequestError, too_busy

_MOST_TRIES = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds before an ended process is started again: twice as many each time, until one has answered."""
_LONGEST_GATHERING, _GATHERING_SHARE = 0.02, 0.25
"""Seconds, and of those that the last batch took, in which a busy process lets as many requests come as it had."""
_GATHERING_STEP = 0.001
"""Seconds: what uvloop's clock can tell. Batches that leave less than this to wait are not waited for."""
_NOTICE_SECONDS = 1.0
"""After which the end of a process is one that no request has met."""
_LOG = logging.getLogger(__name__)

Starter = Callable[[], Awaitable[ServingProcess]]


class PoolListener(Protocol):
    """Who counts what goes on in a pool."""

    def batch(self, num_requests: int, num_rows: int) -> None:
        """These were answered together."""

    def restart(self) -> None:
        """A process ended, and is started again."""


@dataclass(kw_only=True, eq=False)
class _Waiting:
    """Requests of one caller that have no replies yet, and how often a process was asked for them."""

    requests: Sequence[str]
    num_rows: int
    replies: asyncio.Future[list[Any]]
    num_tries: int = 0


@dataclass(kw_only=True)
class Pool:
    """Processes that are started by `starter`; a request waits in one queue for whichever is free first."""

    name: str
    starter: Starter
    num_workers: int
    batch_rows: int
    num_waiting: int
    listener: PoolListener
    ready: Mapping[str, Any] = field(default_factory=dict)
    _workers: dict[int, ServingProcess] = field(default_factory=dict)
    _queue: deque[_Waiting] = field(default_factory=deque)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _watches: set[asyncio.Task[None]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _num_in_work: int = 0
    _yields: bool = False
    _last_num_requests: int = 1
    _last_seconds: float = 0.0

    async def open(self) -> None:
        """Starts all processes. Raises ProcessEndedError when one cannot start."""
        workers = await asyncio.gather(*(self.starter() for _ in range(self.num_workers)), return_exceptions=True)
        ended = [worker for worker in workers if isinstance(worker, BaseException)]
        self._workers = {number: one for number, one in enumerate(workers) if not isinstance(one, BaseException)}
        if ended:
            await self._end_workers()
            raise ended[0]
        self.ready = self._workers[0].ready
        self._tasks = [asyncio.create_task(self._work(number)) for number in self._workers]
        for task in self._tasks:
            task.add_done_callback(self._log_fault)
        for worker in self._workers.values():
            self._watch(worker)

    @property
    def num_running(self) -> int:
        """Processes that can be asked now."""
        return len(self._workers)

    @property
    def num_queued(self) -> int:
        """Requests that no process has taken yet."""
        return len(self._queue)

    async def ask(self, request: str, num_rows: int) -> Any:
        """The reply to one request, as JSON. Raises RequestError (503) when too many wait, and when no process can be
        asked."""
        return (await self.ask_each([request], num_rows))[0]

    async def ask_each(self, requests: Sequence[str], num_rows: int) -> list[Any]:
        """The replies to requests that go to the same process together, of so many rows in all. Raises RequestError, as
        `ask` does."""
        if len(self._queue) >= self.num_waiting:
            raise too_busy(f"{self.num_waiting} requests wait already; send it again in a second")
        waiting = _Waiting(requests=requests, num_rows=num_rows, replies=asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.replies

    def yield_to_others(self) -> None:
        """From now on the processes work when nobody else would."""
        self._yields = True
        for worker in self._workers.values():
            worker.yield_to_others()

    async def close(self) -> None:
        """Answers what waits, then ends the processes."""
        while (self._queue or self._num_in_work) and self._workers:
            await asyncio.sleep(0.01)
        for task in (*self._tasks, *self._watches):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiting in self._queue:
            _refuse(waiting, too_busy(f"{self.name} is being ended; send it again"))
        self._queue.clear()
        await self._end_workers()

    async def _end_workers(self) -> None:
        workers, self._workers = list(self._workers.values()), {}
        await asyncio.gather(*(worker.close() for worker in workers))

    async def _work(self, number: int) -> None:
        """What one process does, and its successors."""
        pause = _FIRST_PAUSE
        while True:
            worker = self._workers.get(number)
            if worker is None:
                pause = await self._restart(number, pause)
                continue
            batch = await self._batch()
            try:
                await self._answer(worker, batch)
                pause = _FIRST_PAUSE
            except ProcessEndedError as error:
                _LOG.error("%s: a process ended (%s); it is started again", self.name, error)
                del self._workers[number]
                self._take_back(batch)
                # For a process that has nothing to do: this one's successor takes seconds to start.
                self._wake.set()
                await worker.close()

    async def _restart(self, number: int, pause: float) -> float:
        """Starts a process in the place of one that ended. Returns how long to wait before the next try."""
        self.listener.restart()
        try:
            self._workers[number] = await self.starter()
            self._watch(self._workers[number])
            if self._yields:
                self._workers[number].yield_to_others()
        except ProcessEndedError as error:
            _LOG.error("%s: no process can be started (%s); next try in %.1f s", self.name, error, pause)
            await asyncio.sleep(pause)
        return min(2 * pause, _LONGEST_PAUSE)

    def _log_fault(self, task: asyncio.Task[None]) -> None:
        """A bug of ours that ended the work of a process: it must not be silent until the server ends."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            _LOG.error("%s: nothing is asked of a process any more", self.name, exc_info=fault)

    def _watch(self, worker: ServingProcess) -> None:
        task = asyncio.create_task(self._note_end(worker))
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _note_end(self, worker: ServingProcess) -> None:
        """Logs the end of a process that nothing is asked of: the next request may come hours later."""
        await worker.ended()
        await asyncio.sleep(_NOTICE_SECONDS)
        if worker in self._workers.values():
            _LOG.error("%s: a process ended while nothing was asked of it; the next request starts another", self.name)

    async def _batch(self) -> list[_Waiting]:
        """The next request, and those that wait behind it as far as they have room."""
        batch: list[_Waiting] = []
        while not batch:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            await self._gather()
            batch = self._taken()
        return batch

    async def _gather(self) -> None:
        """Waits a moment for callers that were answered together, and ask again: else the first of them would be
        answered alone while all others wait. Where the last request came alone, or the model is quick, nothing is
        waited for."""
        longest = min(_LONGEST_GATHERING, _GATHERING_SHARE * self._last_seconds)
        if self._last_num_requests < 2 or longest < _GATHERING_STEP:
            return
        until = time.perf_counter() + longest
        while len(self._queue) < self._last_num_requests and time.perf_counter() < until:
            await asyncio.sleep(_GATHERING_STEP)

    def _taken(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        num_rows = 0
        while self._queue and (not batch or num_rows + self._queue[0].num_rows <= self.batch_rows):
            # The process may have ended because of it: then it ends alone.
            if self._queue[0].num_tries and batch:
                break
            waiting = self._queue.popleft()
            # Whoever sent it waits no more.
            if waiting.replies.done():
                continue
            batch.append(waiting)
            num_rows += waiting.num_rows
            if waiting.num_tries:
                break
        return batch

    async def _answer(self, worker: ServingProcess, batch: list[_Waiting]) -> None:
        self._num_in_work += len(batch)
        began = time.perf_counter()
        try:
            replies = iter(await worker.ask_each([request for waiting in batch for request in waiting.requests]))
        finally:
            self._num_in_work -= len(batch)
        self._last_num_requests, self._last_seconds = len(batch), time.perf_counter() - began
        num_requests = sum(len(waiting.requests) for waiting in batch)
        self.listener.batch(num_requests, sum(waiting.num_rows for waiting in batch))
        for waiting in batch:
            own = list(islice(replies, len(waiting.requests)))
            if not waiting.replies.done():
                waiting.replies.set_result(own)

    def _take_back(self, batch: list[_Waiting]) -> None:
        """Requests of a process that ended are asked once more, in their places at the head of the queue."""
        for waiting in reversed(batch):
            waiting.num_tries += 1
            if waiting.num_tries < _MOST_TRIES:
                self._queue.appendleft(waiting)
            else:
                _refuse(waiting, too_busy("the process that was to answer ended twice; send other rows, or try again"))


def _refuse(waiting: _Waiting, error: RequestError) -> None:
    if not waiting.replies.done():
        waiting.replies.set_exception(error)
