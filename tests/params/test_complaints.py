"""Complaints name what is wrong in words of the file, and a cure that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.params.file import load_pipeline

BLOCK = """\
pipelines:
  a:
    ingest: {source: {kind: builtin, name: iris}, target: %s, columns: {%s: {type: number}}}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: lightgbm}
    evaluate: {}
    register: {metric: accuracy}
"""


@pytest.mark.parametrize("key", ["2019", "1.5", "true", "null", "2020-01-01", "0x10"])
def test_a_name_that_yaml_takes_for_something_else_is_to_be_quoted(tmp_path: Path, key: str) -> None:
    params = tmp_path / "params.yaml"
    for place, block in (("target", BLOCK % (key, "a")), ("columns", BLOCK % ("y", key))):
        params.write_text(block)
        with pytest.raises(
            UserError, match=rf'ingest\.{place}.* must be text \(.*\); write it in quotes: "'
        ) as refusal:
            load_pipeline(params, "a")
        quoted = '"' + str(refusal.value).split('write it in quotes: "')[1]
        params.write_text(BLOCK % (quoted, "a") if place == "target" else BLOCK % ("y", quoted))
        load_pipeline(params, "a")


def test_a_number_is_no_setting(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((BLOCK % ("y", "a")).replace("kind: lightgbm", "kind: lightgbm, 7: 8"))
    with pytest.raises(UserError, match=r"pipelines\.a\.train\.7 is unknown"):
        load_pipeline(params, "a")


@pytest.mark.parametrize(
    ("normalize", "message"),
    [
        ("{features: {power: ''}}", "normalize.features.power must not be empty; write it, or take it out"),
        ("{features: {'': 'x * 2'}}", "normalize.features has a name that is empty; write it, or take it out"),
    ],
)
def test_what_is_empty_is_told_without_a_count_of_characters(tmp_path: Path, normalize: str, message: str) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((BLOCK % ("y", "a")).replace("normalize: {}", f"normalize: {normalize}"))
    with pytest.raises(UserError, match=rf"pipelines\.a\.{message}$"):
        load_pipeline(params, "a")
