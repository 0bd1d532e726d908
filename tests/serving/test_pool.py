"""Requests and the processes that they wait for: put together, asked again, refused, drained."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tasks.serving import pool as module
from tasks.serving.pool import Pool
from tasks.serving.process import ProcessEndedError, ServingProcess
from tasks.serving.request_error import RequestError


class Doubler(ServingProcess):
    """A process, as the pool sees it, that answers with the double. `batches` is what it was asked; it ends when it is
    asked a number of `deadly`, and answers not before `gate` is open."""

    def __init__(self, deadly: set[int], gate: asyncio.Event) -> None:
        self.deadly, self.gate, self.batches, self.ready = deadly, gate, [], {}
        self.end = asyncio.Event()

    async def ask_each(self, content: list[int]) -> list[int]:
        self.batches.append(content)
        await self.gate.wait()
        if self.deadly & set(content):
            raise ProcessEndedError("killed")
        return [2 * number for number in content]

    async def ended(self) -> None:
        await self.end.wait()

    async def close(self) -> None:
        pass


class Counts:
    def __init__(self) -> None:
        self.batches, self.restarts = [], 0

    def batch(self, num_requests: int, num_rows: int) -> None:
        self.batches.append((num_requests, num_rows))

    def restart(self) -> None:
        self.restarts += 1


class Bench:
    """A pool of one worker, and those that it had."""

    def __init__(self, *, deadly: set[int] = frozenset(), is_open: bool = True, **settings: Any) -> None:
        self.gate, self.workers, self.counts = asyncio.Event(), [], Counts()
        self.deadly = set(deadly)
        if is_open:
            self.gate.set()

        async def starter() -> ServingProcess:
            self.workers.append(Doubler(self.deadly, self.gate))
            return self.workers[-1]

        given = {"num_workers": 1, "batch_rows": 4, "num_waiting": 10, **settings}
        self.pool = Pool(name="doubler", starter=starter, listener=self.counts, **given)

    async def ask(self, number: int, num_rows: int = 1) -> int:
        return await self.pool.ask(number, num_rows)

    async def asked(self, *num_rows: int) -> list[asyncio.Task[int]]:
        """Requests 0, 1 and so on of so many rows: the first one is with the process when the others come."""
        tasks = []
        for number, rows in enumerate(num_rows):
            tasks.append(asyncio.create_task(self.ask(number, rows)))
            if not number:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        return tasks


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_request_that_comes_alone_is_asked_at_once_and_alone() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.pool.open()
        assert [await bench.ask(number) for number in range(3)] == [0, 2, 4]
        assert bench.workers[0].batches == [[0], [1], [2]]
        await bench.pool.close()

    run(scenario)


def test_requests_that_wait_are_put_together_up_to_the_rows_of_a_batch() -> None:
    async def scenario() -> None:
        bench = Bench(is_open=False)
        await bench.pool.open()
        asked = await bench.asked(1, 1, 2, 1, 9, 1)
        bench.gate.set()
        assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8, 10]
        # The first one found an idle process; a request of more rows than a batch has goes by itself.
        assert bench.workers[0].batches == [[0], [1, 2, 3], [4], [5]]
        assert bench.counts.batches == [(1, 1), (3, 4), (1, 9), (1, 1)]
        await bench.pool.close()

    run(scenario)


def test_a_quick_process_waits_for_nobody() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.pool.open()
        bench.pool._last_num_requests, bench.pool._last_seconds = 9, 0.003
        asked = asyncio.create_task(bench.ask(1))
        # No timer: the request is with the process as soon as its turn comes.
        for _ in range(3):
            await asyncio.sleep(0)
        assert bench.workers[0].batches == [[1]]
        assert await asked == 2
        await bench.pool.close()

    run(scenario)


def test_requests_of_one_caller_go_together_and_each_has_its_reply() -> None:
    async def scenario() -> None:
        bench = Bench(is_open=False)
        await bench.pool.open()
        await bench.asked(1)
        beside = asyncio.create_task(bench.ask(7))
        await asyncio.sleep(0)
        together = asyncio.create_task(bench.pool.ask_each([1, 2, 3], 3))
        await asyncio.sleep(0)
        bench.gate.set()
        assert (await beside, await together) == (14, [2, 4, 6])
        assert bench.workers[0].batches == [[0], [7, 1, 2, 3]]
        assert bench.counts.batches == [(1, 1), (4, 4)]
        await bench.pool.close()

    run(scenario)


def test_callers_that_were_answered_together_and_ask_again_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_GATHERING", 10.0)
    monkeypatch.setattr(module, "_GATHERING_SHARE", 1e9)

    async def scenario() -> None:
        bench = Bench(is_open=False)
        await bench.pool.open()
        asked = await bench.asked(1, 1, 1)
        bench.gate.set()
        await asyncio.gather(*asked)
        assert bench.workers[0].batches == [[0], [1, 2]]
        first = asyncio.create_task(bench.ask(3))
        await asyncio.sleep(0.02)
        assert await asyncio.gather(first, bench.ask(4)) == [6, 8]
        assert bench.workers[0].batches[2:] == [[3, 4]]
        await bench.pool.close()

    run(scenario)


def test_a_full_queue_refuses_at_once() -> None:
    async def scenario() -> None:
        bench = Bench(is_open=False, num_waiting=2)
        await bench.pool.open()
        asked = await bench.asked(*[1] * 3)
        with pytest.raises(RequestError) as refusal:
            await bench.ask(3)
        assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "1")
        bench.gate.set()
        assert await asyncio.gather(*asked) == [0, 2, 4]
        await bench.pool.close()

    run(scenario)


def test_a_request_that_nobody_waits_for_is_not_asked() -> None:
    async def scenario() -> None:
        bench = Bench(is_open=False)
        await bench.pool.open()
        first = asyncio.create_task(bench.ask(0))
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bench.ask(1), 0.01)
        bench.gate.set()
        assert [await first, await bench.ask(2)] == [0, 4]
        assert bench.workers[0].batches == [[0], [2]]
        await bench.pool.close()

    run(scenario)


def test_what_a_process_had_when_it_ended_is_asked_once_more_and_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)

    async def scenario() -> None:
        bench = Bench(is_open=False, deadly={2})
        await bench.pool.open()
        asked = await bench.asked(*[1] * 5)
        bench.gate.set()
        replies = await asyncio.gather(*asked, return_exceptions=True)
        assert [reply for reply in replies if isinstance(reply, int)] == [0, 2, 6, 8]
        assert isinstance(replies[2], RequestError)
        assert replies[2].status == 503
        assert [worker.batches for worker in bench.workers] == [[[0], [1, 2, 3, 4]], [[1], [2]], [[3], [4]]]
        assert bench.counts.restarts == 2
        await bench.pool.close()

    run(scenario)


def test_a_process_that_ends_while_nothing_is_asked_of_it_is_in_the_log_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_NOTICE_SECONDS", 0)

    async def scenario() -> None:
        bench = Bench()
        await bench.pool.open()
        assert await bench.ask(1) == 2
        bench.workers[0].end.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert "doubler: a process ended while nothing was asked of it" in caplog.text
        await bench.pool.close()

    run(scenario)


def test_what_a_process_had_when_it_ended_is_asked_of_another_that_has_nothing_to_do() -> None:
    async def scenario() -> None:
        bench = Bench(deadly={1}, num_workers=2)
        first = bench.pool.starter
        never = asyncio.Event()

        async def starter() -> ServingProcess:
            # No successor starts in time.
            await (never.wait() if len(bench.workers) == 2 else asyncio.sleep(0))
            return await first()

        bench.pool.starter = starter
        await bench.pool.open()
        await asyncio.sleep(0.01)
        # The first one waits for longest, and is asked first.
        bench.workers[1].deadly = set()
        assert await asyncio.wait_for(bench.ask(1), 5) == 2
        assert [worker.batches for worker in bench.workers] == [[[1]], [[1]]]
        never.set()
        await bench.pool.close()

    run(scenario)


def test_a_bug_that_ends_the_work_of_a_process_is_in_the_log_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Faulty(Doubler):
        async def ask_each(self, content: list[int]) -> list[int]:
            raise ZeroDivisionError("a bug")

    async def scenario() -> None:
        bench = Bench()

        async def starter() -> ServingProcess:
            return Faulty(bench.deadly, bench.gate)

        bench.pool.starter = starter
        await bench.pool.open()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bench.ask(1), 0.2)
        await bench.pool.close()

    run(scenario)
    assert "doubler: nothing is asked of a process any more" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text


def test_closing_answers_what_waits() -> None:
    async def scenario() -> None:
        bench = Bench(is_open=False)
        await bench.pool.open()
        asked = await bench.asked(*[1] * 9)
        closing = asyncio.create_task(bench.pool.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        bench.gate.set()
        assert await asyncio.gather(*asked) == list(range(0, 18, 2))
        await closing

    run(scenario)


def test_two_processes_share_one_queue() -> None:
    async def scenario() -> None:
        bench = Bench(is_open=False, num_workers=2, batch_rows=1)
        await bench.pool.open()
        asked = [asyncio.create_task(bench.ask(number)) for number in range(2)]
        await asyncio.sleep(0.01)
        assert [worker.batches for worker in bench.workers] == [[[0]], [[1]]]
        bench.gate.set()
        assert await asyncio.gather(*asked) == [0, 2]
        await bench.pool.close()

    run(scenario)


def test_a_process_that_cannot_start_is_told_and_none_is_left() -> None:
    async def scenario() -> None:
        async def starter() -> ServingProcess:
            raise ProcessEndedError("no such file")

        pool = Pool(name="none", starter=starter, num_workers=2, batch_rows=1, num_waiting=1, listener=Counts())
        with pytest.raises(ProcessEndedError, match="no such file"):
            await pool.open()
        assert pool.num_running == 0

    run(scenario)
