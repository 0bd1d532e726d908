from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, of_kind

DICE = np.random.default_rng(0)


def test_values_that_pile_up_at_the_greatest_are_capped(tmp_path: Path) -> None:
    capped = np.minimum(DICE.normal(100, 20, NUM_ROWS), 120).round(2)
    draft = init(tmp_path, noise().with_columns(width=pl.Series(capped)))
    assert columns_of_kind(draft, "capped") == ["width"]
    assert f"width is 120, its greatest value, in {(capped == 120).sum()} rows" in of_kind(draft, "capped")[0].message


def test_a_capped_target_is_said_too(tmp_path: Path) -> None:
    price = pl.Series("price", np.minimum(DICE.normal(100, 20, NUM_ROWS), 120).round(2))
    assert columns_of_kind(init(tmp_path, noise().with_columns(price), target="price"), "capped") == ["price"]


def test_a_few_far_greater_values_are_a_heavy_tail(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().with_columns(width=pl.Series(DICE.lognormal(3, 3, NUM_ROWS))))
    assert columns_of_kind(draft, "heavy_tail") == ["width"]


def test_ordinary_columns_are_neither(tmp_path: Path) -> None:
    draft = init(tmp_path, noise())
    assert not of_kind(draft, "capped")
    assert not of_kind(draft, "heavy_tail")


def test_the_same_of_many_columns_is_said_once(tmp_path: Path) -> None:
    tails = {f"tail_{number}": pl.Series(DICE.lognormal(3, 3, NUM_ROWS)) for number in range(9)}
    findings = of_kind(init(tmp_path, noise().with_columns(**tails)), "heavy_tail")
    assert len(findings) == 1
    assert findings[0].message.startswith("tail_0, tail_1, tail_2, tail_3, tail_4, tail_5 and 3 more have heavy tails")
