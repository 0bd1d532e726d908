"""What the server answered, on its way to the log of answers: a bounded queue, which a process of its own empties.

A request never waits for it: what finds the queue full is dropped, and counted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.paths import Project
from tasks.scoring.refused import UNREADABLE
from tasks.serving.metrics import ServingMetrics
from tasks.serving.process import ProcessEndedError, ProcessPlan, ServingProcess, start_process
from tasks.serving.registry_watch import Notice, as_line
from tasks.serving.request_error import RequestError
from tasks.serving.rows import MEDIA, RawRows
from tasks.serving.version import ServedVersion
from tasks.wording import counted

_LOGGING = Path(__file__).with_name("logging_process.py")
_MOST_BYTES = 32 * 2**20
"""Of values that wait, about: a burst of some hundred thousand rows."""
_CELL_BYTES = 16
"""Of a value beside its text."""
_STEP_SECONDS = 0.25
_WRITE_SECONDS = 15.0
"""Between two files of a server that has little to do."""
_LONGEST_PAUSE = 30.0
_COMPLAINT_SECONDS = 60.0
_LONGEST_ID = 128
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _LoggedRequest:
    """Rows of a request that go to the log, and about how many bytes they take."""

    notice: str
    content: Mapping[str, Any]
    num_rows: int
    num_bytes: int


@dataclass(kw_only=True)
class AnswerLog:
    """`project` is None where the pipeline logs nothing: then nothing is done."""

    project: Project | None
    metrics: ServingMetrics
    scratch: Path
    max_bytes: int = _MOST_BYTES
    write_seconds: float = _WRITE_SECONDS
    _waiting: deque[_LoggedRequest] = field(default_factory=deque)
    _num_bytes: int = 0
    _num_unwritten: int = 0
    """Rows that the process has, and has not written."""
    _process: ServingProcess | None = None
    _written: float = field(default_factory=time.monotonic)
    _is_ending: bool = False
    _task: asyncio.Task[None] | None = None
    _complained: float = float("-inf")
    _notices: dict[Path, str] = field(default_factory=dict)

    def answered(
        self,
        version: ServedVersion,
        rows: RawRows,
        answers: Mapping[str, list[Any]],
        request_id: str | None,
        ms: float | None,
    ) -> None:
        """Rows that were answered, within so many milliseconds where somebody waited. Returns at once."""
        if self.project is not None:
            self._add(version, rows, range(rows.num_rows), answers, request_id, ms)

    def refused(
        self, version: ServedVersion, rows: RawRows, error: RequestError, request_id: str | None, ms: float
    ) -> None:
        """The rows of a refused request that cannot be read; the others come again, and are logged then."""
        numbers = sorted({problem.row - 1 for problem in error.problems if problem.row})
        if self.project is not None and numbers:
            self._add(version, rows, numbers, None, request_id, ms)

    def _add(
        self,
        version: ServedVersion,
        rows: RawRows,
        numbers: Sequence[int],
        answers: Mapping[str, list[Any]] | None,
        request_id: str | None,
        ms: float | None,
    ) -> None:
        columns = _logged_columns(version, rows)
        num_bytes = sum(
            _CELL_BYTES + (len(values[number]) if isinstance(values[number], str) else 0)
            for values in columns.values()
            for number in numbers
        )
        if self._num_bytes + num_bytes > self.max_bytes or not columns:
            self.metrics.logged.labels("dropped").inc(len(numbers))
            self._complain(f"rows are not logged, as {self.max_bytes / 2**20:g} MiB of them wait already")
            return
        content = {
            "rows": {name: [values[number] for number in numbers] for name, values in columns.items()},
            "answers": answers,
            "refused": None if answers is not None else [UNREADABLE] * len(numbers),
            "time": datetime.now(UTC).replace(tzinfo=None).isoformat(),
            "request_id": (request_id or uuid.uuid4().hex)[:_LONGEST_ID],
            "latency_ms": None if ms is None else round(ms, 3),
        }
        one = _LoggedRequest(notice=self._notice(version), content=content, num_rows=len(numbers), num_bytes=num_bytes)
        self._waiting.append(one)
        self._num_bytes += num_bytes

    def _notice(self, version: ServedVersion) -> str:
        packed = version.model.packed
        if packed not in self._notices:
            self._notices[packed] = as_line(Notice(role="live", model=version.model))
        return self._notices[packed]

    def open(self) -> None:
        """From now on, what waits is handed on."""
        if self.project is not None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        pause = 1.0
        while not self._is_ending:
            await asyncio.sleep(_STEP_SECONDS)
            is_time = time.monotonic() - self._written >= self.write_seconds
            if not self._waiting and not (is_time and self._num_unwritten):
                continue
            try:
                await self._hand_on(is_time=is_time)
                pause = 1.0
            except ProcessEndedError as error:
                await self._lose(error)
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_ending and time.monotonic() < until:
            await asyncio.sleep(_STEP_SECONDS)

    async def close(self) -> None:
        """Writes what waits, and ends the process."""
        self._is_ending = True
        if self._task is not None:
            # To its end: a reply that nobody reads would be taken for the next one.
            await self._task
        if self._waiting or self._num_unwritten:
            try:
                await self._hand_on(is_time=True)
            except ProcessEndedError as error:
                await self._lose(error)
        if self._process is not None:
            await self._process.close()

    async def _hand_on(self, *, is_time: bool) -> None:
        """Raises ProcessEndedError where the process cannot be started, or ended."""
        assert self.project is not None
        if self._process is None:
            self._process = await start_process(_plan(self.project, self.scratch))
        requests = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._num_bytes -= sum(one.num_bytes for one in requests)
        self._num_unwritten += sum(one.num_rows for one in requests)
        parcels: dict[str, list[Mapping[str, Any]]] = {}
        for one in requests:
            parcels.setdefault(one.notice, []).append(one.content)
        content = [{"notice": notice, "entries": entries} for notice, entries in parcels.items()]
        outcome = await self._process.ask({"parcels": content, "is_time": is_time})
        if is_time:
            self._written = time.monotonic()
        self._count(outcome["num_written"], outcome["num_failed"])
        if outcome["why"]:
            self._complain(f"rows are not logged: {outcome['why']}")

    async def _lose(self, error: ProcessEndedError) -> None:
        process, self._process = self._process, None
        self._complain(
            f"the process that logs answers ended ({error}); {counted(self._num_unwritten, 'row')} may be lost"
        )
        self._count(0, self._num_unwritten)
        if process is not None:
            await process.close()

    def _count(self, num_written: int, num_failed: int) -> None:
        self.metrics.logged.labels("written").inc(num_written)
        self.metrics.logged.labels("failed").inc(num_failed)
        self._num_unwritten = max(0, self._num_unwritten - num_written - num_failed)

    def _complain(self, message: str) -> None:
        """Once a minute: whoever sends a thousand requests a second must not fill the server's own log."""
        if time.monotonic() - self._complained >= _COMPLAINT_SECONDS:
            self._complained = time.monotonic()
            _LOG.error("%s; modelwright_logged_rows_total counts them", message)


def _logged_columns(version: ServedVersion, rows: RawRows) -> dict[str, list[Any]]:
    """The columns that the model asks for, without images and sounds, and those that rows are known by."""
    known_by = {name: values for name, values in rows.others.items() if name in version.known_by}
    has_ids = bool(version.ids) and set(version.ids) <= {*known_by}
    # Of a row without ids all that was asked is its key.
    media = {column.name for column in version.columns if column.type in MEDIA} if has_ids else set()
    return {**{name: values for name, values in rows.columns.items() if name not in media}, **known_by}


def _plan(project: Project, scratch: Path) -> ProcessPlan:
    return ProcessPlan(
        script=_LOGGING,
        arguments=[str(project.root)],
        environment={**os.environ, "POLARS_MAX_THREADS": "1"},
        folder=project.root,
        scratch=scratch,
        niceness=5,
    )
