from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.tracking.csv_requests import cells, take_over

NAMES = ("price", "town")


def read(text: str) -> list[dict[str, Any]]:
    return cells(io.StringIO(text), NAMES).to_dict("records")


@pytest.fixture
def server() -> Iterator[Any]:
    from mlflow.pyfunc import scoring_server

    before = scoring_server.parse_csv_input
    # A model that another test has loaded in this process has taken over already.
    scoring_server.parse_csv_input = getattr(before, "of_mlflow", before)
    yield scoring_server
    scoring_server.parse_csv_input = before


def test_cells_are_text_as_they_stand() -> None:
    rows = read('town,price\nNA,"1.972,76"\n"a ""b""",007\n,\n')
    assert rows == [
        {"town": "NA", "price": "1.972,76"},
        {"town": 'a "b"', "price": "007"},
        {"town": "", "price": ""},
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_names_the_columns(mark: str) -> None:
    text = f"\ufeffprice{mark} town {mark}other, and; more\r\n1{mark}Ulm, am; See{mark}x\r\n\r\n"
    quoted = text.replace("other, and; more", '"other, and; more"').replace("Ulm, am; See", '"Ulm, am; See"')
    assert read(quoted) == [{"price": "1", "town": "Ulm, am; See", "other, and; more": "x"}]


def test_what_excel_writes_above_the_names_is_left_out() -> None:
    assert read("\ufeffsep=;\r\nprice;town\r\n1;Ulm\r\n") == [{"price": "1", "town": "Ulm"}]
    assert list(cells(io.StringIO("sep=a,town\n1,Ulm\n"), ("sep=a", "town")).columns) == ["sep=a", "town"]


def test_no_rows_and_nothing_at_all() -> None:
    assert list(cells(io.StringIO("price,town\n"), NAMES).columns) == ["price", "town"]
    assert cells(io.StringIO(""), NAMES).empty


@pytest.mark.parametrize("line", ["1,2,3", "1"])
def test_a_line_of_another_width_is_named(line: str) -> None:
    with pytest.raises(UserError, match=r"^CSV, line 3: [13] cells, where the first line names 2; put cells"):
        read(f"price,town\n1,2\n{line}\n")


def test_a_cell_may_be_as_long_as_a_picture() -> None:
    assert read(f"price,town\n1,{'a' * 200_000}\n")[0]["town"] == "a" * 200_000


def test_only_requests_to_this_model_are_read_so(server: Any) -> None:
    from mlflow.types import ColSpec, DataType, Schema

    own, other = (Schema([ColSpec(DataType.double, name) for name in names]) for names in (NAMES, ("price", "size")))
    before = server.parse_csv_input
    take_over(NAMES)
    take_over(NAMES)
    assert server.parse_csv_input.of_mlflow is before
    assert server.parse_csv_input(io.StringIO("price,town\n007,1\n"), own)["price"].tolist() == ["007"]
    assert server.parse_csv_input(io.StringIO("price,size\n007,1\n"), other)["price"].tolist() == [7.0]


def test_a_server_that_reads_no_csv_serves_all_the_same(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(server, "parse_csv_input")
    take_over(NAMES)
    assert not hasattr(server, "parse_csv_input")


def test_a_file_is_read_and_a_bad_one_is_the_callers_mistake(server: Any, tmp_path: Path) -> None:
    """As `mlflow models predict` has it: the file's path, and no schema."""
    from mlflow.exceptions import MlflowException

    take_over(NAMES)
    (tmp_path / "new.csv").write_text("price;town\n8.000;Ulm\n")
    assert server.parse_csv_input(str(tmp_path / "new.csv"))["price"].tolist() == ["8.000"]
    (tmp_path / "new.csv").write_text("price,town\n8,000,Ulm\n")
    with pytest.raises(MlflowException, match="line 2: 3 cells") as caught:
        server.parse_csv_input(str(tmp_path / "new.csv"))
    assert caught.value.get_http_status_code() == 400
