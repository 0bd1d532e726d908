from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tasks.parallel import is_abandoned, lasting_threads, num_cores, parallel_map, prefetch


def test_items_come_in_order_and_are_made_in_another_thread() -> None:
    threads = []

    def items() -> Iterator[int]:
        for number in range(20):
            threads.append(threading.get_ident())
            yield number

    assert list(prefetch(items())) == list(range(20))
    assert threading.get_ident() not in threads


def test_no_more_is_made_than_asked_for() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with_two_ahead = prefetch(items(), depth=2)
    assert [next(with_two_ahead) for _ in range(3)] == [0, 1, 2]
    with_two_ahead.close()
    assert len(made) <= 5


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("two")

    found = prefetch(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="two"):
        next(found)


def test_answers_come_in_order_from_several_threads() -> None:
    # Both wait for the other: with one thread the barrier would break.
    barrier = threading.Barrier(2, timeout=10)

    def squared(number: int) -> int:
        barrier.wait()
        return number**2

    assert list(parallel_map(squared, range(10), workers=2)) == [number**2 for number in range(10)]


def test_only_a_few_items_are_taken_before_an_answer_is_asked_for() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    answers = parallel_map(str, items(), workers=3)
    assert next(answers) == "0"
    assert len(taken) == 4
    answers.close()


def test_what_goes_wrong_in_a_thread_is_raised_in_its_place() -> None:
    answers = parallel_map(lambda number: 1 // number, [1, 0, 2], workers=2)
    assert next(answers) == 1
    with pytest.raises(ZeroDivisionError):
        next(answers)


QUOTAS = {
    "none": ({}, 8),
    "version 2": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
    "version 2, without a limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
    "version 2, of a group above": (
        {
            "proc/self/cgroup": "0::/pod/container\n",
            "sys/fs/cgroup/pod/container/cpu.max": "max 100000\n",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
        },
        2,
    ),
    "version 1": (
        {
            "proc/self/cgroup": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "400000\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
        },
        4,
    ),
    "version 1, as its container sees it": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "version 1, without a limit": (
        {
            "proc/self/cgroup": "4:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        8,
    ),
    "more than there are": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 8),
}


@pytest.mark.parametrize(("contents", "expected"), QUOTAS.values(), ids=QUOTAS.keys())
def test_cores_are_those_that_the_container_has_time_for(
    contents: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for name, text in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert num_cores(tmp_path) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux keeps a process to some cores")
def test_cores_are_those_that_the_process_may_run_on(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert num_cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert 1 <= num_cores() <= len(allowed)


def test_work_ahead_without_an_end_hears_that_nobody_waits() -> None:
    def spinning() -> Iterator[int]:
        while not is_abandoned():
            time.sleep(0.001)
        yield 1

    class GoneError(Exception):
        pass

    def first_then_gone(depth: int) -> None:
        # Within another's work ahead, too.
        source = prefetch(chain([0], spinning()))
        for _ in prefetch(source) if depth == 2 else source:
            raise GoneError

    for depth in (1, 2):
        with pytest.raises(GoneError):
            first_then_gone(depth)
    assert not is_abandoned()


def test_threads_that_last_are_the_same_from_call_to_call_and_answer_in_order() -> None:
    with lasting_threads() as mapped:
        before = threading.active_count()
        for _ in range(50):
            assert list(mapped(lambda number: number * number, range(5))) == [0, 1, 4, 9, 16]
        assert threading.active_count() - before <= num_cores()
        with pytest.raises(ZeroDivisionError):
            list(mapped(lambda number: 1 // number, range(5)))
