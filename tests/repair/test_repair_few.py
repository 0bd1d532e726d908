"""A few texts are put right as many are."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.repair.repair import FEW, Repair, repaired

SIGNS = "aäéÄ\uff21½ \t\n\x1c\u00a0\u2003\u0301"
TEXTS = st.none() | st.text(SIGNS, max_size=8) | st.sampled_from(["red", "blue", "x"])
REPAIRS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "ends": {"white_space": "ends"},
    "all": {"white_space": "all", "unicode": "NFC"},
    "styled": {"white_space": "all", "unicode": "NFKC"},
    "replaced": {"replace": {"red": "blue", "a": "x", "": "empty"}, "white_space": "ends"},
    "allowed": {"allowed": ("red", "x"), "replace": {"blue": "x"}},
    "common": {"common": ("red", "a"), "rare_name": "(few)", "white_space": "all"},
    "cut": {"keep": 2, "unicode": "NFC", "common": ("re",)},
}


@pytest.mark.parametrize("repair", REPAIRS.values(), ids=REPAIRS.keys())
@settings(derandomize=True, max_examples=60, deadline=None)
@given(values=st.lists(TEXTS, min_size=1, max_size=8))
@example(values=["\x1c a \x1d", "a\u0301  b", "\u2003", ""])
def test_a_few_texts_are_put_right_as_many_are(repair: dict[str, Any], values: list[str | None]) -> None:
    few = repaired(pl.Series("x", values, dtype=pl.String), Repair(**repair))
    many = repaired(pl.Series("x", values * (FEW + 1), dtype=pl.String), Repair(**repair))
    assert (few.name, few.dtype) == ("x", pl.String)
    assert many.to_list() == few.to_list() * (FEW + 1)
