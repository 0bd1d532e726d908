"""Answers to new rows, end to end, by a registered model: the same as MLflow's, once each, and no row lost."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.predict import Predict
from tasks.paths import Paths
from tasks.scoring import job, parts
from tasks.scoring.job import score
from tasks.scoring.request import ScoringOutcome
from tasks.scoring.sql_answers import AnswerTable
from tests.postgres import PASSWORD, running_postgres
from tests.registry_servers import folder_of
from tests.scoring.shop import HEADER, answered_by_one_process, lines, registered_shop, request, write
from tests.trained import elsewhere

pytestmark = pytest.mark.chain

SMALL = Predict(rows_per_part=40)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        yield registered_shop(root)


@pytest.fixture(scope="module", autouse=True)
def one_process(shop: Paths) -> Iterator[None]:
    with answered_by_one_process(shop, job):
        yield


def answered(
    shop: Paths, rows: list[str], tmp_path: Path, header: str = HEADER, **more: Any
) -> tuple[ScoringOutcome, pl.DataFrame]:
    out = tmp_path / "out.csv"
    outcome = score(request(shop, write(tmp_path / "new.csv", rows, header), out, **more))
    return outcome, pl.read_csv(out)


def by_mlflow(shop: Paths, rows: list[str]) -> pl.DataFrame:
    """The answers of the registered version to the same cells, from MLflow itself."""
    import pandas as pd
    from mlflow.pyfunc import load_model

    from tasks.tracking import store

    version = store.connect(shop.project).get_model_version("shop", "1")
    cells = list(csv.reader(rows, delimiter=";"))
    frame = pd.DataFrame(cells, columns=HEADER.split(";"), dtype=object).drop(columns="kunde")
    return pl.from_pandas(load_model(str(folder_of(shop.project, str(version.source)))).predict(frame))


def test_answers_are_those_of_the_model_in_mlflow_to_the_last_bit(shop: Paths, tmp_path: Path) -> None:
    rows = lines(100, seed=1)
    outcome, answers = answered(shop, rows, tmp_path, predict=SMALL)
    assert (outcome.num_rows, outcome.num_answered, outcome.num_quarantined) == (100, 100, 0)
    assert answers.columns == [
        "row", "kunde", "prediction", "prediction_set", "probability_ja", "probability_nein", "model_version", "recipe",
    ]  # fmt: skip
    assert answers[:, 2:6].equals(by_mlflow(shop, rows))
    assert {class_name for sets in answers["prediction_set"] for class_name in json.loads(sets)} == {"ja", "nein"}
    assert answers["row"].to_list() == list(range(1, 101))
    assert answers["kunde"].to_list() == [row.split(";")[0] for row in rows]
    assert answers["model_version"].unique().to_list() == [1]
    assert answers["recipe"].unique().to_list() == [outcome.model.recipe]
    assert outcome.model.passport is not None
    assert outcome.model.passport["digests"]["recipe"] == outcome.model.recipe


def test_parquet_holds_the_same_answers_as_csv(shop: Paths, tmp_path: Path) -> None:
    source = write(tmp_path / "new.csv", lines(90, seed=1))
    for name in ("out.csv", "out.parquet"):
        score(request(shop, source, tmp_path / name, predict=SMALL))
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_csv(tmp_path / "out.csv"))


def test_a_bad_row_goes_to_quarantine_and_all_others_are_answered_as_without_it(shop: Paths, tmp_path: Path) -> None:
    rows = lines(100, seed=1)
    bad = [*rows[:50], "K;alt;Ulm;1,00;01.01.2024", *rows[50:], "L;30;Ulm;1,00;99.99.2024"]
    outcome, answers = answered(shop, bad, tmp_path, predict=SMALL)
    assert (outcome.num_rows, outcome.num_answered, outcome.num_quarantined) == (102, 100, 2)
    _, without = answered(shop, rows, tmp_path)
    assert answers.drop("row").equals(without.drop("row"))
    assert sorted({*range(1, 103)} - {*answers["row"].to_list()}) == [51, 102]
    assert outcome.rules == {"unreadable": 2}
    assert len(outcome.examples) == 2


def test_the_quarantine_says_where_which_column_which_value_and_why(shop: Paths, tmp_path: Path) -> None:
    outcome, _ = answered(shop, [*lines(5), "K;alt;Ulm;1,00;01.01.2024"], tmp_path)
    assert outcome.quarantine == tmp_path / "out.quarantine.csv"
    [row] = pl.read_csv(outcome.quarantine, infer_schema=False).to_dicts()
    assert row["_place"].endswith("new.csv:7")
    assert (row["_column"], row["_value"], row["_rule"]) == ("alter", "alt", "unreadable")
    assert row["_reason"] == "column alter: 'alt' is no number; give a number, or text such as 1.234,5"
    assert row["umsatz"] == "1,00"


def test_a_quarantine_that_was_mended_is_answered(shop: Paths, tmp_path: Path) -> None:
    outcome, _ = answered(shop, [*lines(5), "K;alt;Ulm;1,00;01.01.2024"], tmp_path)
    assert outcome.quarantine is not None
    mended = tmp_path / "mended.csv"
    mended.write_text(outcome.quarantine.read_text().replace("alt,", "41,", 1))
    again = score(request(shop, mended, tmp_path / "again.csv"))
    assert (again.num_answered, again.num_quarantined, again.remarks) == (1, 0, ())
    # Nothing is left of the earlier quarantine where the rows are answered in its place.
    score(request(shop, mended, tmp_path / "out.csv"))
    assert not outcome.quarantine.exists()


def test_no_row_that_can_be_answered_is_said_and_writes_no_answers(shop: Paths, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none of 2 rows could be answered.*\n.*new\.csv:2: column alter: 'x' is no n"):
        answered(shop, ["K;x;Ulm;1,00;01.01.2024"] * 2, tmp_path)
    assert not (tmp_path / "out.csv").exists()
    assert pl.read_csv(tmp_path / "out.quarantine.csv").height == 2


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "kunde;Alter;ort;umsatz;seit",
            r"lacks the column alter, which the model was trained with; rename Alter to alter$",
        ),
        (
            "kunde;alter;stadt;umsatz;seit",
            r"lacks the column ort, which the model was trained with; add ort, empty where nothing is known, or rename "
            r"what is meant: it also has kunde, stadt$",
        ),
        ("a;b;c;d;e", r"lacks the columns alter, ort, umsatz, seit, which"),
    ],
)
def test_columns_that_are_missing_or_renamed_are_one_message(
    shop: Paths, tmp_path: Path, header: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        answered(shop, lines(5), tmp_path, header)
    assert [file.name for file in tmp_path.iterdir()] == ["new.csv"]


def test_more_columns_are_told_once_and_other_orders_do_not_matter(shop: Paths, tmp_path: Path) -> None:
    rows = lines(60, seed=1)
    _, answers = answered(shop, rows, tmp_path)
    turned = [";".join([*reversed(row.split(";")), "x"]) for row in rows]
    outcome, others = answered(shop, turned, tmp_path, "seit;umsatz;ort;alter;kunde;more", predict=SMALL)
    assert others.equals(answers)
    assert outcome.remarks == ("ignored, as the model does not ask for it: more",)


def test_another_program_may_have_written_the_file(shop: Paths, tmp_path: Path) -> None:
    rows = lines(60, seed=1)
    _, answers = answered(shop, rows, tmp_path)
    piped = [row.replace(";", "|") for row in rows]
    _, others = answered(shop, piped, tmp_path, HEADER.replace(";", "|"))
    assert others.equals(answers)


def test_typed_rows_have_the_answers_of_the_same_rows_in_text(shop: Paths, tmp_path: Path) -> None:
    rows = lines(60, seed=1)
    _, answers = answered(shop, rows, tmp_path)
    cells = [row.split(";") for row in rows]
    typed = pl.DataFrame(
        {
            "kunde": [row[0] for row in cells],
            "alter": [None if row[1] == "k.A." else int(row[1]) for row in cells],
            "ort": [row[2] for row in cells],
            "umsatz": [float(row[3].replace(".", "").replace(",", ".")) for row in cells],
            "seit": pl.Series([row[4] for row in cells]).str.to_datetime("%d.%m.%Y"),
        }
    )
    typed.write_parquet(tmp_path / "new.parquet")
    score(request(shop, tmp_path / "new.parquet", tmp_path / "typed.csv"))
    assert pl.read_csv(tmp_path / "typed.csv").equals(answers)


def test_no_rows_are_one_message(shop: Paths, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"new\.csv: has no rows"):
        answered(shop, [], tmp_path)


def test_chosen_columns_come_along_and_an_unknown_one_is_named(shop: Paths, tmp_path: Path) -> None:
    rows = lines(5, seed=1)
    _, answers = answered(shop, rows, tmp_path, columns=("umsatz", "ort"))
    assert answers.columns[:4] == ["row", "kunde", "umsatz", "ort"]
    assert answers["umsatz"].to_list() == [row.split(";")[3] for row in rows]
    with pytest.raises(UserError, match=r"--columns: .* has no column umsatzz; did you mean umsatz\?"):
        answered(shop, rows, tmp_path, columns=("umsatzz",))
    with pytest.raises(UserError, match="--columns: prediction is what a column of the answers is called"):
        answered(shop, [f"{row};x" for row in rows], tmp_path, f"{HEADER};prediction", columns=("prediction",))


class CutOffError(Exception):
    """As a kill would come, between two parts."""


@pytest.mark.parametrize("out", ["out.csv", "out.parquet", "sqlite"])
def test_a_run_that_was_cut_off_goes_on_and_ends_with_the_same_answers(
    shop: Paths, tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "new.csv", [*lines(150, seed=1), "K;alt;Ulm;1,00;01.01.2024"])
    place = f"sqlite:///{tmp_path / 'cut.db'}" if out == "sqlite" else tmp_path / out
    done = parts.PartWork.answered

    def cut_off(self: parts.PartWork, one: parts.ReadyPart) -> Any:
        if one.part.number == 2:
            raise CutOffError
        return done(self, one)

    with monkeypatch.context() as patch:
        patch.setattr(parts.PartWork, "answered", cut_off)
        with pytest.raises(CutOffError):
            score(request(shop, source, place, predict=SMALL))
    if out != "sqlite":
        assert not Path(place).exists()
    outcome = score(request(shop, source, place, predict=SMALL))
    # At least the two before; the one behind may be done as well.
    assert outcome.num_parts_kept >= 2
    assert (outcome.num_rows, outcome.num_answered) == (151, 150)
    whole = score(request(shop, source, tmp_path / f"whole{Path(out).suffix or '.csv'}", predict=SMALL))
    assert (outcome.num_rows, outcome.rules, outcome.drift) == (whole.num_rows, whole.rules, whole.drift)
    if out == "sqlite":
        assert rows_of(tmp_path / "cut.db") == pl.read_csv(tmp_path / "whole.csv").rows()
    else:
        assert Path(place).read_bytes() == (tmp_path / f"whole{Path(out).suffix}").read_bytes()
    assert not list(tmp_path.glob(".*"))


def rows_of(database: Path) -> list[Any]:
    with sqlite3.connect(database) as connection:
        return connection.execute("SELECT * FROM predictions ORDER BY row").fetchall()


def test_a_table_has_each_answer_once_however_often_it_is_asked(
    shop: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source, place = write(tmp_path / "new.csv", lines(90, seed=1)), f"sqlite:///{tmp_path / 'a.db'}"
    assert score(request(shop, source, place, predict=SMALL)).remarks == ()
    again = score(request(shop, source, place, predict=SMALL))
    assert again.remarks == (
        f"{place}, table predictions had the answers of 3 parts already; they were not written again",
    )
    assert len(rows_of(tmp_path / "a.db")) == 90
    # A set is the same text in a table as in a file.
    assert rows_of(tmp_path / "a.db") == answered(shop, lines(90, seed=1), tmp_path, predict=SMALL)[1].rows()
    # Other rows are other answers.
    score(request(shop, write(source, lines(10, seed=2)), place))
    assert len(rows_of(tmp_path / "a.db")) == 100


def test_postgresql_has_each_answer_once_also_when_the_server_goes_in_between(
    shop: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    source = write(tmp_path / "new.csv", lines(90, seed=1))
    written = AnswerTable.keep

    with running_postgres() as server:

        def ask() -> ScoringOutcome:
            return score(request(shop, source, server.url, predict=SMALL, password_env="SHOP_PASSWORD"))

        def cut_off(self: AnswerTable, number: int, answers: pl.DataFrame) -> pl.DataFrame | None:
            def in_the_transaction(size: int) -> Iterator[pl.DataFrame]:
                if number == 1:
                    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
                yield from answers.iter_slices(size)

            slow: Any = SimpleNamespace(schema=answers.schema, height=answers.height, iter_slices=in_the_transaction)
            return written(self, number, slow)

        with monkeypatch.context() as patch:
            patch.setattr(AnswerTable, "keep", cut_off)
            with pytest.raises(UserError, match="the same command goes on from there") as caught:
                ask()
        assert PASSWORD not in str(caught.value)
        # Others of its parts may be there, and whole.
        assert server.run("SELECT sum(num_rows) FROM modelwright_parts WHERE part = 1") == [(None,)]
        assert server.run("SELECT count(*) FROM predictions WHERE row BETWEEN 41 AND 80") == [(0,)]
        for _ in range(2):
            assert ask().num_answered == 90
            assert server.run("SELECT count(*), count(DISTINCT kunde) FROM predictions") == [(90, 90)]
        told = server.run("SELECT row, prediction, prediction_set, probability_ja FROM predictions ORDER BY row")
        sizes = server.run("SELECT json_array_length(prediction_set::json) FROM predictions ORDER BY row")
    _, answers = answered(shop, lines(90, seed=1), tmp_path)
    assert told == answers.select("row", "prediction", "prediction_set", "probability_ja").rows()
    assert sizes == [(len(json.loads(one)),) for one in answers["prediction_set"]]


def test_a_line_that_is_no_row_goes_to_quarantine_too(shop: Paths, tmp_path: Path) -> None:
    rows = lines(100, seed=1)
    _, without = answered(shop, rows, tmp_path)
    broken = [*rows[:60], "K;41;Ulm", *rows[60:], "K;1;2;3;4;5;6"]
    outcome, answers = answered(shop, broken, tmp_path, predict=SMALL)
    assert answers.equals(without)
    assert (outcome.num_rows, outcome.num_answered, outcome.rules) == (102, 100, {"broken line": 2})
    assert outcome.quarantine is not None
    quarantined = pl.read_csv(outcome.quarantine, infer_schema=False).sort("_place")
    assert [place.rpartition("/")[2] for place in quarantined["_place"]] == ["new.csv:103", "new.csv:62"]
    assert quarantined["_value"].to_list() == [broken[-1], "K;41;Ulm"]


def test_a_quote_that_is_never_closed_costs_its_line_alone(shop: Paths, tmp_path: Path) -> None:
    rows = [row.replace("Köln", '"Köln"').replace("Ulm", '"Ulm"') for row in lines(100, seed=1)]
    _, without = answered(shop, rows, tmp_path)
    for place in (60, 100):
        broken = [*rows[:place], 'K;41;"Ulm;7,50;01.02.2024', *rows[place:]]
        outcome, answers = answered(shop, broken, tmp_path, predict=SMALL)
        assert answers.equals(without)
        assert (outcome.num_rows, outcome.num_answered, outcome.rules) == (101, 100, {"broken line": 1})
        assert outcome.quarantine is not None
        quarantined = pl.read_csv(outcome.quarantine, infer_schema=False)
        assert quarantined["_place"][0].endswith(f"new.csv:{place + 2}")
        assert quarantined["_value"][0] == 'K;41;"Ulm;7,50;01.02.2024'
        assert "never closed" in quarantined["_reason"][0]


def test_a_line_that_is_no_json_costs_itself_alone(shop: Paths, tmp_path: Path) -> None:
    rows = [json.dumps(dict(zip(HEADER.split(";"), row.split(";"), strict=True))) for row in lines(100, seed=1)]
    _, without = answered(shop, lines(100, seed=1), tmp_path)
    broken = [rows[0][:-9], *rows[:60], "[1, 2]", "", *rows[60:], '{"kunde": 1, "kunde": 2}']
    source = tmp_path / "new.jsonl"
    source.write_text("\n".join(broken))
    outcome = score(request(shop, source, tmp_path / "out.csv", predict=SMALL))
    assert (outcome.num_rows, outcome.num_answered, outcome.rules) == (103, 100, {"broken line": 3})
    # Rows are numbered among those that are rows.
    assert pl.read_csv(tmp_path / "out.csv").equals(without)
    assert outcome.quarantine is not None
    quarantined = pl.read_csv(outcome.quarantine, infer_schema=False)
    places = {place.rpartition(":")[2] for place in quarantined["_place"]}
    assert places == {"1", "62", "104"}
    source.write_text("\n".join(["{", *["["] * 5]))
    with pytest.raises(UserError, match=r"new\.jsonl:1: not JSON .* write one object a line"):
        score(request(shop, source, tmp_path / "none.csv"))


def test_a_file_without_a_line_that_is_a_row_says_how_its_lines_are(shop: Paths, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"new\.csv:2: 1 cell, not 5, and so on: no line is a row .*--set separator=VALUE"
    ):
        answered(shop, [row.replace(";", "|") for row in lines(5)], tmp_path)


def test_rows_without_an_id_are_told_apart_by_their_number(shop: Paths, tmp_path: Path) -> None:
    rows = [row.partition(";")[2] for row in lines(30, seed=1)]
    _, answers = answered(shop, rows, tmp_path, HEADER.partition(";")[2])
    assert answers.columns[:2] == ["row", "prediction"]
    assert answers["row"].to_list() == list(range(1, 31))


def test_other_rows_in_the_source_begin_anew(shop: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = write(tmp_path / "new.csv", lines(90, seed=1)), tmp_path / "out.csv"

    def cut_off(self: parts.PartWork, one: parts.ReadyPart) -> Any:
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(parts.PartWork, "answered", cut_off)
        with pytest.raises(CutOffError):
            score(request(shop, source, out, predict=SMALL))
    outcome = score(request(shop, write(source, lines(80, seed=2)), out, predict=SMALL))
    assert (outcome.num_parts_kept, pl.read_csv(out).height) == (0, 80)


@pytest.mark.parametrize(
    ("predict", "num_quarantined", "warned"),
    [
        (Predict(), 1, False),
        (Predict(suite="warning"), 0, True),
        (Predict(severities={"alter": "warning"}), 0, True),
        (Predict(severities={"alter": "critical"}), 1, False),
        (Predict(severities={"expect_column_values_to_be_between(alter)": "critical"}), 1, False),
        (Predict(suite="ignore"), 0, False),
        (Predict(suite="warning", severities={"alter": "ignore"}), 0, False),
    ],
)
def test_the_suite_is_asked_with_severities_of_its_own(
    shop: Paths, tmp_path: Path, predict: Predict, num_quarantined: int, warned: bool
) -> None:
    rule = "expect_column_values_to_be_between(alter)"
    outcome, answers = answered(
        shop, [*lines(20, seed=1)[1:], "K;999;Ulm;1.000,00;01.01.2024"], tmp_path, predict=predict
    )
    assert (outcome.num_quarantined, answers.height) == (num_quarantined, 20 - num_quarantined)
    assert outcome.warnings.get(rule) == (1 if warned else None)
    assert outcome.rules == ({rule: 1} if num_quarantined else {})
    if outcome.quarantine:
        row = pl.read_csv(outcome.quarantine, infer_schema=False).row(0, named=True)
        assert (row["_column"], row["_value"], row["_rule"]) == ("alter", "999", rule)


def test_a_severity_of_nothing_that_the_suite_has_is_named(shop: Paths, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"predict\.severities names 'altar', .*; did you mean alter\?"):
        answered(shop, lines(5), tmp_path, predict=Predict(severities={"altar": "ignore"}))


def test_drift_is_told_where_there_is_some_and_is_silent_where_there_is_none(shop: Paths, tmp_path: Path) -> None:
    same, _ = answered(shop, lines(400, seed=3), tmp_path)
    assert (same.drift, same.remarks) == ((), ())
    # The answers may be known, as of rows that were asked about before.
    known, _ = answered(shop, lines(400, seed=3, answered=True), tmp_path, f"{HEADER};kauft")
    assert (known.drift, known.remarks) == ((), ())
    older = [row.replace(row.split(";")[1], "78", 1) for row in lines(400, seed=3)]
    outcome, _ = answered(shop, older, tmp_path)
    assert {warning["column"] for warning in outcome.drift} >= {"alter"}


def test_rows_that_a_program_wrote_are_compared_by_the_values_that_are_answered(shop: Paths, tmp_path: Path) -> None:
    """1234.5 and 2024-12-31 beside a source that writes 1.234,5 and 31.12.2024: read by the model, they are missing to
    nobody else."""
    rows = [row.split(";") for row in lines(400, seed=3)]
    plain = [
        [who, age, town, spent.replace(".", "").replace(",", "."), "-".join(reversed(since.split(".")))]
        for who, age, town, spent, since in rows
    ]
    by_people, answers = answered(shop, [";".join(row) for row in rows], tmp_path)
    by_program, same = answered(shop, [";".join(row) for row in plain], tmp_path)
    assert same.equals(answers)
    assert (by_program.warnings, by_program.drift) == (by_people.warnings, by_people.drift) == ({}, ())


def test_two_at_once_into_one_place_are_refused(shop: Paths, tmp_path: Path) -> None:
    from filelock import FileLock

    with FileLock(tmp_path / ".out.csv.parts.lock"), pytest.raises(UserError, match="another process is writing these"):
        answered(shop, lines(5), tmp_path)


@pytest.mark.parametrize(("out", "message"), [("out.txt", "neither .csv nor .parquet"), ("folder.csv", "is a folder")])
def test_a_place_that_is_none_is_said_before_any_row_is_answered(
    shop: Paths, tmp_path: Path, out: str, message: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=message):
        score(request(shop, write(tmp_path / "new.csv", lines(5)), tmp_path / out))
