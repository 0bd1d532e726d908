"""docs/architecture.md and its picture show the packages that there are, in the layers that lint keeps."""

from __future__ import annotations

import importlib.util
import io
import re
from itertools import pairwise
from types import ModuleType

import pytest
from PIL import Image

from tasks.paths import STAGES
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


def in_the_table() -> list[str]:
    """The names in the first column of the page's first table, from the top."""
    table = PAGE.split("## The way of a row")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def way_of_a_row() -> list[list[str]]:
    """The cells of the page's second table."""
    lines = [line for line in PAGE.split("## The way of a row")[1].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def reached(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows and every longer way along them."""
    ways = set(arrows)
    while longer := {(a, d) for a, b in ways for c, d in arrows if b == c} - ways:
        ways |= longer
    return ways


def test_the_table_has_every_package_once_in_the_order_of_the_layers(picture: ModuleType) -> None:
    assert in_the_table() == [name for names in picture.rows() for name in names]


def test_the_layers_are_all_that_lies_in_tasks(picture: ModuleType) -> None:
    there = {place.stem for place in (REPOSITORY / "tasks").iterdir() if not place.name.startswith("__")}
    assert sorted(name for layer in picture.layers() for name in layer) == sorted(there)


def test_rows_are_the_layers_with_stages_as_they_run_and_one_ground(picture: ModuleType) -> None:
    layers, rows = picture.layers(), picture.rows()
    assert [sorted(names) for names in rows[:-1]] == [sorted(names) for names in layers[: len(rows) - 1]]
    assert rows[-1] == [name for names in layers[len(rows) - 1 :] for name in names]
    assert list(STAGES) in rows


def test_every_arrow_runs_to_a_lower_layer(picture: ModuleType) -> None:
    level = {name: number for number, layer in enumerate(picture.layers()) for name in layer}
    arrows = picture.arrows()
    assert ("command", "flows") in arrows
    in_tasks = {arrow for arrow in arrows if "flows" not in arrow}
    assert [arrow for arrow in in_tasks if level[arrow[0]] >= level[arrow[1]]] == []
    assert {importer for importer, imported in arrows if imported == "flows"} == {"command"}


def test_what_the_picture_leaves_out_is_said_by_a_longer_way(picture: ModuleType) -> None:
    ground = set(picture.rows()[-1])
    said = {arrow for arrow in picture.arrows() if arrow[1] not in ground}
    assert picture.drawn_arrows() < said
    assert reached(picture.drawn_arrows()) == reached(said)


def test_no_two_places_of_a_row_touch_and_none_leaves_the_picture(picture: ModuleType) -> None:
    middles = picture.middles()
    level = {name: number for number, names in enumerate(picture.picture_rows()) for name in names}
    rows: dict[int, list[tuple[float, float]]] = {}
    for place, x in middles.items():
        half = (picture.BOX if isinstance(place, str) else picture.BEND) / 2
        number = level[place] if isinstance(place, str) else place[1]
        rows.setdefault(number, []).append((x - half, x + half))
    assert set(level) <= set(middles)
    for sides in map(sorted, rows.values()):
        assert all(right < left for (_, right), (left, _) in pairwise(sides))
        assert sides[0][0] >= 0
        assert sides[-1][1] <= picture.WIDTH


def test_the_way_of_a_row_runs_through_the_stages_in_order() -> None:
    assert [row[0].strip("`") for row in way_of_a_row()] == [*STAGES, "served"]


def test_a_step_of_the_way_names_what_it_imports(picture: ModuleType) -> None:
    imports = reached(picture.arrows())
    for step, _, by in way_of_a_row():
        names = re.findall(r"`(\w+)`", by)
        importer = names[0] if step == "served" else step.strip("`")
        assert names
        assert [name for name in names if name != importer and (importer, name) not in imports] == []


def test_the_picture_can_be_drawn_and_stands_in_the_page(picture: ModuleType) -> None:
    drawn, shown = Image.open(io.BytesIO(picture.architecture())), Image.open(DOCS / "architecture.png")
    assert drawn.size == shown.size
    assert "(architecture.png)" in PAGE
