"""A few rows become the same blocks to the last bit, and are refused with the same words, by cells or by polars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.columns.base import Encoding
from tasks.columns.boolean.column import BooleanEncoding
from tasks.columns.category.encoding import CategoryEncoding
from tasks.columns.number.column import NumberEncoding
from tasks.columns.text.encoding import TextEncoding
from tasks.columns.timestamp.column import Part, TimestampEncoding
from tasks.errors import UserError
from tasks.recipe import few_rows
from tasks.recipe.few_rows import FewRows
from tasks.recipe.raw_values import rows_at_rest
from tasks.recipe.recipe import Feature, Recipe, Target
from tasks.repair.repair import FEW, Repair
from tasks.repair.units import UnitFormat
from tasks.tables.dialect import ColumnDialect

ENCODINGS: dict[str, Encoding] = {
    "number": NumberEncoding(impute=1.5, factor=0.3, offset=-7.1, indicator=False),
    "indicated": NumberEncoding(impute=-2.0, factor=1e300, offset=0.1, indicator=True),
    "log": NumberEncoding(impute=0.0, transform="log", factor=3.0, offset=0.2, indicator=False),
    "levels": NumberEncoding(
        impute=0.0, transform="quantile", quantiles=(-1.0, 0.5, 40.0), factor=1.0, offset=0.0, indicator=True
    ),
    "boolean": BooleanEncoding(impute=True, indicator=False),
    "truth": BooleanEncoding(impute=False, indicator=True),
    "one-hot": CategoryEncoding(encode="one_hot", categories=("007", "1.5", "Ulm", "true", "x"), missing=True),
    "ordinal": CategoryEncoding(encode="ordinal", categories=("", "1", "ulm"), missing=False, impute="1"),
    "hashed": CategoryEncoding(encode="hashed", missing=False, buckets=7),
    "text": TextEncoding(
        terms=("new", "ulm"), idf=(1.5, 1.1), characters=(2, 3), runs=(" u", "ul"), runs_idf=(1.0, 2.0)
    ),
    "time": TimestampEncoding(parts=(Part(name="year", factor=0.5), Part(name="hour")), indicator=True),
}
DIALECTS = {
    "plain": ColumnDialect(),
    "database": ColumnDialect(missing=()),
    "marked": ColumnDialect(missing=("", "?", "-999", "0")),
    "german": ColumnDialect(missing=("n.d.",), decimal=",", thousands=".", format="%d.%m.%Y"),
    "minutes": ColumnDialect(format="%Y-%m-%d %H:%M:%S%.f"),
    "counted": ColumnDialect(format="epoch seconds"),
    "percent": ColumnDialect(unit=UnitFormat(after="%"), missing=("", "-1")),
}
REPAIRS = {
    "none": None,
    "bounded": Repair(least=-3.0, most=8.5, low=-1.0, high=8.0, white_space="all", unicode="NFKC"),
    "clipped": Repair(least=0.0, most=5.0, outside="clip", white_space="ends", common=("Ulm", "x"), rare_name="few"),
    "coarse": Repair(width=2.0, unit="month", keep=2),
    "chosen": Repair(allowed=("Ulm", "x", "1"), replace={"a": "x", "Bonn": "Ulm"}),
    "small": Repair(case="lower"),
}
NUMBERS = (
    st.integers(-12, 12) | st.floats(allow_nan=False) | st.sampled_from([-999, -999.0, 0.0, -0.0, 2**53 + 1, 10**400])
)
NUMBER_TEXTS = NUMBERS.map(str) | st.sampled_from(
    ["+1", "1.", ".5", "1_0", "007", "1e5", "-0", "1e400", "\uff11", "\u22122", "8.000,5"]
)
WORDS = [
    "",
    " ",
    "?",
    "n.d.",
    "NaN",
    "nat",
    "yes",
    " TRUE ",
    "off",
    "Ulm",
    "x",
    "Bonn",
    "a",
    "new  Ulm",
    "\u2003",
    "İ",
    "Ä\u0308",
]
TIMES = [
    "2024-01-31",
    "2024-01-31T12:30",
    "2024-01-31 12:30:01",
    "2024-01-31 12:30:01.5",
    "2024-01-31T12:30:00+02:00",
    "31.01.2024",
    "1.1.2024",
    "31.02.2024",
    "01.01.0999",
    "1706702400",
    " 2024-01-31 ",
    "2024-12-31 23:59:60",
]
CELLS = (
    st.none()
    | st.booleans()
    | NUMBERS
    | NUMBER_TEXTS
    | st.sampled_from(WORDS)
    | st.sampled_from(TIMES)
    | st.text(max_size=3)
)


def recipe_of(*features: Feature) -> Recipe:
    target = Target(name="y", task="regression", classes=())
    return Recipe(features=features, target=target, num_inputs=1)


def blocks(encode: Any, *arguments: Any) -> dict[str, tuple[Any, ...]] | str:
    """Each block's type, shape and bytes; or why there are none."""
    try:
        inputs = encode(*arguments)
    except UserError as error:
        return str(error)
    dense = {name: block if isinstance(block, np.ndarray) else block.toarray() for name, block in inputs.blocks.items()}
    return {name: (block.dtype, block.shape, block.tobytes()) for name, block in dense.items()}


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("dialect", DIALECTS)
@settings(derandomize=True, max_examples=20, deadline=None)
@given(cells=st.lists(CELLS, min_size=1, max_size=4), name=st.sampled_from(sorted(ENCODINGS)))
@example(cells=[-0.0, 0.0, -1.0, 8.5, 9, None], name="number")
@example(cells=["Ulm", " x", 7, 1.5, True, None, ""], name="one-hot")
@example(cells=[10**400], name="time")
def test_a_few_rows_are_encoded_as_many_are(dialect: str, repair: str, cells: list[Any], name: str) -> None:
    feature = Feature(name=name, encoding=ENCODINGS[name], dialect=DIALECTS[dialect], repair=REPAIRS[repair])
    recipe = recipe_of(feature)
    by_polars = blocks(lambda: recipe.encode(rows_at_rest({name: cells}, recipe.raw_features)))
    assert blocks(FewRows(recipe).encode, {name: cells}) == by_polars


PLAIN: dict[str, list[Any]] = {
    "number": [1, 2.5, None, "3.25"],
    "boolean": [True, None, "yes", False],
    "one-hot": ["Ulm", "elsewhere", None, 7],
    "text": ["new Ulm", "", None, "old"],
    "time": ["2024-01-31T12:30", None, "2024-01-31", "2023-01-31 00:00:00.5"],
}


def test_what_is_written_as_usual_needs_no_polars(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of(*(Feature(name=name, encoding=ENCODINGS[name]) for name in PLAIN))
    by_polars = blocks(lambda: recipe.encode(rows_at_rest(PLAIN, recipe.raw_features)))
    monkeypatch.delattr(few_rows, "rows_at_rest")
    assert blocks(FewRows(recipe).encode, PLAIN) == by_polars


def test_columns_with_odd_cells_are_left_to_polars_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of(*(Feature(name=name, encoding=ENCODINGS[name]) for name in PLAIN))
    cells = {**PLAIN, "number": [" 1", "(2)", "-0", "\u22123"]}
    by_polars, asked = blocks(lambda: recipe.encode(rows_at_rest(cells, recipe.raw_features))), []

    def noted(cells: Any, features: Any) -> Any:
        asked.append([feature.name for feature in features])
        return rows_at_rest(cells, features)

    monkeypatch.setattr(few_rows, "rows_at_rest", noted)
    assert blocks(FewRows(recipe).encode, cells) == by_polars
    assert asked == [["number"]]


def test_many_rows_and_rows_that_lack_a_column() -> None:
    recipe = recipe_of(Feature(name="number", encoding=ENCODINGS["number"]))
    few, many = FewRows(recipe), {"number": [0.1 * number for number in range(FEW + 1)]}
    assert blocks(few.encode, many) == blocks(lambda: recipe.encode(rows_at_rest(many, recipe.raw_features)))
    with pytest.raises(UserError, match="column number is missing; the model was trained with it"):
        few.encode({"other": [1]})
