from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.normalize import Normalize
from tasks.recipe.computed import Computation, read_only, with_columns, with_computed
from tasks.recipe.declared_features import made_by_function
from tasks.recipe.frame_function import FrameFunction, read_function
from tests.small_tables import Kind, described

COLUMNS: dict[str, Kind] = {
    "torque": ("number", "feature"),
    "town": ("category", "feature"),
    "day": ("timestamp", "time"),
    "broken": ("boolean", "target"),
}
ROWS = pl.DataFrame(
    {
        "torque": [2.0, None, 3.0, 0.0, 2.0],
        "town": ["Ulm", "Bonn", None, "Ulm", "Bonn"],
        "day": [datetime(2024, 3, day, 2 * day) for day in (1, 2, 3, 4, 5)],
        "broken": [True, False, True, False, True],
    }
)
HEAD = "import polars as pl\n\ndef add(rows: pl.DataFrame) -> pl.DataFrame:\n"


def function(root: Path, body: str, head: str = HEAD) -> FrameFunction:
    (root / "mine.py").write_text(head + "".join(f"    {line}\n" for line in body.splitlines()))
    return read_function(root, "mine.py:add")


def made(root: Path, body: str, **columns: Any) -> tuple[FrameFunction, tuple[Computation, ...]]:
    config = Normalize.model_validate({"features_from": "mine.py:add", "columns": columns})
    return made_by_function(function(root, body), ROWS, described(COLUMNS), config)


def values(root: Path, body: str, **columns: Any) -> pl.DataFrame:
    adding, computed = made(root, body, **columns)
    return with_computed(ROWS, computed, adding).select(one.name for one in computed)


GIVEN = "return rows.with_columns(double=pl.col('torque') * 2, short=pl.col('town').str.slice(0, 1))"


def test_the_new_columns_are_features_of_the_type_that_they_have(tmp_path: Path) -> None:
    adding, computed = made(tmp_path, GIVEN)
    assert [(one.name, one.type, one.sql) for one in computed] == [
        ("double", "number", None),
        ("short", "category", None),
    ]
    assert adding.reads == ("torque", "town")
    assert values(tmp_path, GIVEN).to_dict(as_series=False) == {
        "double": [4.0, None, 6.0, 0.0, 4.0],
        "short": ["U", "B", None, "U", "B"],
    }
    assert [column.name for column in with_columns(described(COLUMNS), computed).features][-2:] == ["double", "short"]


def test_it_may_return_the_new_columns_alone_and_a_type_may_be_given(tmp_path: Path) -> None:
    alone = "return rows.select(double=(pl.col('torque') * 2).cast(pl.Int64))"
    assert values(tmp_path, alone, double={"type": "category"})["double"].to_list() == ["4", None, "6", "0", "4"]


def test_a_type_is_for_what_it_makes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"normalize.columns.town.type: .*ingest.columns: {town: {type: text}}"):
        values(tmp_path, GIVEN, town={"type": "text"})


def test_what_is_no_number_is_missing(tmp_path: Path) -> None:
    assert values(tmp_path, "return rows.select(inverse=1 / pl.col('torque'))")["inverse"].to_list()[3] is None


def test_the_time_of_a_row_is_given_where_it_is_needed(tmp_path: Path) -> None:
    needing, computed = made(tmp_path, "return rows.select(hour=pl.col('day').dt.hour())")
    assert needing.reads == ("torque", "town", "day")
    assert [column.name for column in read_only(described(COLUMNS), computed, needing)] == ["day"]
    doing_without, computed = made(tmp_path, GIVEN)
    assert read_only(described(COLUMNS), computed, doing_without) == []


def test_comments_and_layout_are_no_other_function(tmp_path: Path) -> None:
    before = function(tmp_path, GIVEN)
    after = function(tmp_path, f"# twice, and the first letter\n\n{GIVEN}")
    assert after == before != function(tmp_path, GIVEN.replace("* 2", "* 3"))


def test_it_may_use_libraries_and_the_model_requires_them(tmp_path: Path) -> None:
    head = "import numpy as np\nfrom scipy.special import expit\n" + HEAD
    adding = function(
        tmp_path, "return rows.select(s=pl.Series(expit(np.nan_to_num(rows['torque'].to_numpy()))))", head
    )
    assert adding.libraries == ("numpy", "polars", "scipy")
    assert with_computed(ROWS, [Computation(name="s", sql=None, type="number")], adding.reading(ROWS, ["torque"], []))[
        "s"
    ].to_list() == pytest.approx([0.880797, 0.5, 0.952574, 0.5, 0.880797], abs=1e-6)


def test_a_dataclass_works_in_it(tmp_path: Path) -> None:
    head = (
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass Factor:\n    by: float\n"
    )
    adding = function(tmp_path, "return rows.select(x=pl.col('torque') * Factor(3.0).by)", head + HEAD)
    assert adding.reading(ROWS, ["torque"], []).made_of(ROWS, ["x"])["x"].to_list() == [6.0, None, 9.0, 0.0, 6.0]


REFUSED = [
    ("return rows.select(x=pl.col('torque') - pl.col('torque').mean())", "row 1 alone than among others"),
    ("return rows.sort('torque').select(x=pl.col('torque'))", "of row 1 alone than among others"),
    ("return rows.sort('torque').with_columns(x=pl.lit(1))", "changes t.* leave the rows in their order"),
    ("return rows.filter(pl.col('torque') > 1)", "makes 3 rows of 5"),
    ("return rows", "makes no new column"),
    ("return rows.with_columns(torque=pl.col('torque') + 1, x=pl.lit(1))", "changes torque"),
    ("return rows.select(x=pl.col('torqe'))", r"ends with ColumnNotFoundError: .*, at `return rows.select\(x=pl.col"),
    ("return 1 / 0", "ends with ZeroDivisionError: division by zero, at `return 1 / 0`"),
    ("return rows['torque'].to_list()", "returns list; return a polars DataFrame"),
    ("import random\nreturn rows.select(x=pl.Series([random.random() for _ in range(len(rows))]))", "each time"),
    ("return rows.select(broken=pl.col('torque'))", "makes broken, which is the name of a column"),
    ("return rows.select(x=pl.struct('torque'))", "makes x of Struct"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_what_a_row_to_answer_could_not_have_is_refused_in_one_message(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"normalize.features_from: mine.py:add .*{message}"):
        made(tmp_path, body)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("import helpers\n" + HEAD, "imports helpers, which lies in the project"),
        ("from . import helpers\n" + HEAD, r"imports \., which lies in the project"),
        ("from tasks.paths import Project\n" + HEAD, r"imports tasks.paths, which lies in the project"),
        (HEAD.replace("add", "ad"), "mine.py has no function add; did you mean ad?"),
        ("def add(rows:\n", "mine.py, line 1 is no Python"),
    ],
)
def test_a_file_that_cannot_travel_or_be_read_is_refused(tmp_path: Path, head: str, message: str) -> None:
    (tmp_path / "helpers.py").write_text("")
    with pytest.raises(UserError, match=message):
        function(tmp_path, "return rows", head)


def test_a_folder_without_code_hides_no_library(tmp_path: Path) -> None:
    (tmp_path / "scipy").mkdir()
    assert "scipy" in function(tmp_path, "return rows", "import scipy\n" + HEAD).libraries


def test_a_file_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    function(tmp_path, "return rows")
    with pytest.raises(UserError, match=r"no file mind.py in the project; did you mean mine.py\?"):
        read_function(tmp_path, "mind.py:add")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("https://example.org/mine.py:add", "never run from an address; copy the file into the project"),
        ("/home/me/mine.py:add", "copy the file into it"),
        ("../mine.py:add", "copy the file into it"),
        ("C:/mine.py:add", "copy the file into it"),
        ("mine.py", "write FILE.py:FUNCTION"),
        ("mine:add", "write FILE.py:FUNCTION"),
    ],
)
def test_code_is_run_from_the_project_alone(reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Normalize.model_validate({"features_from": reference})
    assert Normalize.model_validate({"features_from": "code/mine.py:add"}).features_from == "code/mine.py:add"


def test_a_link_to_a_file_outside_of_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "mine.py").write_text(HEAD + "    return rows\n")
    (tmp_path / "project" / "mine.py").symlink_to(tmp_path / "mine.py")
    with pytest.raises(UserError, match=r"there is no file mine\.py in the project"):
        read_function(tmp_path / "project", "mine.py:add")


def test_a_column_that_it_makes_of_some_rows_only_is_told(tmp_path: Path) -> None:
    body = (
        "name = 'x' if len(rows) == 1 or 'Ulm' in rows['town'] else 'y'\nreturn rows.select(rows['torque'].alias(name))"
    )
    adding, computed = made(tmp_path, body)
    with pytest.raises(UserError, match="made x of the training rows, and does not of others"):
        with_computed(ROWS[1:3], computed, adding)
