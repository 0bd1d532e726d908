"""Rows cut again and again in time: what is judged on is later than what is learnt from, by a stretch each."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks import split
from tasks.errors import UserError
from tasks.params.split import GivenSplit, Split, TimeSplit
from tasks.paths import PARTS, Paths
from tasks.splitting.forward import before_test, cut_once_more, forward_cuts
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tests.small_tables import cut, pipeline_in
from tests.splitting.rows import DATASET, many

GIVEN = GivenSplit(kind="given", column="part", validation_by="time", validation=0.2)


def divided(root: Path, config: Split, rows: pl.DataFrame, count: int = 5) -> list[Paths]:
    """The rows as the pipeline splits them, and each cut of them as a small pipeline."""
    paths = pipeline_in(root)
    write_dataset(paths.dataset, DATASET)
    storage.write_parts(paths.valid, cut(rows, [130, 300]))
    split.run(config, paths)
    wholes = [paths]
    for number, one in enumerate(forward_cuts(config, DATASET, paths, count)):
        whole = paths.project.pipeline(f"cut{number}")
        write_dataset(whole.dataset, DATASET)
        storage.write_parts(whole.valid, one.rows(paths))
        split.run(one.split, whole)
        wholes.append(whole)
    return wholes


def ages(paths: Paths) -> list[list[int]]:
    """The rows of each part by their place in time."""
    return [sorted(map(int, storage.read_table(paths.split(part))["x"])) for part in PARTS]


def in_days(num_train: int, num_test: int) -> pl.DataFrame:
    """A row a day, in any order; x counts the days."""
    rows = many(num_train + num_test, num_days=num_train + num_test).sort("when")
    parts = pl.Series("part", ["train"] * num_train + ["test"] * num_test)
    rows = rows.with_columns(parts, x=pl.int_range(pl.len()).cast(pl.Float64))
    return rows.sample(fraction=1, shuffle=True, seed=1)


def test_each_stretch_of_the_newest_half_is_judged_by_all_that_came_before_it(tmp_path: Path) -> None:
    _, *wholes = divided(tmp_path, GIVEN, in_days(400, 100))
    for whole, start in zip(wholes, [360, 320, 280, 240, 200], strict=True):
        num_held_out = round(0.2 * start)
        learnt, held_out, judged = ages(whole)
        assert learnt == list(range(start - num_held_out))
        assert held_out == list(range(start - num_held_out, start))
        assert judged == list(range(start, start + 40))


def test_of_a_split_by_time_the_test_is_set_apart_first(tmp_path: Path) -> None:
    paths, *wholes = divided(tmp_path, TimeSplit(kind="time", validation=0.1, test=100), in_days(500, 0))
    assert max(max(part) for whole in wholes for part in ages(whole)) == 399
    assert sorted(pl.concat(before_test(paths))["x"]) == list(map(float, range(400)))
    # The share of the rows before the test that the pipeline holds out for validation.
    assert [len(ages(whole)[1]) for whole in wholes] == [45, 40, 35, 30, 25]


def test_an_instant_is_never_cut_and_a_stretch_without_one_is_not_there(tmp_path: Path) -> None:
    rows = many(500, num_days=8).with_columns(part=pl.Series(["train"] * 500))
    config = GivenSplit(kind="given", column="part", validation_by="time", validation=0.2, test=0.2)
    _, *wholes = divided(tmp_path, config, rows)
    assert 1 <= len(wholes) <= 4
    for whole in wholes:
        days = [storage.read_table(whole.split(part))["when"] for part in PARTS]
        assert all(earlier.max() < later.min() for earlier, later in pairwise(days))  # type: ignore[operator]


def test_too_few_instants_are_refused(tmp_path: Path) -> None:
    rows = many(90, num_days=3).sort("when").with_columns(part=pl.Series(["train"] * 60 + ["test"] * 30))
    with pytest.raises(UserError, match=r"split\.validation_by: column when has too few different values"):
        divided(tmp_path, GIVEN, rows)


def test_once_more_is_by_the_same_column_and_share() -> None:
    config = TimeSplit(kind="time", validation=0.1, test=0.3)
    assert cut_once_more(config, DATASET) is config
    assert cut_once_more(GIVEN, DATASET) == TimeSplit(kind="time", column="when", validation=0.2)
    assert np.isclose(cut_once_more(GIVEN.model_copy(update={"validation": 0.0}), DATASET).validation, 0.15)
