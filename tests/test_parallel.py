from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.parallel import ahead


def test_items_come_in_order_and_are_made_in_another_thread() -> None:
    threads = []

    def items() -> Iterator[int]:
        for number in range(20):
            threads.append(threading.get_ident())
            yield number

    assert list(ahead(items())) == list(range(20))
    assert threading.get_ident() not in threads


def test_no_more_is_made_than_asked_for() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with_two_ahead = ahead(items(), depth=2)
    assert [next(with_two_ahead) for _ in range(3)] == [0, 1, 2]
    with_two_ahead.close()
    assert len(made) <= 5


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("two")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="two"):
        next(found)
