from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.drafting.candidates import BOOSTED, ENSEMBLE, LINEAR, Candidate
from tasks.drafting.stated import Stated
from tasks.params.config import Metric
from tests.drafting.small_tables import NUM_ROWS, init, noise, numbers


def test_the_simplest_comes_first_and_words_weigh_more(tmp_path: Path) -> None:
    linear, boosted, ensemble = init(tmp_path, noise(num_rows=800)).decisions.candidates
    assert (linear.name, boosted.name, ensemble.name) == (LINEAR, BOOSTED, ENSEMBLE)
    # Members learn from all rows as it is, and trees may be as many as they need.
    alone = [{**member, "refit": "all_rows"} for member in ensemble.train["members"][:2]]
    assert alone == [linear.train, {**boosted.train, "num_iterations": 2000}]
    assert len(ensemble.train["members"]) == 5
    # Two shapes of trees ask for categories one by one, where there are any.
    assert [member.get("categories") for member in ensemble.train["members"]].count("one_by_one") == 2
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


def test_texts_beside_numbers_are_scores_for_trees_and_words_for_a_linear_model(tmp_path: Path) -> None:
    text = pl.Series("note", [f"this is note {number} about thing {number * 31 % 97}" for number in range(800)])
    rows = noise(num_rows=800)
    linear, boosted, ensemble = init(tmp_path, rows.with_columns(text)).decisions.candidates
    scored = {"encode": "score", "ngrams": [1, 1]}
    assert "text" not in linear.normalize
    assert boosted.normalize["text"] == ensemble.normalize["text"] == scored
    choice = init(tmp_path, rows.with_columns(text)).decisions.choice
    assert choice.normalize["text"] == scored
    # Of texts alone, trees would have the answer of a linear model and nothing beside it.
    assert init(tmp_path, rows.select(text, "outcome")).decisions.candidates[1].normalize["text"] == {
        "max_features": 2000
    }
    many = rows.with_columns(text, outcome=pl.Series([f"class {number % 25}" for number in range(800)]))
    assert init(tmp_path, many).decisions.candidates[1].normalize["text"] == {"max_features": 2000}


def of_amounts(tmp_path: Path, least: float, metric: Metric | None = None) -> list[Candidate]:
    amounts = pl.Series("amount", [least + number * 37 % 800 for number in range(800)])
    rows = noise(num_rows=800).with_columns(amounts)
    return list(init(tmp_path, rows, target="amount", stated=Stated(metric=metric)).decisions.candidates)


@pytest.mark.parametrize(("least", "num_members"), [(0.0, 7), (-3.0, 5)])
def test_amounts_are_learnt_as_logarithms_too(tmp_path: Path, least: float, num_members: int) -> None:
    members = of_amounts(tmp_path, least)[-1].train["members"]
    assert len(members) == num_members
    of_logarithms = [member["kind"] for member in members if "target_transform" in member]
    assert of_logarithms == (["sklearn", "lightgbm"] if least == 0 else [])
    # Leaves of few rows fit closely, which the weights take where it helps.
    closely = [member for member in members if member.get("min_data_in_leaf") == 3]
    assert len(closely) == (2 if least == 0 else 1)


@pytest.mark.parametrize(
    ("least", "metric", "transforms"),
    [
        (0.0, None, ["none", "log1p", "none", "log1p", "none"]),
        (0.0, "r2", ["none", "log1p", "none", "log1p", "none"]),
        # By errors of logarithms nothing else is worth a try.
        (0.0, "rmsle", ["log1p", "log1p", "log1p"]),
        (-3.0, None, ["none", "none", "none"]),
        (-3.0, "mae", ["none", "quantile", "none", "quantile", "none"]),
    ],
)
def test_other_scales_of_the_target_are_tried(
    tmp_path: Path, least: float, metric: Metric | None, transforms: list[str]
) -> None:
    drafted = of_amounts(tmp_path, least, metric)
    assert [one.train.get("target_transform", "none") for one in drafted] == transforms
    assert len({one.name for one in drafted}) == len(drafted)
    # A member has no scale of its own below that of all.
    inner = [member.get("target_transform", "none") for member in drafted[-1].train["members"]]
    assert inner.count("log1p") == (2 if least == 0 and metric != "rmsle" else 0)
    assert inner.count("none") == 5
