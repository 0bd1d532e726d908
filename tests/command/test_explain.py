"""`modelwright explain` on a registered model with a column of every kind: what it prints, writes and refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import files, register
from tasks.command.cli import main
from tasks.model_input.conformal import ConformalRule, KindColumn, set_texts
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.trainers import load
from tests.trained import elsewhere, rows, trained

pytestmark = pytest.mark.chain

RULE = ConformalRule(
    coverage=0.9,
    by="region",
    column=KindColumn(name="region", type="category"),
    num_rows=90,
    common=0.7,
    kinds=("7", "north", None),
    distances=(0.001, 1.0, 0.4),
)
"""Sets of classes, by a column that the model does not read."""


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = trained(root)
        files.write_json(paths.assessment("conformal"), RULE.model_dump(mode="json"))
        register.run(load_pipeline(paths.project.params, "mixed"), paths)
        yield paths


@pytest.fixture
def project(registered: Paths, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.chdir(registered.project.root)
    return registered


def row_of(number: int, **changes: Any) -> dict[str, Any]:
    row = rows(10, 7).row(number, named=True)
    return {**row, "scan": base64.b64encode(row["scan"]).decode(), **changes}


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["explain", *arguments, "--json"]) == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def answer_of(paths: Paths, number: int) -> Any:
    recipe = read_recipe(paths.model / "recipe.json")
    return load(paths.model, recipe.spec()).predict(recipe.encode(rows(10, 7)[number : number + 1]))[0]


def test_reasons_of_one_row_add_up_to_the_models_own_answer(project: Paths, capsys) -> None:
    content = as_json(capsys, "mixed", "--row", json.dumps(row_of(3)))
    assert (content["model"], content["version"]) == ("mixed", 1)
    (row,) = content["rows"]
    assert {reason["column"] for reason in row["reasons"]} == {"weight", "age", "town", "note", "scan"}
    total = row["base"] + sum(reason["amount"] for reason in row["reasons"])
    assert row["unit"] == "log-odds"
    assert total == pytest.approx(row["answer"], abs=1e-9)
    probability = answer_of(project, 3)[1]
    assert 1 / (1 + np.exp(-total)) == pytest.approx(probability, abs=1e-9)
    assert row["probability"] == pytest.approx(probability)
    assert row["class"] == "yes"
    weights = [abs(reason["amount"]) for reason in row["reasons"]]
    assert weights == sorted(weights, reverse=True)


def test_the_words_that_decide_are_marked(project: Paths, capsys) -> None:
    row = as_json(capsys, "mixed", "--row", json.dumps(row_of(3, note="a good one")))["rows"][0]
    note = next(reason for reason in row["reasons"] if reason["column"] == "note")
    amounts = {word["word"]: word["amount"] for word in note["words"]}
    # `good` stands in the notes of all rows of yes, and `one` in all.
    assert amounts["good"] > abs(amounts["one"])
    assert sum(amounts.values()) == pytest.approx(note["amount"])


def test_the_other_class_turns_the_signs_round(project: Paths, capsys) -> None:
    text = json.dumps(row_of(2))
    yes, no = (as_json(capsys, "mixed", "--row", text, "--class", name)["rows"][0] for name in ("yes", "no"))
    assert {reason["column"]: -reason["amount"] for reason in yes["reasons"]} == pytest.approx(
        {reason["column"]: reason["amount"] for reason in no["reasons"]}
    )
    assert yes["probability"] + no["probability"] == pytest.approx(1)


def test_a_person_sees_the_answer_and_its_reasons(project: Paths, capsys) -> None:
    assert main(["explain", "mixed", "--row", json.dumps(row_of(3))]) == 0
    out = capsys.readouterr().out
    assert "mixed version 1 (champion), row 1: yes (probability of yes: " in out
    assert "log-odds of yes: " in out
    assert "by the terms of the linear model" in out
    assert "scan" in out


def test_how_sure_an_answer_is_stands_beside_it(project: Paths, tmp_path: Path, capsys) -> None:
    """By kinds of a column that the model does not read, and as the rule itself has it for the model's own answers."""
    table = rows(10, 7)[:4].with_columns(region=pl.Series(["north", "7", None, "new"]))
    table.write_parquet(tmp_path / "new.parquet")
    recipe = read_recipe(project.model / "recipe.json")
    answers = load(project.model, recipe.spec()).predict(recipe.encode(table)).astype(np.float64)
    expected = set_texts(1 - answers <= np.array([[1.0], [0.001], [0.4], [0.7]]), ("no", "yes"))
    assert expected[0] == '["no", "yes"]'
    content = as_json(capsys, "mixed", str(tmp_path / "new.parquet"))
    assert [(row["coverage"], row["prediction_set"]) for row in content["rows"]] == [(0.9, one) for one in expected]
    assert main(["explain", "mixed", str(tmp_path / "new.parquet"), "--out", str(tmp_path / "sets.csv")]) == 0
    assert 'How sure: among ["no", "yes"], as the truth is in 90 % of rows\n' in capsys.readouterr().out
    assert pl.read_csv(tmp_path / "sets.csv").unique("row", maintain_order=True)["prediction_set"].to_list() == expected
    # Rows without the column have the sets of all rows.
    table.drop("region").write_parquet(tmp_path / "new.parquet")
    common = set_texts(1 - answers <= 0.7, ("no", "yes"))
    sets = [row["prediction_set"] for row in as_json(capsys, "mixed", str(tmp_path / "new.parquet"))["rows"]]
    assert sets == common
    for cells, own in (({}, common[3]), ({"region": 7.0}, set_texts(1 - answers[3:] <= 0.001, ("no", "yes"))[0])):
        given = json.dumps(row_of(3, **cells))
        assert as_json(capsys, "mixed", "--row", given)["rows"][0]["prediction_set"] == own


def test_a_source_becomes_a_page_a_table_or_json(project: Paths, tmp_path: Path, capsys) -> None:
    source = tmp_path / "new.parquet"
    rows(10, 7).write_parquet(source)
    for name in ("r.html", "r.csv", "r.parquet", "r.json"):
        assert main(["explain", "mixed", str(source), "--out", str(tmp_path / name)]) == 0
        assert f"wrote {tmp_path / name}" in capsys.readouterr().out.replace("\n", "")
    table = pl.read_csv(tmp_path / "r.csv")
    sums = table.group_by("row").agg(total=pl.col("amount").sum() + pl.col("base").first(), answer=pl.first("answer"))
    assert sums.height == 10
    np.testing.assert_allclose(sums["total"], sums["answer"])
    assert pl.read_parquet(tmp_path / "r.parquet").height == 50
    assert len(json.loads((tmp_path / "r.json").read_text())) == 10
    html = (tmp_path / "r.html").read_text()
    assert html.count("data:image/png") == 10
    assert "<mark" in html


def test_how_many_rows_are_shown_is_said(project: Paths, tmp_path: Path, capsys, monkeypatch) -> None:
    source = tmp_path / "new.parquet"
    rows(10, 7).write_parquet(source)
    assert main(["explain", "mixed", str(source)]) == 0
    out = capsys.readouterr().out
    assert "5 of 10 rows are shown; --out reasons.csv writes all of them" in out
    assert out.count("log-odds of yes: ") == 5
    assert main(["explain", "mixed", str(source), "--out", str(tmp_path / "r.csv")]) == 0
    assert "5 of 10 rows are shown\n" in capsys.readouterr().out
    monkeypatch.setattr("tasks.command.explain._MOST_COUNTED", 10)
    assert main(["explain", "mixed", str(source)]) == 0
    assert "5 of 10 or more rows are shown" in capsys.readouterr().out
    rows(5, 7).write_parquet(source)
    assert main(["explain", "mixed", str(source)]) == 0
    assert "are shown" not in capsys.readouterr().out


def test_a_row_that_cannot_be_read_is_left_out_and_said(project: Paths, tmp_path: Path, capsys) -> None:
    source = tmp_path / "new.parquet"
    rows(4, 7).with_columns(age=pl.Series(["41", "old", None, "28"])).write_parquet(source)
    content = as_json(capsys, "mixed", str(source))
    assert [row["row"] for row in content["rows"]] == [1, 3, 4]
    assert content["notes"] == ["row 2 is left out: column age: 'old' is no number; give a number"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mixed"], "give a source of rows, or one row with --row"),
        (["mixed", "x.csv", "--row", "{}"], "give a source of rows, or one row with --row"),
        (
            ["mixed", "--row", '{"age": 41}'],
            "--row: lacks weight, town, note, scan, which the model was trained",
        ),
        (["mixed", "--row", '{"age": 41, "region": "x"}'], "which the model was trained with; give each, null where"),
        (["mixed", "--row", '{"age": 41, "weigt": 1}'], "trained with; did you mean weigt? give each, null where"),
        (["mixed", "--row", "[1]"], "one JSON object is one row"),
        (["mixed", "--row", '{"age": '], "no JSON"),
        (["mixd", "--row", "{}"], "did you mean mixed?"),
        (["mixed:7", "--row", "{}"], "mixed has no version 7"),
        (["mixed", "new.csv", "--out", "reasons.txt"], "let it end in .html, .csv, .parquet, .json"),
        (["mixed", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_mistakes_are_told_with_what_to_do(project: Paths, capsys, arguments: list[str], message: str) -> None:
    assert main(["explain", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_a_class_that_there_is_not_and_rows_of_which_none_can_be_read(project: Paths, tmp_path: Path, capsys) -> None:
    assert main(["explain", "mixed", "--row", json.dumps(row_of(1)), "--class", "yess"]) == 2
    assert "--class yess: the model knows no such class; did you mean yes?" in capsys.readouterr().err
    source = tmp_path / "bad.parquet"
    rows(2, 7).with_columns(age=pl.lit("old")).write_parquet(source)
    assert main(["explain", "mixed", str(source)]) == 2
    assert "none of its rows can be read; row 2 is left out: column age: 'old' is no number" in capsys.readouterr().err
    empty = tmp_path / "empty.parquet"
    rows(2, 7).clear().write_parquet(empty)
    assert main(["explain", "mixed", str(empty)]) == 2
    assert "has no rows" in capsys.readouterr().err
    nothing = tmp_path / "nothing.csv"
    nothing.write_text("")
    assert main(["explain", "mixed", str(nothing)]) == 2
    assert "the file is empty; put the data there, or name another file" in capsys.readouterr().err
