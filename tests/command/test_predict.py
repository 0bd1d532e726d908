"""`modelwright predict` as a person or a script gives it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tasks.command.cli import main
from tasks.command.predict import default_out
from tasks.paths import Paths
from tasks.scoring import job, one_row
from tests.scoring.shop import answered_by_one_process, lines, registered_shop, write
from tests.trained import elsewhere

pytestmark = pytest.mark.chain

ROW = '{"alter": 71, "ort": "Ulm", "umsatz": "8.000,50", "seit": "03.04.2024"}'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        yield registered_shop(root)


@pytest.fixture(scope="module", autouse=True)
def one_process(shop: Paths) -> Iterator[None]:
    with answered_by_one_process(shop, job, one_row):
        yield


@pytest.fixture(autouse=True)
def in_the_project(shop: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.project.root)


def test_new_rows_are_answered_beside_where_one_is(shop: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop.project.root / "neu.csv", [*lines(20, seed=4), "K;alt;Ulm;1,00;01.01.2024"])
    assert main(["predict", "shop", "neu.csv"]) == 0
    printed = capsys.readouterr().out
    assert "shop version 1 (champion)  neu.csv" in printed
    assert "21 rows: 20 answered, 1 in quarantine" in printed
    assert "neu.csv:22: column alter: 'alt' is no number" in printed
    assert pl.read_csv("neu.predictions.csv").height == 20
    assert pl.read_csv("neu.predictions.quarantine.csv").height == 1


def test_scripts_get_one_json_object_and_options_may_stand_anywhere(
    shop: Paths, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(shop.project.root / "neu.csv", lines(20, seed=4))
    out = tmp_path / "out.parquet"
    assert main(["predict", "shop", "--json", "--offline", "neu.csv", "--out", str(out)]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["model"]["version"] == 1
    assert (outcome["num_rows"], outcome["num_answered"], outcome["num_quarantined"]) == (20, 20, 0)
    assert (outcome["out"], outcome["quarantine"]) == (str(out), None)
    assert outcome["remarks"][0].startswith("offline: answered by the copy of version 1")
    assert pl.read_parquet(out).height == 20


def test_one_row_has_the_answer_that_it_has_in_a_file(
    shop: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop.project.root / "eine.csv", ["K;71;Ulm;8.000,50;03.04.2024"])
    assert main(["predict", "shop", "eine.csv"]) == 0
    capsys.readouterr()
    assert main(["predict", "shop", "--row", ROW, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == pl.read_csv("eine.predictions.csv").drop("row", "kunde").row(0, named=True)
    monkeypatch.setattr("sys.stdin", io.StringIO(ROW))
    assert main(["predict", "shop:1", "--row", "-"]) == 0
    assert "prediction        ja" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"alter": 41}', "--row: lacks ort, umsatz, seit, which the model was trained with; give each, null where"),
        (ROW.replace("alter", "Alter"), "Alter is none of them; did you mean alter?"),
        (ROW.replace("71", '"alt"'), "--row: column alter: 'alt' is no number; give a number"),
        (ROW.replace("71", "[1]"), "--row: alter holds [1]; give a number, text, true, false or null"),
        ("{", "--row: no JSON"),
        ("[1]", "--row: one JSON object is one row"),
    ],
)
def test_a_row_that_cannot_be_read_is_one_message(row: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "shop", "--row", row]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shop"], "give one of the two: new rows (`modelwright predict shop new.csv`), or one row with --row"),
        (
            ["shop", "neu.csv", "--row", ROW],
            "give one of the two: new rows (`modelwright predict shop new.csv`), or one row with --row",
        ),
        (["shop", "nowhere.csv"], "nowhere.csv: there is no such file or folder"),
        (["shop@live", "kunden.csv"], "shop has no alias live; give one of shop:1"),
    ],
)
def test_mistakes_are_one_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("data/new.csv", "new.predictions.csv"),
        ("incoming/*.csv", "new.predictions.csv"),
        ("https://example.org/rows.csv.gz?key=1", "rows.predictions.csv"),
        ("folder/", "folder.predictions.csv"),
        ("sqlite:///shop.db", "shop.predictions.csv"),
    ],
)
def test_answers_are_called_after_their_source(source: str, out: str) -> None:
    assert default_out(source) == out
