from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tasks.drafting.block import WIDTH, beside, comment, flow

VALUES = st.recursive(
    st.text() | st.booleans() | st.integers() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES)
def test_yaml_reads_back_what_was_written(value: object) -> None:
    assert YAML(typ="safe").load(f"key: {flow(value)}\n") == {"key": value}


@given(st.text())
def test_a_comment_is_nothing_but_a_comment(text: str) -> None:
    written = "\n".join(["a: 1", *comment(text, 4), *beside("b: 2", text)])
    assert YAML(typ="safe").load(written) == {"a": 1, "b": 2}


def test_words_are_written_as_people_do() -> None:
    assert flow({"kind": "table", "path": "data/rows.csv"}) == "{kind: table, path: data/rows.csv}"
    assert flow(["", "?", "no", "1"]) == '["", "?", "no", "1"]'


@pytest.mark.parametrize("length", [10, 300])
def test_a_long_remark_stands_above_its_line(length: int) -> None:
    lines = beside("    key: value", "word " * (length // 5))
    assert (len(lines) == 1) == (length == 10)
    assert all(len(line) <= WIDTH for line in lines)
