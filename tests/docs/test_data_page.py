"""docs/data.md: its examples are valid, its messages are those of the code, and no kind or setting is left out.

A yaml block of the page is a piece of a pipeline's block: sections by their names, or `columns`, which stands under
`ingest`. A text block holds messages, one a line: those under Sources are of the first example of each kind, in a
project without any files or secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from ruamel.yaml import YAML

from tasks.columns import column_type
from tasks.errors import UserError
from tasks.ingest import write_rows
from tasks.params.config import ColumnTypeName, Role
from tasks.params.file import check_pipeline
from tasks.params.ingest import Ingest
from tasks.params.normalize import Normalize
from tasks.params.pipeline import Pipeline
from tasks.params.sources import Source
from tasks.sources import source
from tasks.sources.base import Place
from tests.projects import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "data.md"
PAGE = DOCUMENT.read_text(encoding="utf-8")

SOURCES = {get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(get_args(Source)[0])}
HEADINGS = {"text": "text documents"}
"""Of sources whose kind is also the name of a column type."""

SECTIONS: Mapping[str, Any] = {
    "ingest": {"source": {"kind": "builtin", "name": "iris"}, "target": "species"},
    "validate": {},
    "clean": {},
    "split": {},
    "normalize": {},
    "augment": {},
    "train": {"kind": "lightgbm"},
    "evaluate": {},
    "register": {"metric": "accuracy"},
}
"""A whole pipeline, which an example of the page completes or replaces in parts."""


def section(heading: str, level: int) -> str:
    """The text below a heading, with that of the smaller headings in it."""
    found = re.search(rf"^{'#' * level} {heading}\n(.*?)(?=^#{{1,{level}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/data.md has no section {heading}"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def messages(heading: str) -> list[str]:
    """What the page says that errors say, in the section of that heading."""
    return [line for block in blocks(section(heading, level=2), "text") for line in block.splitlines()]


def loaded(block: str) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe").load(block)
    return content


def pipeline_with(content: Mapping[str, Any]) -> Pipeline:
    """The example in a whole pipeline. Raises UserError when it does not fit there."""
    block = {**SECTIONS, **content}
    if "columns" in block:
        block["ingest"] = {**block["ingest"], "columns": block.pop("columns")}
    return check_pipeline(DOCUMENT, "example", block)


def source_section(kind: str) -> str:
    return section(HEADINGS.get(kind, kind), level=3)


def type_section(name: str) -> str:
    below = section("Column types", level=2)
    found = re.search(rf"^### {name}\n(.*?)(?=^### |\Z)", below, re.MULTILINE | re.DOTALL)
    assert found, f"docs/data.md has no column type {name}"
    return found[1]


def first_ingest(kind: str) -> Ingest:
    return pipeline_with(loaded(blocks(source_section(kind), "yaml")[0])).ingest


def read(config: Ingest, root: Path) -> None:
    rows = source(config.source, Place(root=root, downloads=root / "downloads"))
    write_rows(config, rows, "", root / "raw")


@pytest.mark.parametrize("block", blocks(PAGE, "yaml"))
def test_an_example_is_valid(block: str):
    pipeline_with(loaded(block))


def test_an_example_with_a_wrong_key_would_be_found():
    with pytest.raises(UserError, match="colum is unknown"):
        pipeline_with({"colum": {}})


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_has_an_example_of_its_own(kind: str):
    kinds = [loaded(block)["ingest"]["source"]["kind"] for block in blocks(source_section(kind), "yaml")]
    assert set(kinds) == {kind}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_setting_of_a_source_is_named_in_its_section(kind: str):
    words = set(re.findall(r"\w+", source_section(kind)))
    assert set(SOURCES[kind].model_fields) - words == set()


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "builtin"])
def test_an_example_without_its_files_or_secrets_says_what_the_page_says(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for variable in ("SHOP_PASSWORD", "DATA_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UserError) as raised:
        read(first_ingest(kind), tmp_path)
    assert str(raised.value) in messages("Sources")


def test_the_builtin_example_needs_no_files(tmp_path: Path):
    read(first_ingest("builtin"), tmp_path)


@pytest.mark.parametrize("name", get_args(ColumnTypeName))
def test_every_column_type_has_an_example_that_gives_the_type(name: str):
    [content] = [loaded(block) for block in blocks(type_section(name), "yaml")]
    assert {override["type"] for override in content["columns"].values()} == {name}
    assert list(content["normalize"]) == [name]


@pytest.mark.parametrize("name", get_args(ColumnTypeName))
def test_a_column_type_without_a_value_says_what_the_page_says(name: ColumnTypeName):
    of_type, settings = column_type(name), getattr(Normalize(), name)
    with pytest.raises(UserError) as raised:
        of_type.finish(of_type.fit(pl.Series("x", [None], dtype=of_type.dtype), settings), settings)
    said = [re.sub(r"^normalize: column \w+ ", "", message) for message in messages("Column types")]
    assert str(raised.value) in said


def test_every_role_has_its_row():
    assert re.findall(r"^\| `(\w+)` \|", section("Roles", level=2), re.MULTILINE) == list(get_args(Role))


def test_every_link_within_the_page_leads_to_a_heading():
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len(anchors) == len(headings)
    assert set(re.findall(r"\(#([^)]*)\)", PAGE)) <= anchors
