"""docs/features.md: its example is computed as it shows, and the functions that it lists are there."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from tasks.columns import column_type
from tasks.errors import UserError
from tasks.params.normalize import Normalize
from tasks.recipe.computed import with_computed
from tasks.recipe.declared_features import computations
from tasks.recipe.expressions import parse
from tests.projects import REPOSITORY
from tests.small_tables import described

PAGE = (REPOSITORY / "docs" / "features.md").read_text(encoding="utf-8")
SETTINGS = [YAML(typ="safe").load(text)["normalize"] for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
TABLES = [
    [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    for table in re.findall(r"(?:^\|[^\n]*\n)+", PAGE, re.MULTILINE)
]


def typed(table: list[list[str]]) -> pl.DataFrame:
    header, _, *lines = table
    columns = []
    for place, title in enumerate(header):
        name, kind = title.split(": ")
        cells = [None if line[place] == "—" else line[place] for line in lines]
        values: list[Any] = cells
        if kind == "timestamp":
            values = [cell and datetime.fromisoformat(cell) for cell in cells]
        columns.append(column_type(kind).cast(pl.Series(name, values)))  # type: ignore[arg-type]
    return pl.DataFrame(columns)


def kinds(table: list[list[str]]) -> dict[str, str]:
    return dict(title.split(": ") for title in table[0])


def test_the_example_is_computed_as_the_page_shows() -> None:
    config = Normalize.model_validate(SETTINGS[0])
    columns = {name: (kind, "feature") for name, kind in kinds(TABLES[0]).items()}
    features = computations(described({**columns, "y": ("number", "target")}), config)  # type: ignore[dict-item]
    assert {one.name: one.type for one in features} == kinds(TABLES[1])
    assert with_computed(typed(TABLES[0]), features).select(list(kinds(TABLES[1]))).equals(typed(TABLES[1]))


def test_the_second_example_is_a_section() -> None:
    assert Normalize.model_validate(SETTINGS[1]).columns["hour"].type == "category"


def listed(row: str) -> list[str]:
    (cell,) = (line[1] for line in TABLES[2] if line[0] == row)
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("sql", [sql for row in ("choice", "conversion") for sql in listed(row)])
def test_an_expression_on_the_page_is_read(sql: str) -> None:
    assert parse(sql).columns


@pytest.mark.parametrize(
    "name", [name for code in listed("arithmetic")[3:] if "(" not in code for name in code.split()]
)
def test_a_function_of_numbers_on_the_page_is_there(name: str) -> None:
    arguments = "x, 2" if name in ("power", "atan2") else "x"
    assert parse(f"{name}({arguments})").columns == ("x",)


@pytest.mark.parametrize("name", listed("text")[0].split())
def test_a_function_of_text_on_the_page_is_there(name: str) -> None:
    calls = (
        f"{name}({arguments})"
        for arguments in ("x", "x, 2", "x, 'a'", "x, 'a', 'b'", "x, 'a', 2", "x, 2, 'a'", "'a', x, x")
    )
    rows = pl.DataFrame({"x": ["some text"]})
    assert any(_computed(call, rows) for call in calls)


def _computed(sql: str, rows: pl.DataFrame) -> bool:
    try:
        return rows.select(parse(sql).computed.alias("x"))["x"].null_count() == 0
    except (UserError, pl.exceptions.PolarsError):
        return False


@pytest.mark.parametrize("sql", [sql for sql in listed("time") if "x" in sql.split("(")[-1] or "interval" in sql])
def test_an_expression_of_time_on_the_page_is_read(sql: str) -> None:
    assert parse(sql).columns == ("x",)


@pytest.mark.parametrize("part", next(code for code in listed("time") if code.startswith("minute")).split())
def test_a_part_of_a_time_on_the_page_is_there(part: str) -> None:
    rows = pl.DataFrame({"x": [datetime(2024, 3, 1, 12, 30)]})
    assert rows.select(parse(f"extract({part} from x)").computed.alias("x"))["x"][0] is not None


@pytest.mark.parametrize("sql", [sql for line in TABLES[4][2:] for sql in re.findall(r"`([^`]+)`", line[0])])
def test_what_the_page_says_is_refused_is_refused(sql: str) -> None:
    with pytest.raises(UserError):
        parse(sql.replace("...", "order by y"))
