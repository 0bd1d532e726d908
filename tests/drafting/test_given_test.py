"""Test rows that are given and stand among the training rows as well: told, where it is no chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.drafting.pipeline import DraftedPipeline
from tests.drafting.small_tables import init, noise, of_kind


def drafted(root: Path, train: pl.DataFrame, test: pl.DataFrame) -> DraftedPipeline:
    test.write_csv(root / "test.csv")
    return init(root, train, test=str(root / "test.csv"))


@pytest.mark.parametrize("is_numbered", [False, True])
def test_test_rows_that_are_all_known_are_told(tmp_path: Path, *, is_numbered: bool) -> None:
    train, test = noise(), noise()[100:250]
    if is_numbered:
        train, test = (rows.with_row_index("row", offset) for rows, offset in ((train, 0), (test, train.height)))
    (finding,) = of_kind(drafted(tmp_path, train, test), "known_test_rows")
    assert finding.is_warning
    assert finding.message.startswith("all 150 test rows stand among the other rows as well, so scores on them would")


def test_one_new_row_or_rows_of_few_values_say_nothing(tmp_path: Path) -> None:
    new = pl.concat([noise()[100:250], noise(1)[:1]])
    assert not of_kind(drafted(tmp_path, noise(), new), "known_test_rows")
    drawn = np.random.default_rng(0)
    few = pl.DataFrame({name: drawn.choice(["a", "b"], 600) for name in ("size", "shape", "outcome")})
    assert not of_kind(drafted(tmp_path, few, few[:150]), "known_test_rows")


def test_a_column_that_names_the_parts_counts_too(tmp_path: Path) -> None:
    rows = pl.concat([noise(), noise()[:150]])
    draft = init(tmp_path, rows.with_columns(fold=pl.Series(["train"] * 600 + ["test"] * 150)))
    assert of_kind(draft, "known_test_rows")
