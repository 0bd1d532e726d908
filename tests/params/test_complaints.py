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


COSTS = "pipelines.a.evaluate.threshold"


@pytest.mark.parametrize(
    ("threshold", "messages"),
    [
        ("{missed: 10}", [f"{COSTS}.missed is unknown; known are false_negative, false_positive"]),
        ("{false_positiv: 10}", [f"{COSTS}.false_positiv is unknown; did you mean false_positive?"]),
        (
            "{missed: 10, false_positive: -1, fals: 2}",
            [
                f"{COSTS}.false_positive: input should be greater than 0 (it is -1)",
                f"{COSTS}.missed is unknown; known are false_negative, false_positive",
                f"{COSTS}.fals is unknown; known are false_negative, false_positive",
            ],
        ),
        ("many", [f"{COSTS}: input should be a valid number, or a mapping of keys to values (it is 'many')"]),
    ],
)
def test_of_a_number_or_a_section_each_key_of_the_section_is_told(
    tmp_path: Path, threshold: str, messages: list[str]
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((BLOCK % ("y", "a")).replace("evaluate: {}", f"evaluate: {{threshold: {threshold}}}"))
    with pytest.raises(UserError) as refusal:
        load_pipeline(params, "a")
    assert str(refusal.value).splitlines() == [f"{params}: {message}" for message in messages]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{kind: lightgbm}", "{kind: ensemble, members: []}", "train.members is an empty list; name one at least"),
        (
            "normalize: {}",
            "normalize: {timestamp: {parts: []}}",
            "normalize.timestamp.parts is an empty list; name one at least, or take it out",
        ),
    ],
)
def test_an_empty_list_is_told_without_a_word_of_python(tmp_path: Path, old: str, new: str, message: str) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((BLOCK % ("y", "a")).replace(old, new))
    with pytest.raises(UserError, match=rf"pipelines\.a\.{message}$"):
        load_pipeline(params, "a")


def test_of_a_list_with_wrong_words_alone_the_words_are_told_and_not_its_length(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((BLOCK % ("y", "a")) + "    notify: {block: a/b, on: [fail]}\n")
    with pytest.raises(UserError, match=r"notify\.on\.0: .*\(it is 'fail'\)$"):
        load_pipeline(params, "a")
