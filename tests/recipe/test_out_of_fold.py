from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.recipe.out_of_fold import row_folds
from tests.small_tables import cut

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=1, max_size=40)


def table(rows: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame({"x": [x for x, _ in rows], "y": [str(y) for _, y in rows]})


@settings(derandomize=True, max_examples=60, deadline=None)
@given(rows=ROWS, places=st.lists(st.integers(0, 40), max_size=4), num_folds=st.integers(2, 7))
def test_folds_do_not_depend_on_cuts_and_share_equal_rows(
    rows: list[tuple[str, int]], places: list[int], num_folds: int
) -> None:
    whole = table(rows)
    parts = cut(whole, places)
    found = row_folds(parts, ["x", "y"], num_folds)
    assert [len(folds) for folds in found] == [part.height for part in parts]
    folds = np.concatenate(found)
    assert np.array_equal(folds, row_folds([whole], ["x", "y"], num_folds)[0])
    for row in set(rows):
        of_equal = np.bincount([fold for fold, one in zip(folds, rows, strict=True) if one == row], minlength=num_folds)
        assert of_equal.max() - of_equal.min() <= 1


@settings(derandomize=True, max_examples=30, deadline=None)
@given(rows=ROWS, data=st.data())
def test_in_another_order_the_same_rows_have_the_same_folds(rows: list[tuple[str, int]], data: st.DataObject) -> None:
    other = data.draw(st.permutations(rows))
    found = [
        sorted(zip(some, row_folds([table(some)], ["x", "y"], 5)[0].tolist(), strict=True)) for some in (rows, other)
    ]
    assert found[0] == found[1]


def test_different_rows_are_spread_evenly() -> None:
    rows = pl.DataFrame({"x": np.arange(10_000).astype(float)})
    counts = np.bincount(row_folds([rows], ["x"], 5)[0])
    assert counts.min() > 1_850
    assert row_folds([], ["x"], 5) == []


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    groups=st.lists(st.none() | st.sampled_from("abcdefg"), min_size=1, max_size=40),
    places=st.lists(st.integers(0, 40), max_size=4),
    num_folds=st.integers(2, 7),
)
def test_rows_of_a_group_share_a_fold_and_few_groups_fill_several(
    groups: list[str | None], places: list[int], num_folds: int
) -> None:
    whole = pl.DataFrame({"x": np.arange(float(len(groups))), "g": pl.Series(groups, dtype=pl.String)})
    folds = np.concatenate(row_folds(cut(whole, places), ["x", "g"], num_folds, "g"))
    assert np.array_equal(folds, row_folds([whole], ["x", "g"], num_folds, "g")[0])
    known = sorted({group for group in groups if group is not None})
    of_groups = [set(folds[[one == group for one in groups]].tolist()) for group in known]
    assert all(len(of_group) == 1 for of_group in of_groups)
    assert len(set().union(*of_groups)) == min(len(known), num_folds)
    # A row without a group goes where it would have gone without any.
    alone = [group is None for group in groups]
    assert np.array_equal(folds[alone], row_folds([whole], ["x", "g"], num_folds)[0][alone])
