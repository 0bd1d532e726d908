"""Each trainer has a search space of its own, and what it tries is among what the trainer takes."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tasks.errors import UserError
from tasks.params.search_space import Choices, NumberRange, with_values
from tasks.params.sklearn import Estimator
from tasks.params.train import Train
from tasks.tuning.spaces import default_ranges, ranges_of, space_of
from tests.params.test_search_space import checked

WITHOUT: dict[str, dict[str, Any]] = {
    "import": {"path": "sklearn.svm.NuSVC"},
    "naive_bayes": {"distribution": "gaussian"},
}
"""What has nothing to tune, or nothing that is known here."""

CLASSES = [one for union in (Train, Estimator) for one in get_args(get_args(union)[0])]
OWN = {get_args(one.model_fields["kind"].annotation)[0] for one in CLASSES}
WHOLE = {"num_leaves", "min_data_in_leaf", "n_neighbors", "min_samples_leaf", "max_leaf_nodes"}


def section(kind: str, **settings: Any) -> dict[str, Any]:
    if kind in ("lightgbm", "ensemble"):
        return {"kind": kind, **settings}
    if kind == "torch":
        return {"kind": kind, "network": {"kind": "mlp"}, **settings}
    return {"kind": "sklearn", "estimator": {"kind": kind, **settings}}


@pytest.mark.parametrize("kind", sorted(OWN - {"sklearn", "import", "ensemble"}))
def test_both_ends_of_what_is_tried_are_taken(kind: str) -> None:
    pipeline = checked({}, section(kind))
    space = space_of(pipeline, "churn")
    assert space
    for place in (0, -1):
        ends = {
            name: values.values[place] if isinstance(values, Choices) else (values.low, values.high)[place]
            for name, values in space.items()
        }
        with_values(pipeline, ends)
    whole = {name for name, values in space.items() if isinstance(values, NumberRange) and values.whole}
    assert whole == {name for name in space if name.rpartition(".")[2] in WHOLE}


@pytest.mark.parametrize(("kind", "settings"), WITHOUT.items())
def test_what_has_none_is_told_to_be_given_one(kind: str, settings: dict[str, Any]) -> None:
    pipeline = checked({}, section(kind, **settings))
    with pytest.raises(UserError, match=f"{kind} has no search space of its own; say what to try"):
        space_of(pipeline, "churn")


def test_an_ensemble_has_those_of_its_members() -> None:
    members = [{"kind": "lightgbm"}, section("svm", kernel="linear"), {"kind": "lightgbm"}, section("ridge")]
    ranges = default_ranges(checked({}, section("ensemble", members=members)))
    alone = default_ranges(checked({}, section("lightgbm")))
    for name, written in alone.items():
        for member in ("lightgbm", "lightgbm-2"):
            assert ranges[name.replace("train.", f"train.members.{member}.")] == written
    assert ranges["train.members.ridge.estimator.alpha"] == [0.001, 1000.0, "log"]
    assert "train.members.svm.estimator.C" in ranges
    assert "train.members.svm.estimator.gamma" not in ranges


def test_ranges_of_ones_own_take_the_place_of_all() -> None:
    assert list(ranges_of(checked({"train.seed": [0, 9]}))) == ["train.seed"]
    assert "train.estimator.gamma" not in default_ranges(checked({}, section("svm", kernel="linear")))
    assert "train.network.dropout" in default_ranges(checked({}, section("torch")))
