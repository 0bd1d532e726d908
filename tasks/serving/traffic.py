"""Which version a request goes to, and what is copied to the one that stands beside."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tasks.serving.answer_log import AnswerLog
from tasks.serving.following import Following
from tasks.serving.metrics import ServingMetrics, ShadowOutcome
from tasks.serving.request_error import RequestError
from tasks.serving.rows import RawRows
from tasks.serving.settings import ServeSettings, TrafficShare
from tasks.serving.version import ServedVersion

_MOST_BYTES = 16 * 2**20
"""Of copies that wait, as JSON; others are dropped: what is for comparison must not cost memory."""
_GATHERING_SECONDS = 0.5
"""In which few copies wait for others."""


def is_in_share(share: float, request_id: str | None) -> bool:
    """Whether a request is one of this share: the same for the same id every time, by chance without one."""
    if request_id is None:
        return random.random() < share
    digest = sha256(request_id.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def chosen(following: Following, split: TrafficShare | None, request_id: str | None) -> ServedVersion:
    """The version that answers."""
    challenger = following.challenger
    if split is None or challenger is None or not is_in_share(split.share, request_id):
        return following.live
    return challenger


@dataclass(frozen=True, kw_only=True)
class RequestCopy:
    """A request that was answered, for the version beside."""

    rows: RawRows
    predictions: list[Any]
    request_id: str | None


@dataclass(kw_only=True)
class Shadow:
    """Sends copies of requests that were answered to the version beside, and counts which answers are the same.

    They are gathered and asked together, which takes both processes a small part of what each by itself would: nobody
    waits for them.
    """

    following: Following
    settings: ServeSettings
    metrics: ServingMetrics
    log: AnswerLog
    max_bytes: int = _MOST_BYTES
    _copies: deque[RequestCopy] = field(default_factory=deque)
    _num_bytes: int = 0
    _num_rows: int = 0
    _is_full: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def copy(self, rows: RawRows, answers: Mapping[str, list[Any]], request_id: str | None) -> None:
        """Returns at once; nobody waits for what comes of it, though it goes to the log of its version."""
        version, shadow = self.following.challenger, self.settings.shadow
        if shadow is None or version is None:
            return
        if shadow.share < 1 and not is_in_share(shadow.share, request_id):
            return
        if self._num_bytes + len(rows.text) > self.max_bytes:
            self.metrics.shadow.labels("dropped").inc()
            return
        self._copies.append(RequestCopy(rows=rows, predictions=answers["prediction"], request_id=request_id))
        self._num_bytes += len(rows.text)
        self._num_rows += rows.num_rows
        if self._num_rows >= version.answering.batch_rows:
            self._is_full.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        """All that waits, as many at a time as the version answers together, or what half a second has brought."""
        while self._copies:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHERING_SECONDS):
                    await self._is_full.wait()
            version = self.following.challenger
            copies = self._taken(1 if version is None else version.answering.batch_rows)
            if version is None:
                self.metrics.shadow.labels("dropped").inc(len(copies))
                continue
            with version.in_use():
                await self._compare(version, copies)

    def _taken(self, batch_rows: int) -> list[RequestCopy]:
        copies: list[RequestCopy] = []
        num_rows = 0
        while self._copies and (not copies or num_rows + self._copies[0].rows.num_rows <= batch_rows):
            copies.append(self._copies.popleft())
            num_rows += copies[-1].rows.num_rows
        self._num_rows -= num_rows
        self._num_bytes -= sum(len(copy.rows.text) for copy in copies)
        if self._num_rows < batch_rows:
            self._is_full.clear()
        return copies

    async def _compare(self, version: ServedVersion, copies: Sequence[RequestCopy]) -> None:
        requests, num_rows = [copy.rows.text for copy in copies], sum(copy.rows.num_rows for copy in copies)
        try:
            replies = await version.answering.ask_each(requests, num_rows)
        except RequestError as error:
            self.metrics.shadow.labels("dropped" if error.status == 503 else "failed").inc(len(copies))
            return
        outcomes: Counter[ShadowOutcome] = Counter()
        for copy, reply in zip(copies, replies, strict=True):
            outcomes[self._outcome(version, copy, reply.get("answers"))] += 1
            if self.log.project is not None:
                # The log looks at each value; requests may come between.
                await asyncio.sleep(0)
        for outcome, count in outcomes.items():
            self.metrics.shadow.labels(outcome).inc(count)

    def _outcome(
        self, version: ServedVersion, copy: RequestCopy, answers: Mapping[str, list[Any]] | None
    ) -> ShadowOutcome:
        if answers is None:
            return "failed"
        self.log.answered(version, copy.rows, answers, copy.request_id, None)
        return "same" if answers["prediction"] == copy.predictions else "other"
