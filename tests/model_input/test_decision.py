from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks import files
from tasks.errors import UserError
from tasks.model_input.decision import LIKELIEST, Decision, read_decision

SCORES = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.7, 0.3]])


def test_without_a_threshold_the_likeliest_class_is_answered() -> None:
    assert LIKELIEST.of(SCORES).tolist() == [0, 0, 1, 0]
    assert LIKELIEST.of(np.array([[0.2, 0.3, 0.5]])).tolist() == [2]


@pytest.mark.parametrize(
    ("positive", "threshold", "answered"),
    [(1, 0.3, [0, 1, 1, 1]), (1, 0.8, [0, 0, 1, 0]), (0, 0.7, [0, 1, 1, 0]), (0, 0.95, [1, 1, 1, 1])],
)
def test_from_the_threshold_on_the_positive_class_is_answered(
    positive: int, threshold: float, answered: list[int]
) -> None:
    assert Decision(positive=positive, threshold=threshold).of(SCORES).tolist() == answered


def test_it_is_read_by_the_name_of_its_class(tmp_path: Path) -> None:
    file = tmp_path / "decision.json"
    files.write_json(file, {"threshold": None})
    assert read_decision(file, ("a", "b", "c")) == LIKELIEST
    files.write_json(file, {"threshold": 0.2, "positive": "good", "costs": None})
    assert read_decision(file, ("good", "bad")) == Decision(positive=0, threshold=0.2)
    with pytest.raises(UserError, match="its threshold is of 'good', no class of two"):
        read_decision(file, ("yes", "no"))
