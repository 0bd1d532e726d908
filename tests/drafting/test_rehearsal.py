"""`init` and then `run`, without a hand edit, goes through on any table that has something to learn."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from tasks.params.file import load_pipeline
from tasks.paths import PARTS
from tasks.tables import storage
from tests.drafting.any_tables import tables
from tests.drafting.small_tables import NUM_ROWS, init, noise, of_kind, run_stages

pytestmark = pytest.mark.chain


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=tables())
def test_what_init_drafts_goes_through_on_any_table(rows: pl.DataFrame) -> None:
    with TemporaryDirectory() as folder:
        draft = init(Path(folder), rows, target="outcome", dry_run=False)
        assert not [finding for finding in of_kind(draft, "too_few_rows") if "a run will stop" in finding.message]
        paths = run_stages(Path(folder), "normalize")
        kept = sum(storage.count_rows(paths.clean(part)) for part in PARTS)
        quarantined = sum(storage.count_rows(paths.quarantine(stage)) for stage in ("validate", "clean"))
        # A line of separators alone is no row of a CSV.
        assert kept + quarantined == rows.filter(pl.any_horizontal(pl.all().is_not_null())).height


def test_five_rows_of_a_class_are_in_every_part(tmp_path: Path) -> None:
    for seed in range(5):
        root = tmp_path / str(seed)
        root.mkdir()
        outcome = np.full(160, "N")
        outcome[np.random.default_rng(seed).choice(160, 5, replace=False)] = "Y"
        init(root, noise(seed, 160).with_columns(outcome=pl.Series(outcome)), target="outcome", dry_run=False)
        paths = run_stages(root)
        assert all("Y" in storage.read_table(paths.clean(part))["outcome"] for part in PARTS)


def test_texts_that_are_mostly_missing_take_no_row_out(tmp_path: Path) -> None:
    texts = [f"C{number} port aft" if number % 5 == 0 else None for number in range(NUM_ROWS)]
    init(tmp_path, noise().with_columns(berth=pl.Series(texts)), target="outcome", dry_run=False)
    assert storage.count_rows(run_stages(tmp_path).quarantine("clean")) == 0


def test_rows_without_anything_to_learn_from_are_allowed_for(tmp_path: Path) -> None:
    is_empty = pl.int_range(pl.len()) % 5 < 2
    features = ("width", "height", "shape")
    rows = noise().with_columns(pl.when(~is_empty).then(name).alias(name) for name in features)
    draft = init(tmp_path, rows, target="outcome", dry_run=False)
    assert "40.0 % have no target, or no value to learn from" in draft.block
    assert storage.count_rows(run_stages(tmp_path).quarantine("clean")) == 240


def test_groups_of_which_few_have_a_class_are_cut_so_that_each_part_has_it(tmp_path: Path) -> None:
    # 45 customers, of whom 5 have the rarer class.
    customers = [f"K{number % 45}" for number in range(NUM_ROWS)]
    outcome = ["yes" if number % 45 < 5 else "no" for number in range(NUM_ROWS)]
    rows = noise().with_columns(customer=pl.Series(customers), outcome=pl.Series(outcome))
    draft = init(tmp_path, rows, target="outcome", dry_run=False)
    assert draft.decisions.role("customer") == "group"
    paths = run_stages(tmp_path)
    assert all("yes" in storage.read_table(paths.clean(part))["outcome"] for part in PARTS)


def test_one_group_with_all_of_a_class_is_told_and_not_kept_together(tmp_path: Path) -> None:
    customers = [f"K{number % 30}" for number in range(NUM_ROWS)]
    outcome = ["yes" if number % 30 == 7 else "no" for number in range(NUM_ROWS)]
    rows = noise().with_columns(customer=pl.Series(customers), outcome=pl.Series(outcome))
    draft = init(tmp_path, rows, target="outcome", dry_run=False)
    assert load_pipeline(tmp_path / "params.yaml", "mine").split.kind == "hash"
    assert "the split goes by rows" in of_kind(draft, "group")[0].message
    run_stages(tmp_path)


def test_an_id_that_is_mostly_missing_tells_no_rows_apart(tmp_path: Path) -> None:
    codes = [f"C{number:05}" if number % 9 == 0 else None for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(code=pl.Series(codes)), target="outcome")
    assert draft.decisions.role("code") == "id"
    assert "code" not in draft.decisions.key


def test_rows_that_are_not_enough_are_told_before_anything_runs(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().head(6).with_columns(outcome=pl.Series(["a"] * 5 + ["b"])), target="outcome")
    assert "a run will stop" in of_kind(draft, "too_few_rows")[0].message + of_kind(draft, "too_few_rows")[1].message
