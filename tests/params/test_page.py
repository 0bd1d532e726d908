from __future__ import annotations

import re

from tasks.params.page import page
from tasks.params.pipeline import json_schema
from tasks.paths import STAGES
from tests.projects import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "parameters.md"


def rows() -> list[list[str]]:
    lines = [line for line in page().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_page_in_docs_is_the_one_that_the_models_make():
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "run `make schema`"


def test_every_setting_has_a_value_a_default_and_a_meaning():
    assert [row for row in rows() if len(row) != 4 or not all(row)] == []


def test_every_setting_of_every_model_has_a_row():
    models = [model for name, model in json_schema()["$defs"].items() if name != "Pipeline"]
    expected = [name for model in models for name, setting in model["properties"].items() if "const" not in setting]
    assert sorted(row[0] for row in rows()) == sorted(f"`{name}`" for name in expected)


def test_every_stage_has_its_section_in_order():
    sections = [*STAGES, "predict", "tune", "monitor", "schedule", "notify", "serve", "retention"]
    assert [line[3:] for line in page().splitlines() if line.startswith("## ")] == sections


def test_every_link_within_the_page_leads_to_a_heading():
    headings = [line.lstrip("# ") for line in page().splitlines() if line.startswith("#")]
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len(anchors) == len(headings)
    assert set(re.findall(r"\(#([^)]*)\)", page())) <= anchors
