"""How findings write numbers."""

from __future__ import annotations

import pytest

from tasks.drafting.findings import plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2019, "2019"),
        (-999, "-999"),
        (41_396, "41,396"),
        (41_396.5, "41,396.5"),
        (1_159_414, "1,159,414"),
        (0.25, "0.25"),
    ],
)
def test_thousands_stand_apart_from_ten_thousand_on(value: float, text: str) -> None:
    assert plain(value) == text
