from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.split import GroupSplit
from tasks.splitting.base import nearest_cuts
from tests.small_tables import Kind, cut, described
from tests.splitting.rows import COLUMNS, assigned, many, rows_of


def group(**settings: object) -> GroupSplit:
    return GroupSplit.model_validate({"kind": "group", **settings})


def groups_on(rows: pl.DataFrame, sides: dict[str, str]) -> Counter[str]:
    return Counter({who: sides[name] for name, who in rows.select("id", "who").iter_rows()}.values())


def test_shares_are_those_of_the_groups() -> None:
    rows = many(4000, num_groups=2000)
    parts = groups_on(rows, assigned(group(validation=0.1, test=0.3), [rows]))
    assert abs(parts["test"] - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5
    assert abs(parts["validation"] - 200) < 5 * (2000 * 0.1 * 0.9) ** 0.5


def test_a_group_stays_where_it_is_when_it_grows_and_others_come() -> None:
    few = many(200, num_groups=20)
    more = many(900, num_groups=30)
    before, after = (
        {who: sides[name] for name, who in rows.select("id", "who").iter_rows()}
        for rows, sides in ((rows, assigned(group(), [rows])) for rows in (few, more))
    )
    assert after.items() >= before.items()


def test_counts_are_as_near_as_whole_groups_come() -> None:
    rows = many(400, num_groups=40)
    parts = list(assigned(group(validation=44, test=96), cut(rows, [150])).values())
    assert (parts.count("test"), parts.count("validation")) == (100, 40)


def test_counts_leave_no_part_empty_with_few_groups() -> None:
    rows = many(300, num_groups=3)
    assert groups_on(rows, assigned(group(validation=1, test=1), [rows])) == {"train": 1, "validation": 1, "test": 1}


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    rows = rows_of([(number, None, 0, "no") for number in range(300)])
    parts = Counter(assigned(group(test=0.3), [rows]).values())
    assert 50 < parts["test"] < 130
    assert Counter(assigned(group(test=30, validation=50), [rows]).values()) == {
        "train": 220,
        "validation": 50,
        "test": 30,
    }


def test_the_column_may_be_named_and_of_any_type() -> None:
    kinds: dict[str, Kind] = {**COLUMNS, "who": ("category", "id")}
    rows = many(300, num_groups=60)
    by_name = assigned(group(column="who"), [rows], described(kinds))
    assert by_name == assigned(group(), [rows])
    days = assigned(group(column="when"), [rows])
    assert len(set(days.values())) == 3


@pytest.mark.parametrize(
    ("kinds", "settings", "message"),
    [
        ({"who": ("category", "id")}, {}, "split: no column has the role group; give one that role"),
        ({"part": ("category", "group")}, {}, "split: several columns have the role group: part, who; name the one"),
        ({}, {"column": "whom"}, "split.column: there is no column whom; did you mean who?"),
        ({}, {"column": "label"}, "split.column: column label is the target, which no split can go by"),
        (
            {},
            {"column": "x"},
            "split.column: column x is a feature, so the model would learn from it; set ingest.columns.x.role to group",
        ),
    ],
)
def test_a_column_that_is_of_no_use_is_refused(kinds: dict[str, Kind], settings: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        assigned(group(**settings), [many(30)], described({**COLUMNS, **kinds}))
    assert str(caught.value).startswith(message)


def test_two_groups_cannot_be_three_parts() -> None:
    with pytest.raises(
        UserError, match="column who has 2 groups, and three parts need three; bring rows of more groups"
    ):
        assigned(group(test=3), [many(30, num_groups=2)])


@pytest.mark.parametrize(
    ("counts", "test", "validation", "cuts"),
    [
        ([10, 10, 10, 10], 14, 10, (1, 2)),
        ([10, 10, 10, 10], 15, 10, (1, 2)),
        ([10, 10, 10, 10], 16, 10, (2, 3)),
        ([100, 1, 1], 1, 1, (1, 2)),
        ([1, 1, 100], 90, 90, (1, 2)),
        ([5, 5, 5, 5], 0, 0, (1, 2)),
    ],
)
def test_cuts_are_the_nearest_and_leave_every_part_something(
    counts: list[int], test: int, validation: int, cuts: tuple[int, int]
) -> None:
    assert nearest_cuts(np.array(counts), test, validation) == cuts
