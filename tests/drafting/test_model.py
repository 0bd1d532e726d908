from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tasks.drafting.pipeline import init_pipeline
from tests.drafting.small_tables import NUM_ROWS, init, noise, numbers, project_in
from tests.small_tables import image


def test_a_table_with_enough_rows_gets_trees_and_a_small_one_a_linear_model(tmp_path: Path) -> None:
    assert init(tmp_path, noise()).decisions.choice.train["kind"] == "lightgbm"
    small = init(tmp_path, noise(num_rows=200)).decisions.choice
    assert small.train["estimator"]["kind"] == "logistic_regression"
    assert "too few for trees" in small.reason
    few = init(tmp_path, numbers(num_rows=200), target="third").decisions.choice
    assert few.train["estimator"]["kind"] == "ridge"


def test_free_text_gets_a_linear_model(tmp_path: Path) -> None:
    text = pl.Series("note", [f"this is note {number} about thing {number * 31 % 97}" for number in range(NUM_ROWS)])
    rows = noise().select(text, "outcome")
    assert init(tmp_path, rows).decisions.choice.train["estimator"]["kind"] == "logistic_regression"


def test_a_rare_class_weighs_as_much_as_it_is_frequent(tmp_path: Path) -> None:
    rows = noise(num_rows=200).with_columns(outcome=pl.Series(["a"] * 20 + ["b"] * 180))
    # Balanced, probabilities would be those of other data, and ranks no better.
    assert "class_weight" not in init(tmp_path, rows).decisions.choice.train["estimator"]


def test_the_gate_asks_for_more_than_knowing_nothing(tmp_path: Path) -> None:
    assert init(tmp_path, noise()).decisions.choice.gate == {"roc_auc": {"min": 0.5}}
    choice = init(tmp_path, numbers(), target="third").decisions.choice
    assert (choice.metric, choice.gate) == ("rmse", {"r2": {"min": 0.0}})


def test_images_get_a_network_of_a_size_that_takes_minutes(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    for number in range(20):
        file = tmp_path / "pets" / "cd"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image(dice.integers(0, 256, (128, 96)).astype(np.uint8)))
    choice = init_pipeline(project_in(tmp_path), "pets", str(tmp_path / "pets"), dry_run=True).decisions.choice
    assert choice.train["network"]["kind"] == "cnn"
    assert choice.normalize == {"image": {"height": 64, "width": 48}}
