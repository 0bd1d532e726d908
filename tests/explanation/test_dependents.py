"""Features of one's own follow their columns: asked with other values, a model gets what it would get of such rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from tasks.evaluation.importance import measured_importance
from tasks.evaluation.judge import Judge
from tasks.explanation.dependents import Dependents
from tasks.explanation.effects import effect_of
from tasks.explanation.permutation import permuted_answers
from tasks.model_input.inputs import Examples, ModelInput
from tasks.params.normalize import Normalize
from tasks.recipe.computed import with_columns
from tasks.recipe.declared_features import computations
from tasks.recipe.learning import learn
from tasks.recipe.recipe import Recipe
from tests.explanation.test_effects import Formula
from tests.small_tables import described

NUM_ROWS = 1_000
CONFIG = Normalize.model_validate(
    {"number": {"scale": "none"}, "features": {"double": "2 * x", "more": "double + z", "kind": "upper(town)"}}
)


def asked() -> tuple[Recipe, pl.DataFrame, Dependents]:
    random = np.random.default_rng(0)
    x, z = random.normal(size=(2, NUM_ROWS))
    town = random.choice(["Bonn", "Kiel"], NUM_ROWS)
    rows = pl.DataFrame({"x": x, "z": z, "town": town, "target": x})
    dataset = described(
        {"x": ("number", "feature"), "z": ("number", "feature"), "town": ("category", "feature"),
         "target": ("number", "target")},
        "regression",
    )  # fmt: skip
    made = computations(dataset, CONFIG)
    recipe = learn([rows], with_columns(dataset, made), CONFIG, computed=made).recipe
    return recipe, rows, Dependents(recipe=recipe, values=recipe.columns(rows))


def more_alone(**columns: Any) -> Any:
    return columns["more"]


def test_what_depends_on_a_column_by_way_of_others() -> None:
    _, _, dependents = asked()
    names = {one: [feature.name for feature in dependents.of([one])] for one in ("x", "z", "double", "town", "more")}
    assert names == {"x": ["double", "more"], "z": ["more"], "double": ["more"], "town": ["kind"], "more": []}
    # What is given is given.
    assert [feature.name for feature in dependents.of(["x", "double"])] == ["more"]


def test_shuffled_rows_are_those_that_encode_would_make_of_shuffled_cells() -> None:
    recipe, rows, dependents = asked()
    inputs = recipe.encode(rows)
    seen: list[ModelInput] = []

    class Keeping:
        def predict(self, given: ModelInput) -> Any:
            seen.append(given)
            return np.zeros(given.num_rows)

        def save(self, folder: Any) -> None:
            raise NotImplementedError

    list(permuted_answers(Keeping(), inputs, [("x",), ("town", "z"), ("more",)], 2, dependents))
    random = np.random.default_rng(0)
    orders = [random.permutation(NUM_ROWS) for _ in range(2)]
    (given,) = seen
    for place, (columns, order) in enumerate(
        (columns, order) for columns in (["x"], ["town", "z"]) for order in orders
    ):
        truth = recipe.encode(rows.with_columns(rows[name].gather(order.tolist()) for name in columns))
        for name, block in truth.blocks.items():
            part = given.blocks[name][place * NUM_ROWS : (place + 1) * NUM_ROWS]
            np.testing.assert_array_equal(_dense(part), _dense(block), err_msg=name)


def test_a_column_that_acts_through_a_feature_of_ones_own_is_as_important_as_that() -> None:
    recipe, rows, dependents = asked()
    truth = 2 * rows["x"].to_numpy() + rows["z"].to_numpy()
    examples = Examples(inputs=recipe.encode(rows), target=truth)
    importance = measured_importance(
        Formula(recipe, more_alone), recipe.spec(), examples, Judge(metric="rmse"), dependents=dependents
    )
    losses = {one.columns: one.loss for one in importance.columns}
    # Two independent draws of 2 x differ by 2 sqrt(2) on average (root mean square), and of z by sqrt(2).
    assert abs((losses[("x",)] or 0) - 2 * np.sqrt(2)) < 0.2
    assert abs((losses[("z",)] or 0) - np.sqrt(2)) < 0.1
    assert losses[("town",)] == 0
    without = measured_importance(Formula(recipe, more_alone), recipe.spec(), examples, Judge(metric="rmse"))
    assert {one.columns: one.loss for one in without.columns}[("x",)] == 0


def test_the_effect_of_a_column_goes_through_the_features_made_of_it() -> None:
    recipe, rows, dependents = asked()
    effect = effect_of(Formula(recipe, more_alone), recipe, "x", rows["x"], recipe.encode(rows), [0], dependents)
    assert effect is not None
    assert effect.accumulated is not None
    for curve in (effect.partial, effect.accumulated):
        slope = np.diff(curve[:, 0]) / np.diff(np.array(effect.values, dtype=float))
        np.testing.assert_allclose(slope, 2.0, rtol=1e-4)


def _dense(block: Any) -> Any:
    return block if isinstance(block, np.ndarray) else block.toarray()
