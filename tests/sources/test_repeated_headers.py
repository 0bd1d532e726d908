from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.drafting.pipeline import init_pipeline
from tasks.params.sources import TableSource
from tasks.sources import source
from tests.drafting.small_tables import noise, of_kind, project_in, run_stages
from tests.small_tables import place


def test_the_header_again_is_no_row_and_the_others_keep_their_lines(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n1,a\nx,y\n2,b\nx,c\n")
    rows = source(TableSource(kind="table", path="rows.csv", header=True), place(tmp_path))
    [(part, origins)] = rows.located_parts()
    assert part.rows() == [("1", "a"), ("2", "b"), ("x", "c")]
    assert [origins.place(row) for row in range(3)] == ["rows.csv:2", "rows.csv:4", "rows.csv:5"]
    assert rows.remarks() == [
        "1 line has the names of the columns again, first rows.csv:3, as in files that were joined: no rows."
    ]


def test_a_column_of_its_own_name_and_a_table_without_a_header_keep_all_rows(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("text\na\ntext\n")
    (tmp_path / "rows.csv").write_text("x,y\n1,a\nx,y\n")
    for name, settings, num_rows in (("words.csv", {"header": True}, 2), ("rows.csv", {"header": False}, 3)):
        rows = source(TableSource(kind="table", path=name, **settings), place(tmp_path))
        assert pl.concat(rows.parts()).height == num_rows
        assert not rows.remarks()


def test_joined_files_are_told_and_learnt_from_as_one_table(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(noise().write_csv() + noise(seed=1).write_csv() + noise(seed=2).write_csv())
    draft = init_pipeline(project_in(tmp_path), "mine", str(file), "outcome")
    assert (draft.facts.num_rows, draft.facts.types["width"], draft.decisions.target.task) == (1800, "number", "binary")
    [finding] = of_kind(draft, "second_header")
    assert finding.message.startswith("2 lines have the names of the columns again, first ")
    run_stages(tmp_path, "clean")
