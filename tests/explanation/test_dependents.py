"""Features of one's own follow their columns: asked with other values, a model gets what it would get of such rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tasks.evaluation.importance import ColumnImportance, measured_importance
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


def at_times(features: dict[str, str]) -> tuple[Recipe, pl.DataFrame]:
    """Rows whose target is the hour of their time, which is no feature, and nothing else."""
    random = np.random.default_rng(0)
    minutes = random.integers(60 * 24 * 365, size=NUM_ROWS)
    started = [datetime(2024, 1, 1) + timedelta(minutes=int(minute)) for minute in minutes]
    rows = pl.DataFrame({"x": random.normal(size=NUM_ROWS), "started": started})
    rows = rows.with_columns(target=pl.col("started").dt.hour().cast(pl.Float64))
    dataset = described(
        {"x": ("number", "feature"), "started": ("timestamp", "time"), "target": ("number", "target")}, "regression"
    )
    config = Normalize.model_validate({"number": {"scale": "none"}, "features": features})
    made = computations(dataset, config)
    return learn([rows], with_columns(dataset, made), config, computed=made).recipe, rows


def losses_by_hour(features: dict[str, str], rows: slice = slice(None)) -> dict[str, ColumnImportance]:
    recipe, table = at_times(features)
    table = table[rows]
    dependents = Dependents(recipe=recipe, values=recipe.columns(table))
    examples = Examples(inputs=recipe.encode(table), target=table["target"].to_numpy())
    model: Any = Formula(recipe, lambda hour, **_: hour)
    judge = Judge(metric="rmse")
    importance = measured_importance(model, recipe.spec(), examples, judge, dependents=dependents)
    return {one.name: one for one in importance.columns}


def test_a_time_that_only_features_of_ones_own_read_is_as_important_as_these() -> None:
    of = losses_by_hour({"hour": "extract(hour from started)", "late": "hour - 12"})
    assert set(of) == {"x", "hour", "late", "started"}
    # Two independent hours differ by the root of twice the variance of 0 to 23.
    assert abs((of["started"].loss or 0) - np.sqrt(2 * (24**2 - 1) / 12)) < 0.3
    assert of["started"].loss == of["hour"].loss
    assert of["x"].loss == of["late"].loss == 0
    assert of["started"].own is None


def test_a_time_that_no_feature_reads_is_not_listed() -> None:
    assert set(losses_by_hour({"hour": "abs(x)"})) == {"x", "hour"}


def test_of_a_time_that_is_the_same_in_all_rows_nothing_is_known() -> None:
    started = losses_by_hour({"hour": "extract(hour from started)"}, slice(0, 1))["started"]
    assert started.is_still
    assert started.loss is None
