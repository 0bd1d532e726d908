from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise, product
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.tables.name_cuts import cut_by_names

File = tuple[str, int]
NUMBERED = [(f"class-{number * 7 % 10}/{number:07d}.png", 3_000 + number * 31 % 500) for number in range(4_000)]
NAMED = [(f"{random.Random(number).getrandbits(64):x}.jpg", number * 977 % 40_000) for number in range(4_000)]
LIMITS = {"by rows": (200, 1 << 30), "by bytes": (1 << 20, 1_500_000), "by both": (400, 2_500_000)}


def parts(files: Sequence[File], rows_per_part: int, bytes_per_part: int) -> list[tuple[File, ...]]:
    counts = list(cut_by_names(files, rows_per_part, bytes_per_part))
    ends = [sum(counts[:number]) for number in range(len(counts) + 1)]
    return [tuple(files[first:end]) for first, end in pairwise(ends)]


@given(
    st.lists(st.tuples(st.text(max_size=4), st.integers(0, 40)), max_size=60), st.integers(1, 20), st.integers(1, 90)
)
def test_all_files_stay_in_order_and_parts_are_bounded(
    files: list[File], rows_per_part: int, bytes_per_part: int
) -> None:
    cut = parts(files, rows_per_part, bytes_per_part)
    assert [file for part in cut for file in part] == files
    assert all(cut)
    assert all(len(part) <= rows_per_part for part in cut)
    # A single file that is too large is a part by itself: it cannot be cut.
    assert all(len(part) == 1 or sum(size for _, size in part) <= bytes_per_part for part in cut)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("files", [sorted(NUMBERED), sorted(NAMED)], ids=["numbered", "named"])
def test_a_part_is_a_quarter_full_on_average(files: list[File], limits: str) -> None:
    rows, size = LIMITS[limits]
    fills = [len(part) / rows + sum(held for _, held in part) / size for part in parts(files, rows, size)]
    assert 0.2 < mean(fills) < 0.3
    # But for the last one.
    assert min(fills[:-1]) >= 1 / 8


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("files", [sorted(NUMBERED), sorted(NAMED)], ids=["numbered", "named"])
def test_one_file_more_or_less_or_another_size_changes_its_part_alone(files: list[File], limits: str) -> None:
    before = set(parts(files, *LIMITS[limits]))
    changed = [
        len(set(parts(edited, *LIMITS[limits])) - before)
        for place, edit in product(range(0, 4_000, 97), range(3))
        for edited in [_edited(files, place, edit)]
    ]
    # One that begins or ends a part by its own name changes two, and next to never one more.
    assert mean(changed) < 1.2
    assert max(changed) <= 4


def _edited(files: list[File], place: int, edit: int) -> list[File]:
    name, size = files[place]
    instead: list[File] = [[], [(name, size + 500)], [(name, size), (f"{name}-new", size)]][edit]
    return [*files[:place], *instead, *files[place + 1 :]]


def test_files_that_fill_half_of_a_part_are_parts_by_themselves() -> None:
    large = [(f"{number}.wav", 600) for number in range(5)]
    assert parts(large, 100, 1_000) == [(file,) for file in large]
