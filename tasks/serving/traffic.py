"""Which version a request goes to, and what is copied to the one that stands beside."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tasks.serving.answer_log import AnswerLog
from tasks.serving.following import Following
from tasks.serving.metrics import ServingMetrics, ShadowOutcome
from tasks.serving.request_error import RequestError
from tasks.serving.rows import RawRows
from tasks.serving.settings import ServeSettings, Split
from tasks.serving.version import ServedVersion

_MOST_SHADOWS = 64
"""Copies that may be on their way at once; others are dropped: what is for comparison must not cost memory."""


def is_in_share(share: float, request_id: str | None) -> bool:
    """Whether a request is one of this share: the same for the same id every time, by chance without one."""
    if request_id is None:
        return random.random() < share
    digest = sha256(request_id.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def chosen(following: Following, split: Split | None, request_id: str | None) -> ServedVersion:
    """The version that answers."""
    challenger = following.challenger
    if split is None or challenger is None or not is_in_share(split.share, request_id):
        return following.live
    return challenger


@dataclass(kw_only=True)
class Shadow:
    """Sends copies of requests that were answered to the version beside, and counts which answers are the same."""

    following: Following
    settings: ServeSettings
    metrics: ServingMetrics
    log: AnswerLog
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def copy(self, rows: RawRows, answers: Mapping[str, list[Any]], request_id: str | None) -> None:
        """Returns at once; nobody waits for what comes of it, though it goes to the log of its version."""
        version = self.following.challenger
        if self.settings.shadow is None or version is None:
            return
        if len(self._tasks) >= _MOST_SHADOWS:
            self._count("dropped")
            return
        task = asyncio.create_task(self._compare(version, rows, answers, request_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _compare(
        self, version: ServedVersion, rows: RawRows, answers: Mapping[str, list[Any]], request_id: str | None
    ) -> None:
        with version.in_use():
            try:
                own = await version.answers(rows)
            except RequestError as error:
                self._count("dropped" if error.status == 503 else "failed")
                return
        self.log.answered(version, rows, own, request_id, None)
        self._count("same" if own["prediction"] == answers["prediction"] else "other")

    def _count(self, outcome: ShadowOutcome) -> None:
        self.metrics.shadow.labels(outcome).inc()
