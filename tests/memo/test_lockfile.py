"""dvc.lock is what DVC itself would have written, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml, modify_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.memo.lockfile import entry_text, with_entry

LONG = "a path with many words that is far longer than the eighty columns after which YAML begins a new line of its own"

ODD_PATHS = ["1.5", "true", "./5", "a b", "ü/ü", "#a/b", LONG, "a: b/c", "-/a", "a\n/b", "../x", "null", "~/a"]

ENTRY: dict[str, Any] = {
    "cmd": "python -P -m tasks train digits",
    "deps": [{"path": "data/digits/raw", "hash": "md5", "md5": "1" * 32 + ".dir", "size": 3, "nfiles": 1}],
    "params": {"params.yaml": {"pipelines.digits.train": {"learning_rate": 0.001, "channels": [32, 64]}}},
    "outs": [{"path": "models/digits", "hash": "md5", "md5": "2" * 32, "size": 1}],
}

ODD = [
    0.00001,
    1e300,
    1.0,
    None,
    "",
    "yes",
    "null",
    "1e3",
    "0x10",
    "ü",
    LONG,
    "two\nlines",
    " - x",
    "# no",
    "a: b",
    [],
    {},
]

values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=100))


def ours(lock: str, name: str, entry: dict[str, Any]) -> str | None:
    text = entry_text(name, entry)
    return with_entry(lock, text.splitlines(keepends=True)[0], text)


def theirs(path: Path, name: str, entry: dict[str, Any]) -> str:
    """As dvc.dvcfile.Lockfile.dump_stages does it."""
    with modify_yaml(str(path)) as data:
        if not data:
            data.update({"schema": "2.0"})
        data["stages"] = data.get("stages", {})
        data["stages"].update({name: entry})
    return path.read_text(encoding="utf-8")


def test_entries_are_added_and_replaced_as_dvc_does_it(tmp_path: Path) -> None:
    lock = ""
    for name, size in [("train@digits", 1), ("clean@a", 2), ("train@digits", 3), ("split@b", 4), ("clean@a", 5)]:
        entry = {**ENTRY, "outs": [{**ENTRY["outs"][0], "size": size}]}
        added = ours(lock, name, entry)
        assert added == theirs(tmp_path / "dvc.lock", name, entry)
        lock = added


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_odd_parameters_are_written_as_dvc_does_it(tmp_path: Path, value: object) -> None:
    lock = ""
    for name in ("train@digits", "clean@digits"):  # the second writing goes through DVC's parser
        added = ours(lock, name, {**ENTRY, "params": {"params.yaml": {"pipelines.digits.train": {"value": value}}}})
        content = {**ENTRY, "params": {"params.yaml": {"pipelines.digits.train": {"value": value}}}}
        assert added == theirs(tmp_path / "dvc.lock", name, content)
        lock = added


@pytest.mark.parametrize(
    "file",
    [
        {"path": "params.yaml", "hash": "md5", "md5": "0123456789abcdef" * 2, "size": 3},
        {"path": ".modelwright/code/tasks/a-b.py", "hash": "md5", "md5": "a" * 32 + ".dir", "size": 0, "nfiles": 12},
        {"path": "data/p/raw", "hash": "md5", "md5": "1" * 32, "size": 3},
        {"path": "data/p/raw", "hash": "md5", "md5": "12e45678901234567890123456789012", "size": 3},
        {"path": "data/p/raw", "hash": "md5", "md5": "0b" + "10" * 15, "size": 3},
        {"path": "data/p/raw", "hash": "md5", "md5": "1" * 32 + ".dir", "size": 3},
        {"path": "data/p/raw"},
        {"path": "data/p/raw", "md5": "a" * 32, "size": 3},
        {"path": "data/p/raw", "hash": "md5", "md5": "a" * 32, "size": 3, "isexec": True},
        *({"path": path, "hash": "md5", "md5": "a" * 32} for path in ODD_PATHS),
    ],
    ids=str,
)
@pytest.mark.parametrize("key", ["deps", "outs"])
def test_files_are_written_as_dvc_does_it(key: str, file: dict[str, Any]) -> None:
    for params in ({}, {"params": ENTRY["params"]}):
        for files in ([file], [ENTRY["deps"][0], file, file.copy()]):
            entry = {"cmd": LONG, "deps": ENTRY["deps"], **params, "outs": ENTRY["outs"], key: files}
            assert entry_text("train@digits", entry) == dumps_yaml({"stages": {"train@digits": entry}})[8:]


@pytest.mark.parametrize("text", ["# a comment\n", "schema: '2.0'\n", "schema: '2.0'\nstages: {}\n", "stages:\n  a: 1"])
def test_text_that_dvc_did_not_write_is_left_to_dvc(text: str) -> None:
    assert ours(text, "train@digits", ENTRY) is None


@pytest.mark.parametrize("value", [2.1487599257052058e-299, "\x85", "\u2028"], ids=repr)
def test_what_dvc_reads_back_differently_is_left_to_dvc(value: object) -> None:
    assert ours("", "train@digits", {**ENTRY, "params": {"params.yaml": {"a": value}}}) is None


def test_other_parts_of_the_file_are_left_to_dvc() -> None:
    lock = ours("", "train@digits", ENTRY)
    assert lock
    assert ours(f"{lock}datasets:\n- name: a\n", "train@digits", ENTRY) is None
    assert ours(f"{lock}# a comment\n", "train@digits", ENTRY) is None


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text("abc", min_size=1), values, max_size=3), min_size=2, max_size=3))
def test_whatever_the_parameters(entries: list[dict[str, Any]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        lock: str | None = ""
        for number, content in enumerate(entries):
            entry = {**ENTRY, "params": {"params.yaml": content}}
            expected = theirs(Path(folder) / "dvc.lock", f"train@{number}", entry)
            lock = ours(lock or "", f"train@{number}", entry) if lock is not None else None
            assert lock in (expected, None)
            lock = expected
