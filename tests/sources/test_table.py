from __future__ import annotations

import csv
import gzip
import json
import os
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources import source
from tasks.sources.files import fixed_part
from tests.small_tables import place

ROWS = {"name": ["Ann", "Bo", None], "size": ["1.5", "2", "-3"]}


def read(root: Path, path: str = "data.csv", **more: Any) -> pl.DataFrame:
    rows = source(TableSource(kind="table", path=path, **more), place(root))
    first, second = pl.concat(rows.parts()), pl.concat(rows.parts())
    assert first.equals(second)
    return first


def refused(root: Path, path: str = "data.csv", **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(root, path, **more)
    return str(caught.value)


def digest(root: Path, path: str, **more: Any) -> str:
    return source(TableSource(kind="table", path=path, **more), place(root)).digest()


def test_formats_hold_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("name,size\nAnn,1.5\nBo,2\n,-3\n")
    (tmp_path / "data.tsv").write_text("name\tsize\nAnn\t1.5\nBo\t2\n\t-3\n")
    (tmp_path / "data.jsonl").write_text('{"name": "Ann", "size": 1.5}\n{"name": "Bo", "size": 2}\n{"size": -3}\n')
    pl.DataFrame(ROWS).write_parquet(tmp_path / "data.parquet")
    for file in list(tmp_path.iterdir()):
        (tmp_path / f"{file.suffix[1:]}_without_suffix").write_bytes(file.read_bytes())
    for file in tmp_path.iterdir():
        assert read(tmp_path, file.name).to_dict(as_series=False) == ROWS, file.name


@pytest.mark.parametrize("name", ["data.parquet", "data.arrow"])
def test_typed_formats_keep_types_and_spell_out_the_rest(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame({"n": [1, 2], "f": [float("nan"), 0.5], "b": [b"x", b"y"], "t": [True, None]})
    frame = frame.with_columns(d=pl.date(2024, 5, pl.col("n")), time=pl.time(12, pl.col("n")))
    frame.write_parquet(tmp_path / name) if name.endswith("parquet") else frame.write_ipc(tmp_path / name)
    table = read(tmp_path, name)
    assert table.to_dict(as_series=False) == {
        "n": [1, 2],
        "f": [None, 0.5],
        "b": [b"x", b"y"],
        "t": [True, None],
        "d": [date(2024, 5, 1), date(2024, 5, 2)],
        "time": ["12:01:00", "12:02:00"],
    }


def test_large_files_come_in_small_batches(tmp_path: Path) -> None:
    pl.DataFrame({"x": range(500_000)}).write_parquet(tmp_path / "data.parquet")
    (tmp_path / "data.csv").write_text("x\n" + "".join(f"{n}\n" for n in range(500_000)))
    for name in ("data.parquet", "data.csv"):
        heights = [part.height for part in source(TableSource(kind="table", path=name), place(tmp_path)).parts()]
        assert sum(heights) == 500_000
        assert max(heights) <= 262_144


def test_reads_globs_and_folders_in_the_order_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, row in {"b.csv": "2,z", "a.csv": "1,y", "c.csv": "3,x", "_SUCCESS": "", ".hidden.csv": "4,w"}.items():
        (folder / name).write_text(f"n,t\n{row}\n")
    (folder / "c.csv").write_text("t,n\nx,3\n")
    for path in ("parts", "parts/*.csv", str(folder)):
        assert read(tmp_path, path).rows() == [("1", "y"), ("2", "z"), ("3", "x")]


def test_missing_cells_are_null(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n?,x\n,NA\n")
    assert read(tmp_path).rows() == [("?", "x"), (None, "NA")]
    assert read(tmp_path, missing=("", "?", "NA")).rows() == [(None, "x"), (None, None)]


def test_digest_changes_with_the_content_and_nothing_else(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("x\n1\n")
        (tmp_path / folder / "b.csv").write_text("x\n2\n")
    before = digest(tmp_path, "one")
    assert before == digest(tmp_path, "two") == digest(tmp_path, "one/*.csv")
    os.utime(tmp_path / "one" / "a.csv", (1, 1))
    assert digest(tmp_path, "one") == before
    assert digest(tmp_path, "one/a.csv") == digest(tmp_path, "two/a.csv") != digest(tmp_path, "one/b.csv")
    assert (
        len({digest(tmp_path, "one", test_path="two/b.csv"), digest(tmp_path, "one", validation_path="two/b.csv")}) == 2
    )
    (tmp_path / "one" / "b.csv").rename(tmp_path / "one" / "c.csv")
    assert digest(tmp_path, "one") != before


@pytest.mark.parametrize("path", ["absent.csv", "absent", "*.nothing", "absent/*.csv"])
def test_refuses_what_is_not_there(tmp_path: Path, path: str) -> None:
    message = refused(tmp_path, path)
    assert message.startswith(f"{path}: ")
    assert "correct" in message


def test_refuses_what_is_empty(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    assert "holds no files" in refused(tmp_path, "folder")
    assert "no file matches" in refused(tmp_path, "folder/*")
    for name in ("data.csv", "data.parquet", "data.jsonl", "data"):
        (tmp_path / name).touch()
        assert refused(tmp_path, name).startswith(f"{name}: the file is empty")
    (tmp_path / "data.csv").write_text("\n\r\n\n")
    assert "the file is empty" in refused(tmp_path)


def test_refuses_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert "neither a file nor a folder" in refused(tmp_path, "pipe.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_what_may_not_be_read(tmp_path: Path) -> None:
    for name in ("data.csv", "data.jsonl", "data.parquet", "data"):
        (tmp_path / name).write_text("x\n1\n")
        (tmp_path / name).chmod(0)
        assert "give yourself the right to read it" in refused(tmp_path, name)


def test_refuses_damaged_parquet(tmp_path: Path) -> None:
    pl.DataFrame({"x": range(10_000)}).write_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    for name in ("data.parquet", "data"):
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        assert "a damaged one" in refused(tmp_path, name)
    (tmp_path / "data.parquet").write_bytes(content[:100] + bytes(1000) + content[1100:])
    assert "a damaged one" in refused(tmp_path, "data.parquet")


def test_refuses_parquet_cells_that_are_lists(tmp_path: Path) -> None:
    pl.DataFrame({"x": [[1, 2]]}).write_parquet(tmp_path / "data.parquet")
    assert "column x holds values of type List" in refused(tmp_path, "data.parquet")


def test_refuses_several_formats_in_a_folder_unless_one_is_given(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.jsonl").write_text('{"x": 2}\n')
    (folder / "README.md").write_text("words")
    assert "several formats: csv (a.csv), jsonl (b.jsonl), unknown suffix '.md' (README.md)" in refused(
        tmp_path, "mixed"
    )
    assert read(tmp_path, "mixed", format="jsonl").rows() == [("2",)]


def test_refuses_files_with_other_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    assert refused(tmp_path, "*.csv").startswith("b.csv: other columns than a.csv: lacks y and has z besides; ")
    assert refused(tmp_path, "a.csv", test_path="b.csv").startswith("b.csv: other columns than a.csv")
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    (tmp_path / "b.csv").write_text("1,2,3\n")
    assert refused(tmp_path, "*.csv").startswith("b.csv: its first row has 3 cells, that of a.csv has 2")


def test_refuses_column_names_that_are_not_one_each(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,y,x\n1,2,3\n")
    assert "the column name x stands there 2 times" in refused(tmp_path)
    assert "names has 2 names, the file has 3 columns" in refused(tmp_path, names=("a", "b"))
    assert read(tmp_path, names=("a", "b", "c"), header=True).rows() == [("1", "2", "3")]
    (tmp_path / "data.csv").write_text("x,split\n1,2\n")
    assert "has a column split already" in refused(tmp_path, test_path="data.csv")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("# id,# size", ["id", "# size"]),
        ("#id,x", ["id", "x"]),
        ("# of rooms,x", ["# of rooms", "x"]),
        ("#,x", ["#", "x"]),
    ],
)
def test_a_mark_before_the_header_is_no_part_of_the_first_name(tmp_path: Path, header: str, columns: list[str]) -> None:
    (tmp_path / "data.csv").write_text(f"{header}\n1,2\n")
    assert read(tmp_path, header=True).columns == columns


def test_a_column_without_a_name_is_called_by_its_place_in_formats_with_types_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"": [1, 2], "y": [3, 4]})
    frame.write_parquet(tmp_path / "data.parquet")
    frame.write_ndjson(tmp_path / "data.jsonl")
    assert read(tmp_path, "data.parquet").columns == read(tmp_path, "data.jsonl").columns == ["column_1", "y"]


@pytest.mark.parametrize("name", ["*", "^x.*$"])
def test_a_name_that_stands_for_others_is_refused_and_the_advice_works(tmp_path: Path, name: str) -> None:
    (tmp_path / "data.csv").write_text(f"{name},y\n1,2\n")
    assert f"the column name {name} is a pattern that stands for other columns" in refused(tmp_path)
    assert read(tmp_path, names=("x", "y"), header=True).rows() == [("1", "2")]


def test_rows_without_a_value_are_none_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1, None, 3], "y": [None, None, 4]})
    frame.write_parquet(tmp_path / "data.parquet")
    (tmp_path / "data.jsonl").write_text('{"x": 1}\n{}\n\n{"x": 3, "y": 4}\n')
    for name, last in (("data.parquet", "data.parquet, row 3"), ("data.jsonl", "data.jsonl:4")):
        [(part, origins)] = source(TableSource(kind="table", path=name), place(tmp_path)).located_parts()
        assert part["x"].cast(pl.Int64).to_list() == [1, 3]
        assert origins.place(1) == last


def test_a_list_among_plain_values_of_json_is_a_cell_as_it_is_written(tmp_path: Path) -> None:
    lines = [f'{{"x": {number}}}' for number in range(30)]
    (tmp_path / "data.jsonl").write_text("\n".join([*lines, '{"x": [1, {"é": 2.50}]}', ""]))
    assert read(tmp_path, "data.jsonl")["x"].to_list()[-2:] == ["29", '[1, {"é": 2.5}]']


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"x": 1', "data.jsonl:2: not JSON"),
        ("[1, 2]", "data.jsonl:2: no JSON object"),
        ('{"x": [1]}', "data.jsonl:2: x: a list or an object is no cell"),
        ('{"x": {"y": 1}}', "data.jsonl:2: x: a list or an object is no cell"),
        ('{"x": 1, "x": 2}', "data.jsonl:2: a key stands there twice"),
    ],
)
def test_refuses_lines_that_are_no_rows(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "data.jsonl").write_text(f'{{"x": 0}}\n{line}\n')
    assert refused(tmp_path, "data.jsonl").startswith(message)


def test_packed_files_are_unpacked_while_they_are_read(tmp_path: Path) -> None:
    for number in (1, 2):
        pl.DataFrame({"x": [str(number)]}).write_parquet(tmp_path / f"{number}.parquet")
        (tmp_path / f"{number}.csv").write_text(f"x\n{number}\n")
    (tmp_path / "one.csv.gz").write_bytes(gzip.compress((tmp_path / "1.csv").read_bytes()))
    for suffix in ("csv", "parquet"):
        with zipfile.ZipFile(tmp_path / f"{suffix}.zip", "w") as archive:
            for number in (2, 1):
                archive.write(tmp_path / f"{number}.{suffix}", f"inner/{number}.{suffix}")
    assert read(tmp_path, "one.csv.gz").rows() == [("1",)]
    assert read(tmp_path, "csv.zip").rows() == read(tmp_path, "parquet.zip").rows() == [("1",), ("2",)]
    (tmp_path / "other.csv").write_bytes(b"BZh91AY&SY")
    assert "unpack it" in refused(tmp_path, "other.csv")


def test_json_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps({"x": 12345678901234567890, "y": True, "z": "é", "w": None}) + "\n")
    assert read(tmp_path, "data.jsonl").rows() == [("12345678901234567890", "true", "é", None)]


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    with (tmp_path / "data.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([["", "x"], ["0", "a"], ["1", "b"]])
    assert read(tmp_path).columns == ["column_1", "x"]


def test_a_glob_is_watched_where_its_matches_lie(tmp_path):
    (tmp_path / "in").mkdir()
    assert fixed_part(tmp_path, "in/*/part-?.csv") == tmp_path / "in"
    assert fixed_part(tmp_path, "in") == tmp_path / "in"
    assert fixed_part(tmp_path, "in/a.csv") == tmp_path / "in" / "a.csv"
