from __future__ import annotations

from tasks.memo.reasons import differences


def test_differences_name_every_leaf() -> None:
    before, after = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"b": 2, "c": [1, 2]}, "e": None}
    assert differences("train", before, after) == ["train.a.b 1 -> 2", "train.d 1 -> (not set)"]
    assert differences("", before, after)[0] == "a.b 1 -> 2"
