"""docs/tuning.md: its ranges are read, and its messages are those that are given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.errors import UserError
from tasks.params.search_space import search_space
from tests.params.test_search_space import checked
from tests.projects import REPOSITORY

PAGE = (REPOSITORY / "docs" / "tuning.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([\w.]+: .+?)` \| `(tune\..+?)` \|$", PAGE, re.MULTILINE)


def test_the_example_is_a_search_space() -> None:
    text = next(text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if text.startswith("tune:"))
    ranges = YAML(typ="safe").load(text)["tune"]
    assert list(search_space(checked(ranges), ranges)) == list(ranges)


@pytest.mark.parametrize(("written", "message"), MESSAGES)
def test_bad_input_is_answered_as_the_page_says(written: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        checked(YAML(typ="safe").load(written))
    assert str(caught.value).endswith(message)


def test_all_messages_of_the_page_are_tried() -> None:
    assert len(MESSAGES) == PAGE.split("## Bad input")[1].count("\n| `")


def test_the_flow_is_where_the_page_says() -> None:
    assert all((REPOSITORY / Path(name)).is_file() for name in re.findall(r"entrypoint: (\S+):", PAGE))
