from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.drafting.inspection import inspect_source
from tasks.drafting.location import point, with_test
from tasks.drafting.trial_rows import TrialRows, trial_rows
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.params.pipeline import Pipeline
from tasks.paths import PARTS, Project
from tasks.sources.base import Place
from tasks.tables import storage
from tests.drafting.small_tables import init, noise
from tests.drafting.test_later import drafted, hours


def divided(root: Path, test: str | None = None) -> tuple[Pipeline, TrialRows]:
    """The rows of the pipeline that is drafted in `root`, with its block."""
    config, place = load_pipeline(root / "params.yaml", "mine"), Place(root=root, downloads=root)
    pointed = point(str(root / "rows.csv"), root, None)
    inspection = inspect_source(with_test(pointed, test, root) if test else pointed, place)
    return config, trial_rows(config, inspection, Project(root=root / "scratch").pipeline("rows"))


def test_each_fold_is_encoded_by_what_the_other_folds_say(tmp_path: Path) -> None:
    table = noise().with_columns(id=pl.int_range(pl.len()).cast(pl.String))
    init(tmp_path, table, target="outcome", dry_run=False)
    config, rows = divided(tmp_path)
    assert rows.num_rows == storage.count_rows(rows.paths.clean("train"))
    folds = rows.encoded(config, "one")
    assert sum(storage.count_rows(fold.normalized("test")) for fold in folds) == rows.num_rows
    for fold in folds:
        judged, learnt = (storage.count_rows(fold.normalized(part)) for part in ("test", "train"))
        assert judged + learnt == rows.num_rows
        assert storage.count_rows(fold.augmented) == learnt
    # Twice from the same rows, and neither changes what the other reads.
    again = rows.encoded(config, "two")
    assert [fold.recipe.read_bytes() for fold in folds] == [fold.recipe.read_bytes() for fold in again]


def test_what_is_judged_on_is_later_than_what_is_learnt_from(tmp_path: Path) -> None:
    drafted(tmp_path, hours(0), hours(600, 150), target="outcome", dry_run=False)
    config, rows = divided(tmp_path, str(tmp_path / "test.csv"))
    # The given test rows have no part in it.
    assert (rows.num_rows, len(rows.forward)) == (600, 5)
    one, two = rows.encoded(config, "one"), rows.encoded(config, "two")
    for fold, again in zip(one, two, strict=True):
        learnt, held_out, judged = (storage.read_table(fold.clean(part))["timestamp"] for part in PARTS)
        assert learnt.max() < held_out.min() <= held_out.max() < judged.min()  # type: ignore[operator]
        assert storage.count_rows(fold.augmented) == len(learnt)
        assert fold.recipe.read_bytes() == again.recipe.read_bytes()
    # The newest first: they have the most to learn from, and are nearest to the rows to come.
    ends = [storage.read_table(fold.clean("test"))["timestamp"].max() for fold in one]
    assert ends == sorted(ends, reverse=True)  # type: ignore[type-var]


def test_a_stretch_that_lacks_a_class_judges_nothing(tmp_path: Path) -> None:
    drafted(tmp_path, hours(0), hours(600, 150), target="outcome", dry_run=False)
    rows = pl.read_csv(tmp_path / "rows.csv")
    is_lull = pl.int_range(pl.len()).is_between(480, 539)
    rows.with_columns(outcome=pl.when(is_lull).then(pl.lit("bad")).otherwise("outcome")).write_csv(
        tmp_path / "rows.csv"
    )
    _, divided_rows = divided(tmp_path, str(tmp_path / "test.csv"))
    assert len(divided_rows.forward) == 4


def test_a_table_that_is_too_small_for_folds_is_told_as_such(tmp_path: Path) -> None:
    # Rows of one owner stay together.
    table = noise().with_columns(owner=pl.int_range(pl.len()) % 4)
    settings = ["split.key=[owner]", "split.validation=150", "split.test=150"]
    init(tmp_path, table, target="outcome", dry_run=False, settings=settings)
    with pytest.raises(UserError, match=r"^the table is too small for 5 folds: no row falls into fold \d of 5$"):
        divided(tmp_path)
