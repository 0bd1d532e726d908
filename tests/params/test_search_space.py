"""The section `tune`: ranges by the names of settings, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.params.file import check_pipeline
from tasks.params.pipeline import Pipeline
from tasks.params.search_space import Choices, NumberRange, search_space, value_of_setting, with_values

TREES = {"kind": "lightgbm", "num_leaves": 15}


def checked(tune: dict[str, Any], train: dict[str, Any] | None = None) -> Pipeline:
    block = {
        "ingest": {"source": {"kind": "table", "path": "rows.csv"}, "target": "left"},
        **{stage: {} for stage in ("validate", "split", "clean", "normalize", "augment", "evaluate")},
        "train": train or TREES,
        "register": {"metric": "accuracy"},
        "tune": tune,
    }
    return check_pipeline(Path("params.yaml"), "churn", block)


def test_ranges_are_numbers_whole_numbers_and_choices() -> None:
    pipeline = checked(
        {
            "train.learning_rate": [0.01, 0.2, "log"],
            "train.num_leaves": [4, 255],
            "train.lambda_l1": [0, 2],
            "train.max_depth": [None, 3, 5],
            "normalize.number.scale": ["none", "standard"],
            "augment.balance": ["none", "repeat"],
            "trials": 7,
            "seed": 3,
            "folds": 4,
        }
    )
    assert search_space(pipeline, pipeline.tune.ranges) == {
        "train.learning_rate": NumberRange(low=0.01, high=0.2, whole=False, log=True),
        "train.num_leaves": NumberRange(low=4, high=255, whole=True, log=False),
        "train.lambda_l1": NumberRange(low=0, high=2, whole=False, log=False),
        "train.max_depth": Choices(values=(None, 3, 5)),
        "normalize.number.scale": Choices(values=("none", "standard")),
        "augment.balance": Choices(values=("none", "repeat")),
    }
    assert (pipeline.tune.trials, pipeline.tune.seed, pipeline.tune.folds) == (7, 3, 4)


def test_lists_and_sections_that_are_not_there_can_be_tried() -> None:
    network = {"kind": "torch", "network": {"kind": "mlp"}}
    ranges = {
        "train.network.hidden": [[64], [128, 128]],
        "normalize.columns.age.scale": ["none", "standard"],
    }
    pipeline = checked(ranges, network)
    tried = with_values(pipeline, {"train.network.hidden": [128, 128], "normalize.columns.age.scale": "none"})
    assert value_of_setting(tried, "train.network.hidden") == (128, 128)
    assert tried.normalize.columns["age"].scale == "none"
    assert tried.tune.ranges == {}
    assert search_space(pipeline, ranges)["train.network.hidden"].holds((64,))


def test_values_take_the_place_of_those_that_stand_there_and_no_others() -> None:
    pipeline = checked({"train.num_leaves": [4, 255]})
    tried = with_values(pipeline, {"train.num_leaves": 9})
    assert tried.train == pipeline.train.model_copy(update={"num_leaves": 9})
    assert tried.model_copy(update={"train": pipeline.train, "tune": pipeline.tune}) == pipeline


def test_a_pair_of_settings_that_contradict_each_other_now_may_still_be_tried() -> None:
    ranges = {"train.num_leaves": [4, 255], "train.max_depth": [2, 8]}
    assert checked(ranges, {**TREES, "max_depth": 4}).tune.ranges == ranges


MEMBERS = {
    "kind": "ensemble",
    "members": [
        {"kind": "lightgbm"},
        {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}},
        {"kind": "lightgbm", "num_leaves": 7},
    ],
}


def test_a_range_of_a_member_changes_this_member_alone() -> None:
    ranges = {"train.members.lightgbm-2.num_leaves": [4, 63], "train.members.logistic_regression.estimator.C": [0.1, 9]}
    pipeline = checked(ranges, MEMBERS)
    assert {name: value_of_setting(pipeline, name) for name in ranges} == dict(zip(ranges, (7, 1.0), strict=True))
    tried = with_values(pipeline, {"train.members.lightgbm-2.num_leaves": 15, "train.folds": 3})
    assert tried.train.names == pipeline.train.names
    assert tried.train.members[:2] == pipeline.train.members[:2]
    assert tried.train.members[2] == pipeline.train.members[2].model_copy(update={"num_leaves": 15})
    assert search_space(pipeline, ranges)["train.members.lightgbm-2.num_leaves"].whole


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train.members.num_leaves", "num_leaves is no member; known are lightgbm, lightgbm-2, logistic_regression"),
        ("train.members.lightgbm-3.num_leaves", "lightgbm-3 is no member; did you mean lightgbm"),
        ("train.members.lightgbm.leaves", "leaves is unknown"),
        ("train.members.lightgbm", "is a section; name one of its settings, such as learning_rate"),
        ("train.members.lightgbm.kind", "another kind has other settings"),
        ("train.members", "train.members: "),
    ],
)
def test_what_no_member_has_is_named(name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        checked({name: [4, 8]}, MEMBERS)


@pytest.mark.parametrize(
    ("tune", "words"),
    [
        ({"train.lerning_rate": [0.1, 0.2]}, "tune.train.lerning_rate: lerning_rate is unknown; did you mean learning"),
        ({"train.num_leaves": [255, 4]}, "tune.train.num_leaves: the bounds 255 and 4 leave nothing between them; wri"),
        ({"train.num_leaves": [4, 4]}, "give two different ones"),
        ({"train.lambda_l1": [0, 1, "log"]}, "log needs bounds above 0, and the first is 0; raise it, or take log out"),
        ({"train.num_leaves": [1, 9]}, "1 is no value of it (should be greater than or equal to 2); correct the range"),
        ({"train.num_leaves": [2.5, 9]}, "2.5 is no value of it"),
        ({"train.num_leaves": 5}, "must be a list, such as [0.01, 0.2, log] for a range or [a, b] for a choice"),
        (
            {"train.num_leaves": [5]},
            "num_leaves: has 1 of the two values that it needs, such as [0.01, 0.2, log] for a",
        ),
        ({"train.num_leaves": []}, "num_leaves: has 0 of the two values"),
        ({"normalize.number.scale": ["none", "standart"]}, "'standart' is no value of it"),
        ({"normalize.number.scale": ["none", "none"]}, "'none' stands there twice; name each choice once"),
        ({"normalize.number": ["none", "standard"]}, "is a section; name one of its settings, such as"),
        ({"normalize.columns.age.scal": ["none", "min_max"]}, "is no value of it"),
        ({"split.seed": [1, 5]}, "a trial changes settings of normalize, augment, train"),
        ({"train.kind": ["lightgbm", "torch"]}, "another kind has other settings"),
        ({"train.max_depth.most": [1, 5]}, "1 is no value of it"),
        ({"train.num_leaves.most": [1, 5]}, "most is unknown, as before it stands a value"),
        ({"train.refit": ["none", "all_rows"]}, "trials are judged without the refit, so all of its val"),
        ({"trails": 5}, "tune.trails is unknown; did you mean trials?"),
        ({"trials": 0}, "tune.trials"),
    ],
)
def test_what_is_no_range_is_told_with_its_cure(tune: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        checked(tune)
    assert words in str(caught.value)
    assert str(caught.value).startswith("params.yaml: pipelines.churn")
    assert len(str(caught.value).splitlines()) == 1
