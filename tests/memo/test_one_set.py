"""A version is registered with the parameters that each of its stages ran with, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.memo.one_set import check_one_set, recorded_parameters
from tasks.paths import Paths, Project

LOCK = """\
schema: '2.0'
stages:
  train@other:
    cmd: python -P -m tasks train other
    params:
      params.yaml:
        pipelines.other.train:
          learning_rate: 5
  train@p:
    cmd: python -P -m tasks train p
    params:
      params.yaml:
        pipelines.p.train:
          kind: torch
          learning_rate: '1.234567890123e-05'
          network:
            channels:
            - 8
            - 16
"""
"""A long number with an exponent comes back from DVC's lock as text."""

TRAIN = {"kind": "torch", "learning_rate": 1.234567890123e-05, "network": {"channels": [8, 16]}}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "dvc.lock").write_text(LOCK)
    return Project(root=tmp_path).pipeline("p")


def test_the_parameters_that_the_stages_ran_with_pass(paths: Paths) -> None:
    check_one_set(paths, {"train": TRAIN, "split": {"seed": 7}})  # of split nothing is known: it was run by hand


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "lightgbm"}, "train.kind torch -> lightgbm"),
        ({"learning_rate": 0.1}, "train.learning_rate 1.234567890123e-05 -> 0.1"),
        ({"network": {"channels": [8]}}, r"train.network.channels \[8, 16\] -> \[8\]"),
        ({"epochs": 3}, r"train.epochs \(not set\) -> 3"),
    ],
)
def test_others_are_refused_one_by_one(paths: Paths, change: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=rf"params.yaml: edited since the stages ran \({words}\)"):
        check_one_set(paths, {"train": TRAIN | change})


def test_where_nothing_is_recorded(paths: Paths) -> None:
    assert recorded_parameters(paths, "split") is None
    paths.project.lock.unlink()
    assert recorded_parameters(paths, "train") is None
