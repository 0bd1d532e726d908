from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning.near import hashes as near_hashes
from tasks.cleaning.near.hashes import Hashes, near_earlier


def clusters(num_rows: int, num_columns: int, num_centres: int, most_flips: int, seed: int) -> Hashes:
    """Hashes around a few centres, each with some bits the other way."""
    dice = np.random.default_rng(seed)
    centres = dice.integers(0, 2, (num_centres, num_columns, 256))
    bits = centres[dice.integers(0, num_centres, num_rows)]
    for row, flips in enumerate(dice.integers(0, most_flips + 1, num_rows)):
        for column in range(num_columns):
            bits[row, column, dice.integers(0, 256, flips)] ^= 1
    return np.packbits(bits.astype(np.uint8), axis=2).view(np.uint64)


def differing(first: Hashes, second: Hashes) -> int:
    return max(int(np.bitwise_count(a ^ b).sum()) for a, b in zip(first, second, strict=True))


def expected(hashes: Hashes, distance: int) -> list[int]:
    """The rows that go, each compared with all earlier ones that stay."""
    staying: list[int] = []
    for row in range(len(hashes)):
        if all(differing(hashes[row], hashes[other]) > distance for other in staying):
            staying.append(row)
    return [row for row in range(len(hashes)) if row not in staying]


@contextmanager
def pieces(few: int, most_pairs: int) -> Iterator[None]:
    """Small enough that every way is gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_hashes, "_FEW", few)
        patch.setattr(near_hashes, "_MOST_PAIRS", most_pairs)
        yield


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    num_rows=st.integers(0, 60),
    num_columns=st.integers(1, 2),
    num_centres=st.integers(1, 8),
    most_flips=st.integers(0, 20),
    distance=st.integers(0, 24),
    few=st.sampled_from([1, 3, 512]),
    most_pairs=st.sampled_from([1, 7, 1 << 20]),
)
def test_it_finds_what_comparing_all_pairs_finds(
    num_rows: int, num_columns: int, num_centres: int, most_flips: int, distance: int, few: int, most_pairs: int
) -> None:
    hashes = clusters(num_rows, num_columns, num_centres, most_flips, seed=num_rows)
    with pieces(few, most_pairs):
        near = near_earlier(hashes, distance)
    assert near.rows.tolist() == expected(hashes, distance)
    dropped = set(near.rows.tolist())
    for row, other, bits in zip(near.rows.tolist(), near.others.tolist(), near.bits.tolist(), strict=True):
        assert other < row
        assert other not in dropped
        assert bits == differing(hashes[row], hashes[other]) <= distance


def test_of_a_chain_only_what_is_near_a_row_that_stays_goes() -> None:
    chain = np.zeros((3, 1, 4), dtype=np.uint64)
    chain[1, 0, 0], chain[2, 0, 0] = 0b111, 0b111111
    near = near_earlier(chain, 3)
    assert (near.rows.tolist(), near.others.tolist(), near.bits.tolist()) == ([1], [0], [3])


@pytest.mark.parametrize("distance", [1, 3, 12, 24])
def test_bits_may_differ_anywhere(distance: int) -> None:
    """Each band of bits must be looked at, the last ones of each word too."""
    dice = np.random.default_rng(0)
    first = dice.integers(0, 2, (200, 256))
    again = first.copy()
    for row in again:
        row[dice.choice(256, distance, replace=False)] ^= 1
    hashes = np.packbits(np.concatenate([first, again]).astype(np.uint8)[:, None], axis=2).view(np.uint64)
    with pieces(few=8, most_pairs=64):
        near = near_earlier(hashes, distance)
    assert near.rows.tolist() == list(range(200, 400))
    assert near.others.tolist() == list(range(200))


def test_many_rows_of_one_picture_go_at_once() -> None:
    near = near_earlier(np.zeros((200_000, 1, 4), dtype=np.uint64), 12)
    assert len(near.rows) == 199_999
    assert not near.others.any()


@settings(derandomize=True, max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), num_fixed=st.integers(0, 60), distance=st.integers(0, 12))
def test_rows_that_stay_in_any_case_are_all_compared_with(seed: int, num_fixed: int, distance: int) -> None:
    hashes = clusters(60, 1, 6, 10, seed)
    near = near_earlier(hashes, distance, num_fixed)
    staying, told = list(range(num_fixed)), expected(hashes[:num_fixed], distance)
    for row in range(num_fixed, 60):
        if all(differing(hashes[row], hashes[other]) > distance for other in staying):
            staying.append(row)
        else:
            told.append(row)
    assert near.rows.tolist() == told


def num_compared(hashes: Hashes, distance: int) -> int:
    """Pairs of hashes that are held side by side."""
    counts = []
    with pytest.MonkeyPatch.context() as patch:
        differing = near_hashes._differing

        def counted(first: Hashes, second: Hashes) -> near_hashes.Numbers:
            bits = differing(first, second)
            counts.append(bits.size)
            return bits

        patch.setattr(near_hashes, "_differing", counted)
        near_earlier(hashes, distance)
    return sum(counts)


def on_one_background(num_rows: int, num_columns: int = 1) -> Hashes:
    """Half of the bits are the same in all rows, side by side; the last column has the others."""
    dice = np.random.default_rng(num_rows)
    bits = np.zeros((num_rows, num_columns, 256), dtype=np.uint8)
    bits[:, :, :40] = 1
    bits[:, -1, 128:] = dice.integers(0, 2, (num_rows, 128))
    return np.packbits(bits, axis=2).view(np.uint64)


@pytest.mark.parametrize("num_columns", [1, 2])
def test_pictures_on_one_background_are_not_compared_each_with_each(num_columns: int) -> None:
    few, many = (num_compared(on_one_background(num_rows, num_columns), 12) for num_rows in (4_000, 8_000))
    # Both halves of the rows, and what lies between: were all compared, it would be four times as many.
    assert many < 2.5 * few
    assert many < 0.2 * 8_000 * 7_999 / 2


def test_what_is_near_on_one_background_is_still_found() -> None:
    hashes = on_one_background(3_000)
    again = hashes.copy()
    again[:, 0, 2] ^= np.uint64(0b111 << 30)
    near = near_earlier(np.concatenate([hashes, again]), 3)
    assert near.rows.tolist() == list(range(3_000, 6_000))
    assert near.others.tolist() == list(range(3_000))
