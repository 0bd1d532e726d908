from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.drafting.candidates import BOOSTED, ENSEMBLE, LINEAR
from tests.drafting.small_tables import NUM_ROWS, init, noise, numbers


def test_the_simplest_comes_first_and_words_weigh_more(tmp_path: Path) -> None:
    linear, boosted, ensemble = init(tmp_path, noise(num_rows=800)).decisions.candidates
    assert (linear.name, boosted.name, ensemble.name) == (LINEAR, BOOSTED, ENSEMBLE)
    assert ensemble.train["members"][:2] == [linear.train, boosted.train]
    # Members share the rows: what suits a linear one.
    assert "number" not in ensemble.normalize
    few = init(tmp_path, noise()).decisions.candidates
    assert [one.name for one in few] == [LINEAR, BOOSTED]
    assert linear.train["estimator"]["C"] == 1.0
    text = pl.Series("note", [f"this is note {number} about thing {number * 31 % 97}" for number in range(NUM_ROWS)])
    words = init(tmp_path, noise().select(text, "outcome")).decisions.candidates
    assert words[0].train["estimator"]["C"] == 10.0
    assert words[0].normalize == {"text": {"characters": [2, 5], "sublinear": True}}
    assert init(tmp_path, numbers(), target="third").decisions.candidates[0].train["estimator"]["kind"] == "ridge"
