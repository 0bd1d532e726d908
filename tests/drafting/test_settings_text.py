"""Settings written into params.yaml: exactly the lines that say them change."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest

from tasks.drafting.settings_text import with_settings_of
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.params.search_space import value_of_setting

PARAMS = """\
# mine

pipelines:
  other: {ingest: {source: {kind: table, path: a.csv}, target: t}, validate: {}, split: {}, clean: {}, normalize: {},
    augment: {}, train: {kind: lightgbm}, evaluate: {}, register: {metric: f1}}
  churn: # who leaves
    ingest: {source: {kind: table, path: rows.csv}, target: left}
    validate: {}
    split: {}
    clean: {}
    normalize: {}
    augment: {}
    train: # trees
      kind: lightgbm
      learning_rate: 0.05   # as always
      monotone:
        age: increasing

      # why not
      num_leaves: 31
    evaluate: {}
    register: {metric: roc_auc}
    tune: {train.num_leaves: [4, 255]}
"""


def changed_lines(before: str, after: str) -> list[str]:
    diff = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in diff if line[:2] in ("+ ", "- ")]


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (
            {"train.learning_rate": 0.0213, "train.num_leaves": 7},
            [
                "-       learning_rate: 0.05   # as always",
                "+       learning_rate: 0.0213   # as always",
                "-       num_leaves: 31",
                "+       num_leaves: 7",
            ],
        ),
        ({"train.lambda_l1": 1e-06}, ["+       lambda_l1: 1e-06"]),
        (
            {"normalize.number.scale": "none"},
            ["-     normalize: {}", "+     normalize: {number: {scale: none}}"],
        ),
        ({"augment.balance": "repeat"}, ["-     augment: {}", "+     augment: {balance: repeat}"]),
        (
            {"train.max_depth": None, "train.categories": "one_hot"},
            ["+       max_depth: null", "+       categories: one_hot"],
        ),
    ],
)
def test_the_lines_that_say_them_change_and_no_others(values: dict[str, Any], lines: list[str], tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(PARAMS)
    after = with_settings_of(file, "churn", values)
    assert changed_lines(PARAMS, after) == lines
    assert file.read_text() == PARAMS, "writing it is for the caller"
    file.write_text(after)
    pipeline = load_pipeline(file, "churn")
    assert {name: value_of_setting(pipeline, name) for name in values} == values


def test_line_ends_stay_and_flow_mappings_of_several_lines_too(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    text = PARAMS.replace("\n", "\r\n")
    file.write_text(text, newline="")
    after = with_settings_of(file, "churn", {"train.lambda_l2": 2.5})
    assert after == text.replace("      num_leaves: 31\r\n", "      num_leaves: 31\r\n      lambda_l2: 2.5\r\n")
    assert "train: {kind: lightgbm, num_leaves: 5}" in with_settings_of(file, "other", {"train.num_leaves": 5})


@pytest.mark.parametrize("style", ["block", "flow"])
def test_settings_of_a_member_are_written_where_it_stands(style: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    block = "members:\n        - kind: lightgbm  # first\n        - kind: lightgbm\n          num_leaves: 7  # few\n"
    flow = "members: [{kind: lightgbm}, {kind: lightgbm, num_leaves: 7}]\n"
    train = f"train:\n      kind: ensemble\n      {block if style == 'block' else flow}"
    text = PARAMS.split("    train: #")[0] + f"    {train}    evaluate: {{}}\n    register: {{metric: f1}}\n"
    file.write_text(text)
    values = {"train.members.lightgbm-2.num_leaves": 15, "train.members.lightgbm.learning_rate": 0.1}
    after = with_settings_of(file, "churn", values)
    file.write_text(after)
    pipeline = load_pipeline(file, "churn")
    assert {name: value_of_setting(pipeline, name) for name in values} == values
    assert ("# few" in after) == ("# first" in after) == (style == "block")
    assert len(changed_lines(text, after)) <= 4


def test_lists_in_blocks_become_lists_on_a_line(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    network = (
        "train:\n      kind: torch\n      network:\n        kind: mlp\n        hidden:\n          - 8\n          - 9\n"
    )
    text = PARAMS.split("    train: #")[0] + f"    {network}"
    file.write_text(f"{text}    evaluate: {{}}\n    register: {{metric: f1}}\n")
    after = with_settings_of(file, "churn", {"train.network.hidden": [64, 64]})
    assert "        hidden: [64, 64]\n    evaluate: {}\n" in after.replace("hidden:\n          [", "hidden: [")


def test_an_alias_is_left_to_a_person(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    text = PARAMS.replace("num_leaves: 31", "num_leaves: 31\n      patience: *rate")
    file.write_text(text.replace("learning_rate: 0.05 ", "min_data_in_leaf: &rate 5 "))
    with pytest.raises(UserError, match=r"write by hand: train\.min_data_in_leaf: 7"):
        with_settings_of(file, "churn", {"train.min_data_in_leaf": 7})
