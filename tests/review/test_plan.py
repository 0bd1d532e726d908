"""Which stages do other work than at the base, by two locks whose difference is known."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tasks.review.plan import stages_that_differ


def lock() -> dict[str, Any]:
    """Of three stages of the pipeline churn, as DVC writes it."""
    return {
        "ingest@churn": {
            "cmd": "python -P -m tasks ingest churn",
            "deps": [{"path": ".modelwright/code/tasks/ingest.py", "md5": "a1"}],
            "params": {"params.yaml": {"pipelines.churn.ingest": {"source": {"kind": "table", "path": "a.csv"}}}},
            "outs": [{"path": "data/churn/raw", "md5": "a2"}],
        },
        "train@churn": {
            "cmd": "python -P -m tasks train churn",
            "deps": [
                {"path": ".modelwright/code/tasks/trainers", "md5": "b1"},
                {"path": "data/churn/augmented", "md5": "b2"},
            ],
            "params": {"params.yaml": {"pipelines.churn.train": {"kind": "lightgbm", "num_leaves": 7}}},
            "outs": [{"path": "models/churn", "md5": "b3"}],
        },
        "evaluate@churn": {
            "cmd": "python -P -m tasks evaluate churn",
            "deps": [{"path": "models/churn", "md5": "b3"}],
            "outs": [{"path": "reports/churn/metrics.json", "md5": "c1"}],
        },
    }


def changed(**entries: Any) -> dict[str, Any]:
    now = deepcopy(lock())
    for stage, change in entries.items():
        now[f"{stage}@churn"] |= change
    return now


def test_nothing_differs() -> None:
    assert stages_that_differ(lock(), lock(), "churn") == {}
    assert stages_that_differ({}, {}, "churn") == {}


def test_a_setting_is_told_before_and_after_and_later_stages_follow() -> None:
    now = changed(
        train={
            "params": {"params.yaml": {"pipelines.churn.train": {"kind": "lightgbm", "num_leaves": 31}}},
            "outs": [{"path": "models/churn", "md5": "new"}],
        },
        evaluate={"deps": [{"path": "models/churn", "md5": "new"}]},
    )
    assert stages_that_differ(lock(), now, "churn") == {
        "train": ("train.num_leaves 7 -> 31",),
        "evaluate": ("follows from train",),
    }


def test_code_and_files_are_told_by_their_names() -> None:
    now = changed(
        train={
            "deps": [
                {"path": ".modelwright/code/tasks/trainers", "md5": "new"},
                {"path": ".modelwright/own_code/churn", "md5": "new"},
                {"path": "expectations/churn.json", "md5": "new"},
                {"path": "data/churn/augmented", "md5": "b2"},
            ]
        }
    )
    assert stages_that_differ(lock(), now, "churn")["train"] == (
        "tasks/trainers changed",
        "code of the user's own is new",
        "expectations/churn.json is new",
    )
    assert stages_that_differ(now, lock(), "churn")["train"][1] == "code of the user's own is read no more"


def test_a_source_lies_outside_and_is_told_by_what_ingest_made() -> None:
    now = changed(ingest={"outs": [{"path": "data/churn/raw", "md5": "new"}]})
    assert stages_that_differ(lock(), now, "churn") == {"ingest": ("the source changed",)}


def test_a_stage_that_is_new_and_one_that_has_not_run_here() -> None:
    now = lock()
    before = lock()
    del before["train@churn"], now["evaluate@churn"]
    assert stages_that_differ(before, now, "churn") == {"train": ("has not run at the base",)}
