from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.normalize import Normalize
from tasks.recipe.computed import computed_parts, with_columns, with_computed
from tasks.recipe.declared_features import computations
from tests.recipe.machines import COLUMNS, ROWS, computed, types
from tests.small_tables import cut, described


def test_features_have_the_type_that_their_expression_has() -> None:
    features = {
        "power": "torque * speed",
        "hour": "extract(hour from day)",
        "is_fast": "speed > 15",
        "place": "upper(town)",
        "next": "day + interval '1 day'",
        "lasted": "day - date '2024-01-01'",
    }
    assert types(features) == {
        "power": "number",
        "hour": "number",
        "is_fast": "boolean",
        "place": "category",
        "next": "timestamp",
        "lasted": "number",
    }
    rows = computed(features)
    assert rows["power"].to_list() == [20.0, None, 0.0, 0.0]
    assert rows["hour"].to_list() == [6.0, 12.0, 18.0, None]
    assert rows["is_fast"].to_list() == [False, True, False, True]
    assert rows["place"].to_list() == ["ULM", "BONN", None, "12"]
    assert rows["next"].to_list()[0] == datetime(2024, 3, 2, 6)
    # A span of time is its seconds.
    assert rows["lasted"].to_list()[0] == (datetime(2024, 3, 1, 6) - datetime(2024, 1, 1)).total_seconds()


def test_a_type_may_be_given() -> None:
    hour = {"hour": "extract(hour from day)"}
    assert computed(hour, hour={"type": "category"})["hour"].to_list() == ["6", "12", "18", None]
    assert computed({"size": "town"}, size={"type": "number"})["size"].to_list() == [None, None, None, 12.0]
    assert computed({"moving": "speed"}, moving={"type": "boolean"})["moving"].to_list()[2] is False
    assert types({"note": "town"}, note={"type": "text"}) == {"note": "text"}


def test_a_feature_may_be_computed_from_one_above_it() -> None:
    rows = computed({"double": "torque * 2", "more": "double + 1"})
    assert rows["more"].to_list() == [5.0, None, 7.0, 1.0]


def test_a_number_that_no_model_can_read_is_missing() -> None:
    assert computed({"large": "speed * 10", "beyond": "speed * 1"})["large"].to_list() == [100.0, 200.0, 0.0, None]


@pytest.mark.parametrize("places", [[], [1], [1, 2, 3]])
def test_the_same_in_parts_as_in_one_go(places: list[int]) -> None:
    config = Normalize.model_validate({"features": {"power": "torque * speed", "place": "lower(town)"}})
    features = computations(described(COLUMNS), config)
    assert pl.concat(computed_parts(cut(ROWS, places), features)).equals(with_computed(ROWS, features))


def test_the_data_set_has_the_computed_columns_as_features() -> None:
    config = Normalize.model_validate({"features": {"power": "torque * speed"}})
    table = described({name: kind for name, kind in COLUMNS.items() if name != "scan"})
    extended = with_columns(table, computations(table, config))
    assert [column.name for column in extended.features] == ["torque", "speed", "town", "power"]


def test_a_feature_that_no_training_row_has_is_told() -> None:
    config = Normalize.model_validate({"features": {"none": "torque / (speed - speed)"}})
    features = computations(described(COLUMNS), config)
    with pytest.raises(UserError, match=r"normalize.features.none: .*cannot be computed in any training row"):
        list(computed_parts([ROWS, ROWS], features))
