from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
import torch

from tasks.trainers.torch.devices import deterministic, fastest, threads_for
from tasks.trainers.torch.process_flags import ThreadCounts

CPU = torch.device("cpu")
SMALL, LARGE = 1, 2**20


def first_out_while_second_is_in(
    first: AbstractContextManager[None], second: AbstractContextManager[None], inside: Callable[[], object]
) -> object:
    """What holds within the second block, in a thread of its own, once the first one, in another, has ended."""
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def one() -> None:
        with first:
            first_in.set()
            assert second_in.wait(10)
        first_out.set()

    def other() -> object:
        assert first_in.wait(10)
        with second:
            second_in.set()
            assert first_out.wait(10)
            return inside()

    with ThreadPoolExecutor(2) as pool:
        ended, answer = pool.submit(one), pool.submit(other)
        ended.result()
        return answer.result()


@pytest.mark.parametrize("first", [deterministic, fastest])
def test_a_prediction_stays_deterministic_when_another_block_ends(
    first: Callable[[], AbstractContextManager[None]],
) -> None:
    enabled = torch.are_deterministic_algorithms_enabled
    assert first_out_while_second_is_in(first(), deterministic(), enabled)
    assert not enabled()
    assert torch.get_float32_matmul_precision() == "highest"


def test_strict_computes_in_float32_as_it_is_and_fills_no_memory() -> None:
    """TF32 is what convolutions use on a GPU unless told; filling what nobody reads took time on every device."""

    def seen() -> tuple[str, bool, bool]:
        fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, fills

    before = seen()
    with fastest():
        assert seen() == ("high", True, False)
        with deterministic():
            assert seen() == ("highest", False, False)
    assert seen() == before == ("highest", True, True)


def test_cublas_is_told_before_anything_computes() -> None:
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_the_fastest_way_does_not_make_a_prediction_beside_it_less_strict() -> None:
    with deterministic(), fastest():
        assert torch.are_deterministic_algorithms_enabled()
    with fastest():
        assert torch.get_float32_matmul_precision() == "high"
        assert not torch.are_deterministic_algorithms_enabled()
        with deterministic():
            assert torch.are_deterministic_algorithms_enabled()
        assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == "highest"


def test_threads_that_begin_and_end_in_turn_leave_the_number_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        inside = first_out_while_second_is_in(threads_for(SMALL), threads_for(SMALL), torch.get_num_threads)
        assert inside == 1
        assert torch.get_num_threads() == 2
        # A thread that torch has not met yet begins with the number of the process.
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def test_a_block_within_another_gives_back_the_number_of_that_one() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        counts = ThreadCounts()
        with counts.at_most(3):
            assert torch.get_num_threads() == 3
            with counts.at_most(1):
                assert torch.get_num_threads() == 1
            with counts.at_most(9):
                assert torch.get_num_threads() == 3
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_many_blocks_at_once_leave_everything_as_it_was() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()

    def predict(number: int) -> bool:
        with deterministic(), threads_for(SMALL if number % 3 else LARGE), torch.inference_mode():
            torch.rand(64, 64) @ torch.rand(64, 64)
            return torch.are_deterministic_algorithms_enabled()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(predict, range(400)))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
