from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.tracking.served_requests import cells, take_over

NAMES = ("price", "town")


def read(text: str) -> list[dict[str, Any]]:
    return cells(io.StringIO(text), NAMES).to_dict("records")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's, as it is before any model is loaded."""
    from mlflow.pyfunc import scoring_server

    for place in ("parse_csv_input", "infer_and_parse_data"):
        current = getattr(scoring_server, place)
        while hasattr(current, "otherwise"):
            current = current.otherwise
        monkeypatch.setattr(scoring_server, place, current)
    return scoring_server


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


@pytest.mark.parametrize("first", ["price, town", "price,town"])
def test_a_blank_behind_each_separator_belongs_to_no_cell(first: str) -> None:
    assert read(f'{first}\n1, ?\n2, "Ulm"\n') == [{"price": "1", "town": "?"}, {"price": "2", "town": "Ulm"}]
    assert read(f"{first}\n1, ?\n2,Ulm\n") == [{"price": "1", "town": " ?"}, {"price": "2", "town": "Ulm"}]


def test_a_typed_files_column_may_have_blanks_around_its_name() -> None:
    assert list(cells(io.StringIO(" price ,other \n1,2\n"), (" price ",)).columns) == [" price ", "other"]


def test_what_excel_writes_above_the_names_is_left_out() -> None:
    assert read("\ufeffsep=;\r\nprice;town\r\n1;Ulm\r\n") == [{"price": "1", "town": "Ulm"}]
    assert list(cells(io.StringIO("sep=a,town\n1,Ulm\n"), ("sep=a", "town")).columns) == ["sep=a", "town"]


def test_no_rows_and_nothing_at_all() -> None:
    assert list(cells(io.StringIO("price,town\n"), NAMES).columns) == ["price", "town"]
    assert cells(io.StringIO(""), NAMES).empty


@pytest.mark.parametrize("line", ["1,2,3", "1"])
def test_a_line_of_another_width_is_named(line: str) -> None:
    with pytest.raises(UserError, match=r"^CSV, line 3: (1 cell|3 cells), where the first line names 2; put cells"):
        read(f"price,town\n1,2\n{line}\n")


def test_a_column_that_stands_there_twice_is_named() -> None:
    with pytest.raises(UserError, match=r"^CSV, line 1: names town twice; leave the one that is meant$"):
        read("price,town,town\n1,2,3\n")
    # Columns that the model does not read may be what they like.
    assert cells(io.StringIO("price,town,,\n1,2,3,4\n"), NAMES)["town"].tolist() == ["2"]


def test_broken_quotes_are_named() -> None:
    with pytest.raises(UserError, match=r"^CSV, line 2: cannot be read \(.*mend its quotes"):
        read('price,town\n1,"Ulm" am See\n2,x\n')
    with pytest.raises(UserError, match=r"^CSV, line 3: cannot be read"):
        read('price,town\n1,"Ulm\n2,x')


def test_a_cell_may_be_as_long_as_a_picture() -> None:
    assert read(f"price,town\n1,{'a' * 200_000}\n")[0]["town"] == "a" * 200_000


def test_each_model_of_a_process_reads_its_own_requests_and_no_others(server: Any) -> None:
    from mlflow.types import ColSpec, DataType, Schema

    def asked(*names: str) -> list[Any]:
        schema = Schema([ColSpec(DataType.double, name) for name in names])
        csv_text = f"{','.join(names)}\n{','.join('007' for _ in names)}\n"
        return list(server.parse_csv_input(io.StringIO(csv_text), schema).iloc[0])

    before = server.parse_csv_input
    for names in (NAMES, ("size",), ("size",)):
        take_over(names)
    assert server.parse_csv_input.otherwise.otherwise is before
    assert asked(*NAMES) == ["007", "007"]
    assert asked("size") == ["007"]
    assert asked("price", "size") == [7.0, 7.0]


@pytest.mark.parametrize("key", ["dataframe_records", "inputs", "instances"])
def test_a_list_of_no_rows_has_the_columns_of_the_model(server: Any, key: str) -> None:
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    schema = Schema([ColSpec(AnyType(), name) for name in NAMES])
    take_over(NAMES)
    assert list(server.infer_and_parse_data({key: []}, schema).columns) == list(NAMES)
    one = server.infer_and_parse_data({"dataframe_records": [{"price": "8.000", "town": None}]}, schema)
    assert one.to_dict("records") == [{"price": "8.000", "town": None}]


@pytest.mark.parametrize("key", ["dataframe_records", "instances"])
def test_what_a_row_lacks_is_missing_in_this_row(server: Any, key: str) -> None:
    """MLflow makes one row of these two `instances`: the price of the second, and the town of the first."""
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    schema = Schema([ColSpec(AnyType(), name) for name in NAMES])
    take_over(NAMES)
    rows = server.infer_and_parse_data({key: [{"town": "Ulm"}, {"price": 8}]}, schema)
    assert rows["town"].isna().tolist() == [False, True]
    assert rows["price"].isna().tolist() == [True, False]


def test_a_server_that_reads_no_csv_serves_all_the_same(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(server, "parse_csv_input")
    take_over(("other",))
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
