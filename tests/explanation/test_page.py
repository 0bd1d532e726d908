"""Reasons as a page and as a table: nothing in the data becomes markup, and the table adds up."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from markupsafe import escape
from PIL import Image

from tasks.columns.spans import Span
from tasks.explanation.heatmap import heat_map
from tasks.explanation.page import added, head, page, region_line, shown, sum_line
from tasks.explanation.reasons import Explanation, Reason
from tasks.explanation.table import reasons_table
from tasks.model_input.conformal import PredictionRegion

HOSTILE = "<script>alert('x')</script>"


def explanation(**changes) -> Explanation:
    note = Reason(column="note", value=f"bad {HOSTILE}", amount=1.5, spans=(Span(start=0, end=3, amount=1.0),))
    size = Reason(column=HOSTILE, value=None, amount=-0.25)
    heat = np.array([[0.0, 1.0], [-0.5, 0.0]])
    scan = Reason(column="scan", value=b"png", amount=0.5, heat=heat, pixels=np.full((1, 2, 2), 200, dtype=np.uint8))
    given = {
        "prediction": "yes", "output": "yes", "probability": 0.8, "unit": "log-odds", "method": "terms",
        "base_of": "a row of which nothing is known", "base": -0.5, "answer": 1.25, "reasons": (note, scan, size),
    }  # fmt: skip
    return Explanation(**{**given, **changes})


def test_what_stands_in_the_data_is_text() -> None:
    html = page("churn version 3", [(1, explanation())], ["row 2 is left out: <b>"])
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "row 2 is left out: &lt;b&gt;" in html


def test_words_are_marked_and_pictures_are_inside() -> None:
    html = page("churn version 3", [(7, explanation())])
    assert '<mark title="+1" style="background: rgba(var(--for), 0.6)">bad</mark>' in html
    assert "data:image/png;base64," in html
    assert "Row 7: yes (probability of yes: 0.8000)" in html
    assert 'src="http' not in html
    assert "missing" in html


def test_it_says_what_adds_up_to_what() -> None:
    one = explanation()
    assert one.missing == 0
    assert sum_line(one).startswith("log-odds of yes: 1.25 = -0.5000 (a row of which nothing is known) and")
    assert "+0.25 that the integral's steps leave" in sum_line(explanation(answer=1.5))
    number = explanation(prediction=12.5, output=None, probability=None, unit="target")
    assert head(number) == "12.5"
    assert sum_line(number).startswith("the answer, in the target's unit: 1.25")


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"prediction_low": -1.5, "prediction_high": 12_345.6}, "between -1.5 and 12,346, as the truth is"),
        ({"prediction_set": '["spam, eggs", "<b>"]'}, 'among ["spam, eggs", "<b>"], as the truth is'),
        ({"prediction_set": "[]"}, "no class is as likely as the true one is"),
    ],
)
def test_how_sure_an_answer_is_stands_on_the_page_and_in_the_table(columns, line: str) -> None:
    region = PredictionRegion(coverage=0.95, columns=columns)
    assert region_line(region) == f"How sure: {line} in 95 % of rows"
    one = explanation(region=region)
    assert f"<p>How sure: {escape(line)} in 95 % of rows.</p>" in page("churn version 3", [(1, one)])
    assert reasons_table([(4, one)]).columns[: 2 + len(columns)] == ["row", "prediction", *columns]
    assert reasons_table([(4, one)]).select(*columns).row(0) == tuple(columns.values())
    assert {"coverage": 0.95, **columns}.items() <= one.as_dict().items()
    assert "How sure" not in page("churn version 3", [(1, explanation())])


def test_the_table_adds_up() -> None:
    table = reasons_table([(4, explanation())])
    assert table["row"].unique().to_list() == [4]
    assert table["base"][0] + table["amount"].sum() == table["answer"][0]
    assert table["value"].to_list() == [f"bad {HOSTILE}", "a file", None]
    assert reasons_table([]).schema["amount"] == pl.Float64


def test_a_heat_map_is_blue_for_and_orange_against_and_low_pitches_are_below() -> None:
    pixels = np.zeros((1, 2, 3), dtype=np.uint8)
    heat = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    for is_sound in (False, True):
        picture = np.array(Image.open(io.BytesIO(heat_map(pixels, heat, is_sound=is_sound))))
        assert picture.shape[0] >= 240
        rows = (-1, 0) if is_sound else (0, -1)
        red, _, blue = picture[rows[0], 0]
        assert blue > red
        red, _, blue = picture[rows[1], -1]
        assert red > blue
        middle = picture[0, picture.shape[1] // 2]
        assert len(set(middle.tolist())) == 1
    assert heat_map(pixels, np.zeros((2, 3)))  # a model that does not look at it


def test_long_cells_are_cut() -> None:
    assert shown("x" * 500) == "x" * 119 + "…"
    assert (shown(None), shown(b"file"), shown(2.5)) == ("missing", "a file", "2.5")


def test_large_numbers_are_written_out() -> None:
    assert [added(amount) for amount in (-7_431.4, 0.0, 0.5204)] == ["-7,431", "+0", "+0.52"]
    line = sum_line(explanation(answer=64_222.4, base=72_150.0, unit="target", output=None))
    assert ": 64,222 = 72,150 (" in line
