"""What an answer has, by what was asked for; and what a version's warm-up takes for an example."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks import files
from tasks.serving.version import _example, as_answers

CLASSES = {
    "prediction": ["no", "yes"],
    "prediction_set": ['["no", "yes"]', "[]"],
    "probability_no": [0.6, 0.1],
    "probability_yes": [0.4, 0.9],
}
NUMBERS = {"prediction": [1.5], "prediction_low": [1.0], "prediction_high": [2.0]}


@pytest.mark.parametrize(
    ("columns", "given", "expected"),
    [
        (CLASSES, (), [{"prediction": "no"}, {"prediction": "yes"}]),
        (
            CLASSES,
            ("probabilities", "sets"),
            [
                {"prediction": "no", "probabilities": {"no": 0.6, "yes": 0.4}, "prediction_set": ["no", "yes"]},
                {"prediction": "yes", "probabilities": {"no": 0.1, "yes": 0.9}, "prediction_set": []},
            ],
        ),
        (NUMBERS, ("probabilities",), [{"prediction": 1.5}]),
        (NUMBERS, ("sets",), [{"prediction": 1.5, "prediction_low": 1.0, "prediction_high": 2.0}]),
        ({"prediction": [1.5]}, ("sets",), [{"prediction": 1.5}]),
    ],
)
def test_an_answer_has_what_was_asked_for(columns: Any, given: tuple[str, ...], expected: list[Any]) -> None:
    assert as_answers(columns, frozenset(given)) == expected


def test_the_example_is_the_rows_that_the_version_was_registered_with(tmp_path: Path) -> None:
    model: Any = SimpleNamespace(packed=tmp_path)
    assert _example(model) is None
    split = {"columns": ["age", "town"], "data": [[41, "Ulm"], [None, "Bonn"]]}
    files.write_json(tmp_path / "serving_input_example.json", {"dataframe_split": split})
    example = _example(model)
    assert example is not None
    assert (example.columns, example.num_rows) == ({"age": [41, None], "town": ["Ulm", "Bonn"]}, 2)
