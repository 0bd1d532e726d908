from __future__ import annotations

import re

from tasks.params.pipeline import Pipeline
from tasks.trials.parameters import changes, of_all_stages, run_name

NAME = re.compile(r"[\w./: -]{1,250}", re.ASCII)
"""What MLflow takes as a parameter's name."""


def pipeline(**sections: object) -> Pipeline:
    block = {
        "ingest": {"source": {"kind": "table", "path": "a.csv"}, "target": "y"},
        **{stage: {} for stage in ("validate", "split", "clean", "normalize", "augment", "evaluate")},
        "train": {"kind": "lightgbm", "learning_rate": 0.1},
        "register": {"metric": "accuracy"},
    }
    return Pipeline.model_validate({**block, **sections})


def test_every_stage_has_its_parameters() -> None:
    params = of_all_stages(pipeline())
    assert params["learning_rate"] == "0.1"
    assert params["trainer"] == "lightgbm"
    assert params["split.seed"] == "0"
    assert {name.split(".")[0] for name in params} >= {"ingest", "validate", "split", "clean", "normalize", "augment"}
    assert params["register.metric"] == "accuracy"


def test_names_that_users_choose_are_values_and_no_names() -> None:
    source = {"source": {"kind": "table", "path": "a.csv"}, "target": "y"}
    params = of_all_stages(pipeline(ingest={**source, "columns": {"Größe (cm)\n": {"type": "number"}}}))
    assert params["ingest.columns"] == '{"Größe (cm)\\n": {"type": "number"}}'
    assert all(NAME.fullmatch(name) for name in params)


def test_what_differs_is_told_the_trainer_first() -> None:
    before, after = of_all_stages(pipeline()), of_all_stages(pipeline(train={"kind": "lightgbm", "learning_rate": 0.2}))
    assert changes(before, after) == ["learning_rate 0.1 -> 0.2"]
    other = of_all_stages(pipeline(train={"kind": "sklearn", "estimator": {"kind": "ridge"}}, split={"seed": 3}))
    assert changes(before, other)[:2] == ["trainer lightgbm -> sklearn", "estimator.kind (none) -> ridge"]
    assert "split.seed 0 -> 3" in changes(before, other)
    assert changes(before, before) == []


def test_a_run_of_an_earlier_version_lacks_parameters_and_differs_by_none_of_them() -> None:
    now = of_all_stages(pipeline())
    earlier = {name: value for name, value in now.items() if "." not in name}
    assert changes(earlier, now) == []


def test_a_name_is_a_few_words() -> None:
    assert run_name("lightgbm", None) == "first: lightgbm"
    assert run_name("lightgbm", []) == "lightgbm, as before"
    many = [f"setting_{number} 1 -> 2" for number in range(5)]
    assert run_name("lightgbm", many) == "setting_0 1 -> 2, setting_1 1 -> 2, setting_2 1 -> 2, 2 more"
    assert len(run_name("lightgbm", [f"{'x' * 200} 1 -> 2"])) == 90
