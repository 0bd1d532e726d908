from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.parallel import parallel_map, prefetch


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
