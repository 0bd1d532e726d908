from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import files, ingest
from tasks.errors import UserError
from tasks.params.ingest import Ingest
from tasks.paths import Paths, Project
from tasks.sources.formats import delimited
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tables.origins import read_origins
from tasks.tables.quarantine import OWN_COLUMNS

SMS_SPAM = Path(__file__).resolve().parents[2] / "shared" / "data" / "sms-spam" / "SMSSpamCollection"


def ingested(root: Path, source: Mapping[str, Any], target: str, **more: Any) -> Paths:
    paths = Project(root=root).pipeline("p")
    ingest.run(Ingest.model_validate({"source": source, "target": target, **more}), paths)
    return paths


def from_csv(root: Path, content: str, target: str = "y", **more: Any) -> Paths:
    (root / "data.csv").write_text(content, encoding="utf-8")
    return ingested(root, {"kind": "table", "path": "data.csv"}, target, **more)


def column_types(paths: Paths) -> dict[str, str]:
    return {column.name: column.type for column in read_dataset(paths.dataset).columns}


def test_leaves_typed_rows_and_their_description(tmp_path: Path) -> None:
    paths = from_csv(tmp_path, "size,colour,y\n1.5,red,no\n,blue,yes\n2,red,no\n")
    dataset = read_dataset(paths.dataset)
    table = storage.read_table(paths.raw)
    assert table.schema == {"size": pl.Float64, "colour": pl.String, "y": pl.String}
    assert table["size"].to_list() == [1.5, None, 2.0]
    assert [(column.name, column.type, column.role) for column in dataset.columns] == [
        ("size", "number", "feature"),
        ("colour", "category", "feature"),
        ("y", "category", "target"),
    ]
    assert (dataset.task, dataset.num_rows, dataset.source.location) == ("binary", 3, "data.csv")
    assert dataset.source.digest == hashlib.sha256((tmp_path / "data.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "target", "num_rows", "task"),
    [
        ("breast_cancer", "diagnosis", 569, "binary"),
        ("diabetes", "progression", 442, "regression"),
        ("digits", "digit", 1797, "multiclass"),
        ("iris", "species", 150, "multiclass"),
        ("wine", "cultivar", 178, "multiclass"),
    ],
)
def test_takes_every_builtin_source(tmp_path: Path, name: str, target: str, num_rows: int, task: str) -> None:
    paths = ingested(tmp_path, {"kind": "builtin", "name": name}, target)
    dataset = read_dataset(paths.dataset)
    assert (dataset.num_rows, dataset.task) == (num_rows, task)
    assert storage.count_rows(paths.raw) == num_rows


@pytest.mark.skipif(not SMS_SPAM.is_file(), reason="the SMS spam collection is not beside the repository")
def test_reads_every_message_of_the_sms_spam_collection(tmp_path: Path) -> None:
    source = {"kind": "table", "path": str(SMS_SPAM), "names": ["label", "message"]}
    paths = ingested(tmp_path, source, "label")
    table = storage.read_table(paths.raw)
    assert (table.height, table["label"].value_counts(sort=True).rows()) == (5574, [("ham", 4827), ("spam", 747)])
    assert column_types(paths) == {"label": "category", "message": "text"}


def test_two_runs_leave_the_same_bytes(tmp_path: Path) -> None:
    def files(root: Path) -> dict[str, bytes]:
        root.mkdir()
        paths = from_csv(
            root, "x,t,y\n" + "".join(f"{n},word {n % 7},{n % 3}\n" for n in range(500)), rows_per_part=200
        )
        return {
            file.relative_to(root).as_posix(): file.read_bytes() for file in paths.data.rglob("*") if file.is_file()
        }

    first = files(tmp_path / "first")
    assert first == files(tmp_path / "second")
    parts = [name for name in sorted(first) if "raw" in name]
    assert parts == [
        f"data/p/raw/{file}"
        for file in (*(f"origins-0000{n}.json" for n in range(3)), *(f"part-0000{n}.parquet" for n in range(3)))
    ]


def test_types_are_those_of_all_parts(tmp_path: Path) -> None:
    lines = [f"{n},{n},{n % 2}" for n in range(40_000)] + ["not a number,1,1"]
    assert column_types(from_csv(tmp_path, "\n".join(["x,z,y", *lines]))) == {
        "x": "text",
        "z": "number",
        "y": "category",
    }


def test_values_of_later_rows_change_the_types_of_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BATCH", 2)
    rows = ["1,2024-01-02,yes,a", "2,2024-01-03,no,b", "3,2024-01-04,yes,a", "007,soon,maybe,b"]
    paths = from_csv(tmp_path, "\n".join(["code,day,fit,y", *rows]))
    assert column_types(paths) == {"code": "category", "day": "category", "fit": "category", "y": "category"}
    assert storage.read_table(paths.raw)["code"].to_list() == ["1", "2", "3", "007"]


def test_booleans_and_timestamps_are_found_out(tmp_path: Path) -> None:
    paths = from_csv(tmp_path, "day,fit,y\n31.01.2024,Yes,1.5\n01.02.2024,no,2.5\n,,3\n")
    assert column_types(paths) == {"day": "timestamp", "fit": "boolean", "y": "number"}
    assert storage.read_table(paths.raw).rows() == [
        (datetime(2024, 1, 31), True, 1.5),
        (datetime(2024, 2, 1), False, 2.5),
        (None, None, 3.0),
    ]


def test_a_timestamp_is_read_as_the_user_says(tmp_path: Path) -> None:
    columns = {"day": {"type": "timestamp", "format": "%Y%m%d"}, "at": {"type": "timestamp", "format": "epoch seconds"}}
    paths = from_csv(tmp_path, "day,at,y\n20240131,0,a\n20240201,60,b\n", columns=columns)
    assert storage.read_table(paths.raw).rows() == [
        (datetime(2024, 1, 31), datetime(1970, 1, 1), "a"),
        (datetime(2024, 2, 1), datetime(1970, 1, 1, 0, 1), "b"),
    ]


def test_how_each_column_is_written_stands_in_the_description(tmp_path: Path) -> None:
    source = {"kind": "table", "path": "rows.csv", "decimal": ",", "thousands": ".", "missing": ["", "?"]}
    (tmp_path / "rows.csv").write_text("price;day;town;y\n1.972,76;31.01.2024;Ulm;1\n-9,5;01.02.2024;x;2\n3;?;?;3,5\n")
    paths = ingested(tmp_path, source, "y", columns={"price": {"missing": ["-9,5"]}, "town": {"missing": ["x", "?"]}})
    dialects = {column["name"]: column.get("dialect", {}) for column in files.read_json(paths.dataset)["columns"]}
    numbers = {"decimal": ",", "thousands": "."}
    assert dialects == {
        "price": {"missing": ["", "?", "-9,5"], **numbers},
        "day": {"missing": ["", "?"], "format": "%d.%m.%Y"},
        "town": {"missing": ["", "?", "x"], **numbers},
        "y": {"missing": ["", "?"], **numbers},
    }
    assert storage.read_table(paths.raw).rows()[1:] == [
        (None, datetime(2024, 2, 1), None, 2.0),
        (3.0, None, None, 3.5),
    ]


def test_a_source_of_typed_or_plain_cells_has_no_dialect_to_tell(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1, None, -9], "day": [datetime(2024, 1, 31)] * 3, "y": ["a", "b", "a"]})
    frame.write_parquet(tmp_path / "rows.parquet")
    source = {"kind": "table", "path": "rows.parquet"}
    paths = ingested(tmp_path, source, "y", columns={"x": {"missing": ["-9"]}})
    dialects = [column.get("dialect") for column in files.read_json(paths.dataset)["columns"]]
    assert dialects == [{"missing": ["", "-9"]}, None, None]
    assert storage.read_table(paths.raw)["x"].to_list() == [1.0, None, None]


def test_numbers_are_read_in_the_format_given(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x;name;y\n1.234,5;1,5;7,25\n-2;two;8,5\n;1,5;9\n")
    source = {"kind": "table", "path": "data.csv", "decimal": ",", "thousands": "."}
    paths = ingested(tmp_path, source, "y")
    assert storage.read_table(paths.raw).rows() == [(1234.5, "1,5", 7.25), (-2.0, "two", 8.5), (None, "1,5", 9.0)]


def test_a_sentinel_is_missing_in_its_column_alone(tmp_path: Path) -> None:
    columns = {"x": {"missing": ["-200", "?"]}}
    paths = from_csv(tmp_path, "x,z,y\n-200,-200,a\n?,1,b\n3,2,a\n", columns=columns)
    assert storage.read_table(paths.raw).rows() == [(None, -200.0, "a"), (None, 1.0, "b"), (3.0, 2.0, "a")]


def test_only_files_that_are_new_are_read_where_files_are_only_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(root: Path) -> dict[str, bytes]:
        paths = ingested(root, {"kind": "table", "path": str(folder), "append": True}, "y", rows_per_part=2)
        return {file.name: file.read_bytes() for file in paths.raw.iterdir()}

    folder = tmp_path / "days"
    folder.mkdir()
    read: list[str] = []
    frames = delimited.DelimitedFile.numbered_frames
    monkeypatch.setattr(
        delimited.DelimitedFile, "numbered_frames", lambda self: read.append(self.shown) or frames(self)
    )
    for day, rows in enumerate(("1,a\n2,b\n3,a\n", "4,b\n", "5,a\n6,b\n")):
        (folder / f"{day}.csv").write_text("x,y\n" + rows)
        read.clear()
        table = run(tmp_path / "grown")
        assert {Path(name).name for name in read} == {f"{day}.csv"}
    assert len([name for name in table if name.endswith(".parquet")]) == 4
    assert run(tmp_path / "at_once") == table
    (folder / "3.csv").write_text("x,y\nmany,a\n")
    run(tmp_path / "grown")
    assert storage.read_table(Project(root=tmp_path / "grown").pipeline("p").raw)["x"].to_list()[-2:] == ["6", "many"]


def test_leading_zeros_stay(tmp_path: Path) -> None:
    paths = from_csv(tmp_path, "code,y\n" + "".join(f"{n:05},{n % 2}\n" for n in range(300)))
    assert column_types(paths)["code"] == "category"
    assert storage.read_table(paths.raw)["code"][7] == "00007"


def test_columns_say_what_they_are_where_the_data_do_not(tmp_path: Path) -> None:
    columns = {"id": {"role": "id"}, "x": {"type": "category"}, "site": {"role": "group", "type": "text"}}
    paths = from_csv(tmp_path, "id,x,site,y\n1,4,A,a\n2,5,B,b\n", columns=columns)
    described = {column.name: (column.type, column.role) for column in read_dataset(paths.dataset).columns}
    assert described == {
        "id": ("number", "id"),
        "x": ("category", "feature"),
        "site": ("text", "group"),
        "y": ("category", "target"),
    }
    assert storage.read_table(paths.raw)["x"].to_list() == ["4", "5"]


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["1.0", "0.0", "", "1"], "binary", ["1", "0", None, "1"]),
        (["3", "1", "2", "3"], "multiclass", ["3", "1", "2", "3"]),
        (["true", "false", "true", "true"], "binary", ["true", "false", "true", "true"]),
        (["0.5", "1.5", "2", ""], "regression", [0.5, 1.5, 2.0, None]),
        ([str(number) for number in range(21)], "regression", [float(number) for number in range(21)]),
    ],
)
def test_task_is_told_by_the_target(tmp_path: Path, values: list[str], task: str, classes: list[Any]) -> None:
    paths = from_csv(tmp_path, "x,y\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values)))
    assert read_dataset(paths.dataset).task == task
    assert storage.read_table(paths.raw)["y"].to_list() == classes


def test_task_can_be_given(tmp_path: Path) -> None:
    content = "x,y\n1,1\n2,2\n3,3\n"
    assert column_types(from_csv(tmp_path, content, task="regression"))["y"] == "number"
    assert column_types(from_csv(tmp_path, content, columns={"y": {"type": "number"}}))["y"] == "number"
    assert read_dataset(from_csv(tmp_path, "x,y\n1,a\n2,b\n", task="multiclass").dataset).task == "multiclass"


def test_whole_floats_of_parquet_are_classes_without_a_point(tmp_path: Path) -> None:
    pl.DataFrame({"x": [0.5, 1.5, 2.5], "y": [1.0, None, 0.0]}).write_parquet(tmp_path / "data.parquet")
    paths = ingested(tmp_path, {"kind": "table", "path": "data.parquet"}, "y")
    assert storage.read_table(paths.raw)["y"].to_list() == ["1", None, "0"]


def test_test_rows_from_files_of_their_own_get_a_split(tmp_path: Path) -> None:
    for name, rows in {"train": "1,a\n2,b\n", "valid": "3,a\n", "test": "4,b\n5,a\n"}.items():
        (tmp_path / f"{name}.csv").write_text("x,y\n" + rows)
    source = {"kind": "table", "path": "train.csv", "validation_path": "valid.csv", "test_path": "test.csv"}
    paths = ingested(tmp_path, source, "y")
    assert storage.read_table(paths.raw)["split"].to_list() == ["train", "train", "validation", "test", "test"]
    assert read_dataset(paths.dataset).columns[-1].model_dump(exclude_defaults=True) == {
        "name": "split",
        "type": "category",
        "role": "split",
    }


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        ("x,y\n", {}, "has no rows"),
        ("x,outcome\n1,a\n2,b\n", {"target": "outcme"}, "no column outcme; did you mean outcome?"),
        ("x,y\n1,\n2,\n", {}, "column y has no value in any row"),
        ("x,y\n1,a\n2,a\n", {}, "the same value in all rows"),
        ("x,y\n1,1\n2,1.0\n", {}, "the same value in all rows"),
        ("x,y\n1,a\n2,b\n", {"task": "regression"}, "are no numbers"),
        ("x,y\n1,0.5\n2,0.25\n", {"columns": {"z": {"role": "id"}}}, "no column z"),
        ("x,y\n1,a\n2,b\n", {"columns": {"x": {"role": "target"}}}, "no other column, has that role"),
        ("x,y\n1,a\n2,b\n", {"columns": {"y": {"role": "id"}}}, "no other column, has that role"),
        ("x,y\n1,a\n2,b\n", {"columns": {"x": {"type": "image"}}}, "no bytes, which the type image needs"),
        ("x,y\n1,a\n2,b\n", {"columns": {"x": {"role": "id"}}}, "no column is a feature"),
        *((f"{name},y\n1,a\n2,b\n", {}, f"column {name} has the name that a column") for name in OWN_COLUMNS),
        ("x,y\n" + "".join(f"{n},word {n}\n" for n in range(1001)), {}, "too many or too long values to be classes"),
        ("1,a\n2,b\n", {}, "set ingest.source.header to true"),
    ],
)
def test_refuses_what_cannot_be_learnt_from(tmp_path: Path, content: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        from_csv(tmp_path, content, **more)
    assert not [file for file in (tmp_path / "data").rglob("*") if file.is_file()]


def unread_cells(paths: Paths) -> list[tuple[str, str, str]]:
    """The place, the column and the cell of each that could not be read."""
    cells = []
    for file in storage.part_files(paths.raw):
        origins = read_origins(file)
        assert origins is not None
        cells += [(origins.place(cell.row).rsplit("/", 1)[-1], cell.column, cell.cell) for cell in origins.unread]
    return cells


PINNED = {
    "age": {"type": "number"},
    "when": {"type": "timestamp", "format": "%Y-%m-%d"},
    "paid": {"type": "boolean"},
    "y": {"type": "category"},
}
GOOD = [f"{n % 50},2025-03-{n % 28 + 1:02},{'yes' if n % 3 else 'no'},{'ab'[n % 2]}" for n in range(60)]


def test_a_cell_that_is_none_of_a_given_type_keeps_its_place_and_changes_no_type(tmp_path: Path) -> None:
    bad = [
        "n/a,2025-01-01,no,a",
        "7,2025-13-45,no,b",
        "8,2025-01-01,perhaps,b",
        "9,2025-01-01,no,c",
        " ,,NaN,",
        "NaN,,,a",
    ]
    rows = [*GOOD[:30], "", *bad[:3], *GOOD[30:], *bad[3:]]
    paths = from_csv(tmp_path, "age,when,paid,y\n" + "\n".join(rows) + "\n", columns=PINNED, task="binary")
    # A blank line is one of the file all the same.
    assert unread_cells(paths) == [
        ("data.csv:33", "age", "n/a"),
        ("data.csv:34", "when", "2025-13-45"),
        ("data.csv:35", "paid", "perhaps"),
        ("data.csv:67", "paid", "NaN"),
    ]
    assert column_types(paths) == {"age": "number", "when": "timestamp", "paid": "boolean", "y": "category"}
    assert storage.count_rows(paths.raw) == len(rows) - 1


def test_bad_cells_are_found_in_whichever_file_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    header = "age,when,paid,y\n"
    (folder / "1.csv").write_text(header + "\n".join(GOOD) + "\n")
    source = {"kind": "table", "path": str(folder), "append": True}
    settings = {"columns": PINNED, "task": "binary", "rows_per_part": 25}
    ingested(tmp_path / "grown", source, "y", **settings)
    (folder / "2.csv").write_text(header + "\n".join([*GOOD[:30], "old,2025-01-01,no,a"]) + "\n")
    paths = ingested(tmp_path / "grown", source, "y", **settings)
    assert unread_cells(paths) == [("2.csv:32", "age", "old")]
    assert column_types(paths)["age"] == "number"


def test_rows_of_files_without_lines_are_numbered(tmp_path: Path) -> None:
    pl.DataFrame({"age": [*map(str, range(20)), "old"], "y": ["a", "b", "a"] * 7}).write_parquet(
        tmp_path / "data.parquet"
    )
    source = {"kind": "table", "path": str(tmp_path / "data.parquet")}
    paths = ingested(tmp_path, source, "y", columns={"age": {"type": "number"}})
    assert unread_cells(paths) == [("data.parquet, row 21", "age", "old")]


def test_refused_rows_leave_the_earlier_table_alone(tmp_path: Path) -> None:
    paths = from_csv(tmp_path, "x,y\n1,a\n2,b\n")
    before = {file: file.read_bytes() for file in paths.data.rglob("*") if file.is_file()}
    with pytest.raises(UserError):
        from_csv(tmp_path, "x,y\n1,a\n2\n")
    assert {file: file.read_bytes() for file in paths.data.rglob("*") if file.is_file()} == before
