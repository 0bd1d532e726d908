"""docs/architecture.md and its picture show the packages that there are, in the layers that lint keeps."""

from __future__ import annotations

import importlib.util
import io
import re
from types import ModuleType

import pytest
from PIL import Image

from tests.projects import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def picture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture_picture", DOCS / "architecture_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_the_table() -> list[list[str]]:
    """The names in the first column of the page's first table, a row a layer."""
    table = PAGE.split("## The way of a row")[0]
    return [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]


def test_the_table_has_every_package_once_in_its_layer(picture: ModuleType) -> None:
    assert in_the_table() == picture.rows()


def test_the_layers_are_all_that_lies_in_tasks(picture: ModuleType) -> None:
    there = {place.stem for place in (REPOSITORY / "tasks").iterdir() if not place.name.startswith("__")}
    assert sorted(name for layer in picture.layers() for name in layer) == sorted(there)


def test_every_arrow_runs_to_a_lower_layer(picture: ModuleType) -> None:
    level = {name: number for number, layer in enumerate(picture.layers()) for name in layer}
    arrows = picture.arrows()
    assert arrows
    assert [arrow for arrow in arrows if level[arrow[0]] >= level[arrow[1]]] == []


def test_what_the_picture_leaves_out_is_said_by_a_longer_way(picture: ModuleType) -> None:
    ground, drawn = set(picture.rows()[-1]), picture.drawn_arrows()
    reached = set(drawn)
    while longer := {(a, d) for a, b in reached for c, d in drawn if b == c} - reached:
        reached |= longer
    assert {arrow for arrow in picture.arrows() if arrow[1] not in ground} <= reached


def test_the_way_of_a_row_names_packages(picture: ModuleType) -> None:
    rows = [line.split("|") for line in PAGE.split("## The way of a row")[1].splitlines() if line.startswith("| ")][2:]
    packages = {name for layer in picture.layers() for name in layer}
    assert all(set(re.findall(r"`(\w+)`", row[3])) <= packages for row in rows)


def test_the_picture_can_be_drawn_and_stands_in_the_page(picture: ModuleType) -> None:
    drawn, shown = Image.open(io.BytesIO(picture.architecture())), Image.open(DOCS / "architecture.png")
    assert drawn.size == shown.size
    assert "(architecture.png)" in PAGE
