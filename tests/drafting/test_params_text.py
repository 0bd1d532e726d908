from __future__ import annotations

from pathlib import Path

import pytest

from tasks.drafting.params_text import HEAD, with_block, with_name, without_block
from tasks.errors import UserError
from tasks.params.file import read_yaml

BLOCK = "mine: # all of it\n  ingest:\n    target: y # this one\n"
READ = {"ingest": {"target": "y"}}


@pytest.mark.parametrize(
    "before",
    [
        "# Mine.\npipelines: # all\n  old: {a: 1} # first\n",
        "pipelines:\n    old:\n        a:\n            - 1\n\n# The end.\n",
        "pipelines:\n  old: {a: 1}",
        "pipelines:\r\n  old: {a: 1}\r\n",
    ],
)
def test_the_block_is_appended_and_every_byte_before_it_stays(tmp_path: Path, before: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(before.encode())
    after = with_block(path, "mine", BLOCK)
    assert after.startswith(before)
    assert "# all of it" in after
    old = read_yaml(path)["pipelines"]
    path.write_bytes(after.encode())
    assert read_yaml(path)["pipelines"] == {**old, "mine": READ}
    assert ("\r\n" in before) == ("\r\n" in after[len(before) :])


@pytest.mark.parametrize("before", ["pipelines: {old: {a: 1}} # one line\n", "pipelines:\n  old: {a: 1}\n...\n"])
def test_where_nothing_can_be_appended_the_comments_still_stay(tmp_path: Path, before: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(before)
    after = with_block(path, "mine", BLOCK)
    path.write_text(after)
    assert read_yaml(path)["pipelines"] == {"old": {"a": 1}, "mine": READ}
    assert "# this one" in after
    assert ("# one line" in after) == ("# one line" in before)


@pytest.mark.parametrize("before", ["", "# Nothing yet.\n", "# Nothing yet.\npipelines:\n", "pipelines: {}\n"])
def test_the_first_block_of_a_file(tmp_path: Path, before: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(before)
    after = with_block(path, "mine", BLOCK)
    path.write_text(after)
    assert read_yaml(path) == {"pipelines": {"mine": READ}}
    assert ("# Nothing yet." in after) == ("# Nothing yet." in before)


def test_without_a_file_one_begins(tmp_path: Path) -> None:
    assert with_block(tmp_path / "params.yaml", "mine", BLOCK).startswith(HEAD + "  mine:")


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("pipelines: {mine: {}}\n", "already has a pipeline mine; give another name"),
        ("pipelines: [1]\n", "must be a mapping of names to blocks"),
        ("more: 1\n", "must hold `pipelines:` and nothing beside"),
        ("pipelines: [\n", "not YAML"),
    ],
)
def test_a_file_that_is_not_right_is_refused(tmp_path: Path, before: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(before)
    with pytest.raises(UserError, match=message):
        with_block(path, "mine", BLOCK)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "pipelines:\n  a: {x: 1} # kept\n  # of b\n  b: {y: a}\n",
            "pipelines:\n  new: {x: 1} # kept\n  # of b\n  b: {y: a}\n",
        ),
        ("pipelines:\r\n  'a':\r\n    x: 1\r\n", "pipelines:\r\n  new:\r\n    x: 1\r\n"),
        ('pipelines: {b: {}, "a": {x: 1}}\n', "pipelines: {b: {}, new: {x: 1}}\n"),
    ],
)
def test_a_block_gets_another_name_and_every_other_byte_stays(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(before.encode())
    assert with_name(path, "a", "new") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pipelines:\n  a: {x: 1}\n\n  # of b\n  b: {y: 1}\n", "pipelines:\n  # of b\n  b: {y: 1}\n"),
        ("pipelines:\n  b:\n    y: 1\n  # of a\n  a:\n    x: 1\n    # within\n", "pipelines:\n  b:\n    y: 1\n"),
        ("# head\npipelines:\n  a: {x: 1}\n", "# head\npipelines:\n"),
        ("pipelines: {a: {x: 1}, b: {y: 1}}\n", "pipelines: {b: {y: 1}}\n"),
    ],
)
def test_a_block_is_cut_out_with_the_comments_above_it(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(before)
    assert without_block(path, "a") == after
