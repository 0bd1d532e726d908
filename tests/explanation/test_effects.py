"""Effects against known truths: an additive function gives back its shape; the two differ where they ought to."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.explanation.effects import Effect, effect_of
from tasks.model_input.inputs import ModelInput
from tasks.params.normalize import Normalize
from tasks.recipe.learning import learn
from tasks.recipe.recipe import Recipe
from tests.small_tables import described

NUM_ROWS = 1_500


class Formula:
    """Answers by a formula of raw values, which it gets back from the recipe's scaling."""

    def __init__(self, recipe: Recipe, formula: Any) -> None:
        self.encodings = {one.name: one.encoding for one in recipe.features}
        self.formula = formula

    def predict(self, rows: ModelInput) -> Any:
        return np.asarray(self.formula(**{name: self._raw(name, block) for name, block in rows.blocks.items()}))

    def save(self, folder: Any) -> None:
        raise NotImplementedError

    def _raw(self, name: str, block: Any) -> Any:
        encoding: Any = self.encodings[name]
        if block.ndim == 1:
            return block
        return (block[:, 0] - encoding.offset) / encoding.factor


def table(rho: float = 0.0) -> pl.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=NUM_ROWS)
    z = rho * x + np.sqrt(1 - rho**2) * random.normal(size=NUM_ROWS)
    town = random.choice(["Bonn", "Kiel", "Ulm"], NUM_ROWS, p=[0.2, 0.5, 0.3])
    return pl.DataFrame({"x": x, "z": z, "town": town, "target": x})


def effect(rows: pl.DataFrame, formula: Any, name: str) -> Effect | None:
    dataset = described(
        {"x": ("number", "feature"), "z": ("number", "feature"), "town": ("category", "feature"),
         "target": ("number", "target")},
        "regression",
    )  # fmt: skip
    recipe = learn([rows], dataset, Normalize()).recipe
    return effect_of(Formula(recipe, formula), recipe, name, rows[name], recipe.encode(rows), [0])


def additive(x: Any, z: Any, town: Any) -> Any:
    return np.sin(2 * x) + 3 * z + town


@pytest.mark.parametrize("rho", [0.0, 0.95])
def test_an_additive_function_gives_back_its_shape(rho: float) -> None:
    found = effect(table(rho), additive, "x")
    assert found is not None
    values = np.array(found.values)
    shape = np.sin(2 * values)
    for curve in (found.partial, found.accumulated):
        assert curve is not None
        np.testing.assert_allclose(np.diff(curve[:, 0]), np.diff(shape), atol=1e-9)
    # Both lie where the answers are on average.
    rows = table(rho)
    mean = additive(rows["x"].to_numpy(), rows["z"].to_numpy(), pl.Series(rows["town"]).rank("dense").to_numpy() - 1)
    assert found.accumulated is not None
    weights = found.num_rows / found.num_rows.sum()
    middles = (found.accumulated[:-1, 0] + found.accumulated[1:, 0]) / 2
    assert (middles * weights).sum() == pytest.approx(mean.mean(), abs=0.1)


def test_where_columns_go_together_only_accumulated_effects_stay_with_rows_that_there_are() -> None:
    """x * z with z = x nearly: the local slope in x is z, so the effect is x**2 / 2 (Apley and Zhu 2020); all rows at
    one x have a mean of 0."""
    found = effect(table(0.999), lambda x, z, town: x * z, "x")
    assert found is not None
    assert found.accumulated is not None
    values = np.array(found.values)
    expected = values**2 / 2
    offset = (found.accumulated[:, 0] - expected).mean()
    np.testing.assert_allclose(found.accumulated[:, 0] - offset, expected, atol=0.12)
    assert np.abs(found.partial).max() < 0.3


def test_the_rows_between_two_values_are_counted() -> None:
    rows = table()
    found = effect(rows, additive, "x")
    assert found is not None
    x, values = rows["x"].to_numpy(), np.array(found.values)
    counts, _ = np.histogram(x, values)
    assert np.abs(found.num_rows - counts).max() <= 1
    assert len(values) == 21
    # One hundredth at each end is left out.
    assert found.num_rows.sum() == pytest.approx(0.98 * NUM_ROWS, abs=2)


def test_a_category_has_a_mean_answer_for_each_of_its_values() -> None:
    found = effect(table(), lambda x, z, town: 10.0 * town, "town")
    assert found is not None
    assert found.accumulated is None
    assert dict(zip(found.values, found.partial[:, 0], strict=True)) == {"Bonn": 0.0, "Kiel": 10.0, "Ulm": 20.0}
    assert found.values[0] == "Kiel"  # the most frequent one first


def test_few_values_missing_ones_and_one_alone() -> None:
    rows = table().with_columns(x=(pl.col("x") > 0).cast(pl.Float64), z=pl.lit(2.0))
    rows = rows.with_columns(x=pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise(pl.col("x")))
    found = effect(rows, lambda x, z, town: x, "x")
    assert found is not None
    assert found.values == (0.0, 1.0)
    np.testing.assert_allclose(np.diff(found.partial[:, 0]), [1.0])
    assert effect(rows, lambda x, z, town: x, "z") is None
