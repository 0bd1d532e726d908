"""What travels with a model of its intervals and sets: read as it was written, and refused where it is another's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks import files
from tasks.errors import UserError
from tasks.model_input.conformal import ConformalRule, KindColumn, read_conformal, sure
from tasks.recipe.kind_values import as_text, kind_values
from tasks.repair.repair import Repair
from tasks.tables.dialect import ColumnDialect

BY_TOWN = ConformalRule(
    coverage=0.8,
    by="town",
    column=KindColumn(name="town", type="category", repair=Repair(white_space="ends", replace={"Koeln": "Köln"})),
    num_rows=50,
    common=0.1,
    kinds=("Köln", None),
    distances=(0.3, None),
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    files.write_json(tmp_path / "conformal.json", BY_TOWN.model_dump(mode="json"))
    assert read_conformal(tmp_path / "conformal.json", ("a", "b")) == BY_TOWN
    files.write_json(tmp_path / "conformal.json", {"coverage": None})
    assert read_conformal(tmp_path / "conformal.json", ("a", "b")) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "damaged; run evaluate again"),
        ([], "damaged"),
        ({"coverage": 0.9, "num_rows": 3, "common": "far"}, "damaged"),
        (
            {
                "coverage": 0.9,
                "num_rows": 9,
                "common": 0.5,
                "by": "class",
                "kinds": ["b", "a"],
                "distances": [0.5, 0.5],
            },
            "of other classes than the model's",
        ),
    ],
)
def test_what_is_no_rule_of_the_model_is_refused(tmp_path: Path, content: object, message: str) -> None:
    files.write_json(tmp_path / "conformal.json", content)
    with pytest.raises(UserError, match=message):
        read_conformal(tmp_path / "conformal.json", ("a", "b"))


def test_an_answer_of_less_precision_has_the_set_that_evaluate_gave_it() -> None:
    """A model answers float32, and evaluate keeps float64: what is equal to a distance is so in both."""
    answers = np.random.default_rng(0).dirichlet([1, 1, 1], 300).astype(np.float32)
    for row in answers[:20]:
        rule = ConformalRule(coverage=0.9, num_rows=300, common=float(1 - row.astype(np.float64)[0]))
        served = sure(rule, answers, ("a", "b", "c"))["prediction_set"]
        assert ['"a"' in text for text in served] == rule.sets(answers.astype(np.float64))[:, 0].tolist()


def test_ends_of_intervals_stand_beside_numbers() -> None:
    values = pl.Series(["Köln", None, "Ulm"])
    rule = BY_TOWN.model_copy(update={"distances": (0.5, 2.0)})
    ends = sure(rule, np.array([[1.0], [2.0], [3.0]], dtype=np.float32), (), values)
    assert {name: end.tolist() for name, end in ends.items()} == {
        "prediction_low": [0.5, 0.0, 2.9],
        "prediction_high": [1.5, 4.0, 3.1],
    }


def test_values_that_tell_kinds_apart_are_put_right_as_clean_does() -> None:
    assert BY_TOWN.column is not None
    cells = pl.Series([" Koeln ", "Köln", "", None])
    assert kind_values(cells, BY_TOWN.column).to_list() == ["Köln", "Köln", None, None]
    member = KindColumn(name="member", type="boolean", dialect=ColumnDialect(missing=("-",)))
    for given in (["yes", "0", "-", "perhaps"], [True, False, None, None], [1.0, 0, None, None]):
        assert kind_values(as_text(given), member).to_list() == ["true", "false", None, None]
    assert kind_values(pl.Series([True, None]), member).to_list() == ["true", None]
    cells = [7, 7.0, np.float64(7), np.bool_(True), 0.5, np.nan, np.float64("nan"), None]
    assert as_text(cells).to_list() == ["7", "7", "7", "true", "0.5", None, None, None]
