"""Columns that tell the same are found whatever their types, and columns that do not are left apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from scipy.stats.contingency import association

from tasks.explanation.association import associations, correlated_groups
from tasks.model_input.inputs import Field, ModelInput, Spec

NUM_ROWS = 2_000


def number(name: str, num_inputs: int = 1) -> Field:
    return Field(name=name, kind="dense", shape=(num_inputs,))


def category(name: str, num_categories: int) -> Field:
    return Field(name=name, kind="category_index", shape=(num_categories,))


def table(**columns: np.ndarray) -> tuple[Spec, ModelInput]:
    fields = [
        category(name, int(values.max()) + 1) if values.dtype == np.int32 else number(name)
        for name, values in columns.items()
    ]
    blocks = {name: values if values.dtype == np.int32 else values[:, None] for name, values in columns.items()}
    spec = Spec(fields=tuple(fields), task="regression", classes=())
    return spec, ModelInput(blocks=blocks, num_rows=len(next(iter(columns.values()))))


def drawn() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    size, town = random.normal(size=NUM_ROWS), random.integers(0, 6, NUM_ROWS).astype(np.int32)
    return {
        "size": size,
        "grown": np.exp(size) + 0.05 * random.random(NUM_ROWS),
        "alone": random.normal(size=NUM_ROWS),
        "town": town,
        "region": (town // 2).astype(np.int32),
        "band": np.digitize(size, [-1, -0.3, 0.3, 1]).astype(np.int32),
        "noise": random.integers(0, 6, NUM_ROWS).astype(np.int32),
    }


def test_groups_are_found_over_types_and_what_stands_alone_stays_alone() -> None:
    columns = drawn()
    spec, rows = table(**columns)
    assert correlated_groups(spec, rows, [*columns]) == [("size", "grown", "band"), ("town", "region")]
    # What was not measured is in no group.
    assert correlated_groups(spec, rows, ["size", "alone", "town", "region"]) == [("town", "region")]


def test_a_chain_of_neighbours_is_not_one_group() -> None:
    random = np.random.default_rng(1)
    walk = np.cumsum(random.normal(size=(NUM_ROWS, 12)), axis=1)
    columns = {f"day {n}": walk[:, n] for n in range(12)}
    spec, rows = table(**columns)
    groups = correlated_groups(spec, rows, [*columns])
    assert groups
    for group in groups:
        for one in group:
            for other in group:
                assert abs(spearmanr(columns[one], columns[other]).statistic) >= 0.8


def test_measures_are_those_of_scipy() -> None:
    columns = drawn()
    spec, rows = table(**columns)
    strength = associations(spec.fields, rows)
    names = [*columns]

    def of(one: str, other: str) -> float:
        return float(strength[names.index(one), names.index(other)])

    assert of("size", "grown") == pytest.approx(abs(spearmanr(columns["size"], columns["grown"]).statistic))
    tables = np.zeros((6, 3), dtype=int)
    np.add.at(tables, (columns["town"], columns["region"]), 1)
    # Of 2,000 rows the correction for chance is small.
    assert of("town", "region") == pytest.approx(association(tables, method="cramer"), abs=0.01)
    assert of("noise", "town") < 0.1
    assert of("noise", "alone") < 0.1
    assert of("town", "region") == of("region", "town")


def test_few_rows_and_columns_of_one_value_say_nothing() -> None:
    few = {name: values[:15] for name, values in drawn().items()}
    assert correlated_groups(*table(**few), [*few]) == []
    still = {"one": np.zeros(50), "two": np.zeros(50), "town": np.zeros(50, dtype=np.int32)}
    assert correlated_groups(*table(**still), [*still]) == []


def test_many_categories_of_few_rows_are_not_alike_by_chance() -> None:
    random = np.random.default_rng(2)
    columns = {name: random.integers(0, 40, 60).astype(np.int32) for name in ("a", "b")} | {"x": random.normal(size=60)}
    assert correlated_groups(*table(**columns), [*columns]) == []
