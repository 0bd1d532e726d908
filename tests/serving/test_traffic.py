"""Copies of requests are asked together, compared one by one, and dropped where too many wait."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.serving import traffic
from tasks.serving.metrics import ServingMetrics
from tasks.serving.request_error import too_busy
from tasks.serving.rows import RawRows
from tasks.serving.settings import ServeSettings, TrafficShare
from tasks.serving.traffic import Shadow


class Challenger:
    """A version, as copies see it: predicts the double, refuses 13, and is too busy for a copy of 99."""

    def __init__(self) -> None:
        self.answering, self.asked, self.logged = self, list[list[int]](), list[int]()
        self.batch_rows = 4
        self.in_use = nullcontext

    async def ask_each(self, requests: list[str], num_rows: int) -> list[Any]:
        numbers = [json.loads(request)["n"][0] for request in requests]
        assert num_rows == len(numbers)
        self.asked.append(numbers)
        await asyncio.sleep(0)
        if 99 in numbers:
            raise too_busy("full")
        return [{"refused": {}} if one == 13 else {"answers": {"prediction": [2 * one]}} for one in numbers]


class Scene:
    def __init__(self, share: float = 1.0, **more: Any) -> None:
        self.challenger, self.metrics, self.logged = Challenger(), ServingMetrics(), list[Any]()
        self.following: Any = SimpleNamespace(challenger=self.challenger)
        log: Any = SimpleNamespace(project="here", answered=lambda *logged: self.logged.append(logged))
        settings = ServeSettings(asked="shop", shadow=TrafficShare(alias="challenger", share=share))
        self.shadow = Shadow(following=self.following, settings=settings, metrics=self.metrics, log=log, **more)

    def copy(self, number: int, prediction: int | None = None) -> None:
        rows = RawRows(columns={"n": [number]}, num_rows=1)
        self.shadow.copy(rows, {"prediction": [2 * number if prediction is None else prediction]}, f"id-{number}")

    async def settled(self) -> dict[str, float]:
        if self.shadow._task is not None:
            await asyncio.wait_for(self.shadow._task, 10)
        names = ("same", "other", "dropped", "failed")
        return {name: count for name in names if (count := self.metrics.shadow.labels(name)._value.get())}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_GATHERING_SECONDS", 0.01)


def test_copies_are_asked_together_and_compared_each_by_itself() -> None:
    async def scenario() -> None:
        scene = Scene()
        for number in (1, 2, 13, 4, 5, 6):
            scene.copy(number, 0 if number == 5 else None)
        assert await scene.settled() == {"same": 4, "other": 1, "failed": 1}
        assert scene.challenger.asked == [[1, 2, 13, 4], [5, 6]]
        assert [(one[2]["prediction"], one[3], one[4]) for one in scene.logged] == [
            ([2 * number], f"id-{number}", None) for number in (1, 2, 4, 5, 6)
        ]

    asyncio.run(scenario())


def test_a_full_batch_waits_for_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_GATHERING_SECONDS", 1e9)

    async def scenario() -> None:
        scene = Scene()
        for number in range(8):
            scene.copy(number)
        assert await scene.settled() == {"same": 8}
        assert scene.challenger.asked == [[0, 1, 2, 3], [4, 5, 6, 7]]

    asyncio.run(scenario())


def test_copies_are_dropped_where_too_many_wait_or_the_process_cannot_be_asked() -> None:
    async def scenario() -> None:
        scene = Scene(max_bytes=3 * len('{"n":[1]}'))
        for number in (1, 2, 3, 4, 5):
            scene.copy(number)
        assert await scene.settled() == {"same": 3, "dropped": 2}
        # What went left its room to others.
        scene.copy(9)
        scene.copy(99)
        assert await scene.settled() == {"same": 3, "dropped": 4}

    asyncio.run(scenario())


def test_of_a_share_the_others_are_not_copied_and_the_same_id_is_the_same_every_time() -> None:
    async def scenario() -> list[list[int]]:
        scene = Scene(share=0.25)
        for number in range(400):
            scene.copy(number)
        counts = await scene.settled()
        assert 70 <= counts["same"] <= 130
        return scene.challenger.asked

    assert asyncio.run(scenario()) == asyncio.run(scenario())


def test_copies_of_a_version_that_is_gone_are_dropped() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.copy(1)
        scene.following.challenger = None
        scene.copy(2)
        assert await scene.settled() == {"dropped": 1}
        assert scene.challenger.asked == []

    asyncio.run(scenario())
