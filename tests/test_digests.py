"""A folder's digest changes when, and only when, its files do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tasks.digests import answering_digest, folder_digest


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_the_same_files_have_the_same_digest_wherever_they_lie(tmp_path: Path) -> None:
    first = make(tmp_path / "first", {"a": "1", "b/c": "2"})
    second = make(tmp_path / "second", {"b/c": "2", "a": "1"})
    assert folder_digest(first) == folder_digest(second)
    assert len(folder_digest(first)) == 64


def test_names_and_contents_count(tmp_path: Path) -> None:
    variants = [{"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a": "12"}, {"a": "1", "c": "2"}, {"a": "1", "b/b": "2"}]
    digests = {folder_digest(make(tmp_path / str(number), files)) for number, files in enumerate(variants)}
    assert len(digests) == len(variants)


def test_what_answers_beside_the_model_makes_it_another_one(tmp_path: Path) -> None:
    make(tmp_path, {"decision.json": '{"threshold": 0.2}', "conformal.json": '{"coverage": 0.9}'})
    decision, conformal = tmp_path / "decision.json", tmp_path / "conformal.json"
    assert answering_digest("a" * 64) == answering_digest("a" * 64, None) == "a" * 64
    one = hashlib.sha256(f"{'a' * 64}  {hashlib.sha256(decision.read_bytes()).hexdigest()}\n".encode()).hexdigest()
    # As versions were told apart that have a threshold alone.
    assert answering_digest("a" * 64, decision) == one
    several = [answering_digest("a" * 64, *beside) for beside in ((conformal,), (decision, conformal))]
    assert len({"a" * 64, one, *several}) == 4
