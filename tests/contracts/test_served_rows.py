"""A raw row gets the answer that the same row got in training: by whatever way it comes, and however it is written.

Six sources hold the same rows: five write them as Germans, Americans, the French, the Swiss or Indians do, one has
typed them. A small model is trained on each. Every writing of every column is then given by every way, and the answers
must be those of the test rows, to the last bit.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks import augment, clean, ingest, normalize, split
from tasks.evaluate import predict_rows
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.ingest import Ingest
from tasks.params.normalize import Normalize
from tasks.params.sklearn import LogisticRegression, SklearnTrain
from tasks.params.split import HashSplit
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.tables import storage
from tasks.tracking import package
from tasks.trainers import fit, load
from tasks.training.job import read_job
from tasks.training.result import write_model
from tests.small_tables import pipeline_in

pytestmark = pytest.mark.chain

NUM_ROWS = 240
TRAIN = SklearnTrain(kind="sklearn", estimator=LogisticRegression(kind="logistic_regression"))
BERLIN = timezone(timedelta(hours=1))

Writing = Callable[[Any], Any]
Row = dict[str, Any]


def true_rows() -> list[Row]:
    """What is meant, typed; None is missing. Every column but `row` tells the label a little."""
    drawn = np.random.default_rng(0)
    rows: list[Row] = []
    for number in range(NUM_ROWS):
        good = number % 2
        start = datetime(2023, 1, 1) + timedelta(days=int(drawn.integers(0, 300)) + 60 * good)
        row = {
            "row": 10_000 + number,
            # Every fourth has no fraction: some batches of whole numbers happen to be of a column of fractions.
            "price": float(drawn.integers(100, 900_000) + 50_000 * good) + [0.0, 0.25, 0.5, 0.15][number % 4],
            "count": int(drawn.integers(1, 800) * 1_000 + 50_500 * good),
            "heat": float(drawn.integers(-40, 300) + 50 * good) / 10,
            "discount": float(drawn.integers(20, 200) + 30 * good) / 10,
            "lasted": timedelta(seconds=int(drawn.integers(30, 4_000)) + 900 * good, milliseconds=250),
            "kind": ["blue", "red"][int(drawn.random() < 0.3 + 0.4 * good)],
            "code": ["007", "042", "100"][int(drawn.integers(0, 2)) + good],
            # Neighbours above 2^53, which are one float64.
            "device": 2**53 + int(drawn.integers(0, 4)) + good,
            "opens": time(7 + int(drawn.integers(0, 2)) + good, 30),
            "paid": bool(drawn.random() < 0.3 + 0.4 * good),
            "day": start,
            "time": start + timedelta(minutes=int(drawn.integers(0, 1440))),
            "note": f"{['bad', 'good'][good]} {drawn.integers(0, 9)} days",
        }
        gaps = {name for name in ("price", "count", "heat", "kind", "paid", "day") if drawn.random() < 0.15}
        rows.append({name: None if name in gaps else value for name, value in row.items()} | {"label": "yn"[good]})
    return rows


def german_number(value: float) -> str:
    return f"{value:,}".translate(str.maketrans(",.", ".,"))


def french_number(text: str) -> str:
    return text.translate(str.maketrans(",.", " ,"))


def swiss_number(text: str) -> str:
    return text.replace(",", "'")


def indian_number(value: float, digits: int) -> str:
    """12,34,567.50: a group of three, and before it groups of two."""
    whole, _, fraction = f"{value:.{digits}f}".partition(".")
    rest, last = whole[:-3], whole[-3:]
    pairs = [rest[max(0, end - 2) : end] for end in range(len(rest), 0, -2)][::-1]
    return ",".join([*pairs, last]) + (f".{fraction}" if digits else "")


def seconds(value: timedelta) -> float:
    return value.total_seconds()


def missing_as(mark: str, writing: Writing) -> Writing:
    return lambda value: mark if value is None else writing(value)


@dataclass(frozen=True)
class Written:
    """A source: how it writes each column, and what has to be said of it."""

    writings: dict[str, Writing]
    source: Row
    columns: Row

    def cells(self, row: Row) -> Row:
        return {name: self.writings[name](value) if name in self.writings else value for name, value in row.items()}


COLUMNS = {
    "row": {"role": "id"},
    "code": {"type": "category"},
    "device": {"type": "category"},
    "opens": {"type": "category"},
    "note": {"type": "text"},
}

SOURCES = {
    "german": Written(
        writings={
            "price": missing_as("k.A.", lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,"))),
            "count": missing_as("?", german_number),
            "heat": missing_as("-999", german_number),
            "discount": lambda value: f"{value:.1f} %".replace(".", ","),
            "lasted": lambda value: german_number(seconds(value)),
            "kind": missing_as("?", str),
            "paid": missing_as("", lambda value: "yes" if value else "no"),
            "day": missing_as("", lambda value: f"{value:%d.%m.%Y}"),
            "time": lambda value: f"{value:%d.%m.%Y %H:%M}",
        },
        source={"separator": ";", "decimal": ",", "thousands": ".", "missing": ["", "?"]},
        columns={**COLUMNS, "heat": {"missing": ["-999"]}, "price": {"missing": ["k.A.", "-1"]}},
    ),
    "american": Written(
        writings={
            "price": missing_as("", lambda value: f"{value:,.2f}"),
            "count": missing_as("n/a", lambda value: f"{value:,}"),
            "heat": missing_as("-999.9", str),
            "discount": lambda value: f"${value:,.1f}",
            "lasted": seconds,
            "kind": missing_as("NULL", str),
            "paid": missing_as("", lambda value: "TRUE" if value else "FALSE"),
            "day": missing_as("", lambda value: f"{value:%m/%d/%Y}"),
            "time": lambda value: f"{value:%Y-%m-%dT%H:%M:%S}Z",
        },
        source={"thousands": ",", "missing": ["", "n/a", "NULL"]},
        columns={**COLUMNS, "heat": {"missing": ["-999.9"]}},
    ),
    "french": Written(
        writings={
            "price": missing_as("n.d.", lambda value: french_number(f"{value:,.2f}")),
            "count": missing_as("n.d.", lambda value: french_number(f"{value:,}")),
            "heat": missing_as("n.d.", lambda value: french_number(str(value))),
            "discount": lambda value: french_number(f"{value:.2f} €"),
            "lasted": lambda value: french_number(str(seconds(value))),
            "kind": missing_as("n.d.", str),
            "paid": missing_as("n.d.", lambda value: "t" if value else "f"),
            "day": missing_as("0", lambda value: str(int(value.replace(tzinfo=UTC).timestamp()))),
            "time": lambda value: f"{value:%Y%m%d%H%M}",
        },
        source={"separator": "\t", "decimal": ",", "thousands": " ", "missing": ["", "n.d."]},
        columns={
            **COLUMNS,
            "day": {"type": "timestamp", "format": "epoch seconds", "missing": ["0"]},
            "time": {"type": "timestamp", "format": "%Y%m%d%H%M"},
        },
    ),
    "swiss": Written(
        writings={
            "price": missing_as("-", lambda value: swiss_number(f"{value:,.2f}")),
            "count": missing_as("-", lambda value: swiss_number(f"{value:,}")),
            "heat": missing_as("-", str),
            "discount": lambda value: f"CHF {value:,.2f}",
            "lasted": lambda value: swiss_number(f"{seconds(value):,.2f}"),
            "kind": missing_as("-", str),
            "paid": missing_as("-", lambda value: "1" if value else "0"),
            "day": missing_as("-", lambda value: f"{value:%d.%m.%y}"),
            "time": lambda value: f"{value:%d.%m.%y %H:%M:%S}",
        },
        source={"separator": ";", "thousands": "'", "missing": ["", "-"]},
        columns={**COLUMNS, "paid": {"type": "boolean"}},
    ),
    "indian": Written(
        writings={
            "price": missing_as("NA", lambda value: indian_number(value, 2)),
            "count": missing_as("NA", lambda value: indian_number(value, 0)),
            "heat": missing_as("NA", str),
            "discount": lambda value: f"₹{indian_number(value, 2)}",
            "lasted": seconds,
            "kind": missing_as("NA", str),
            "paid": missing_as("NA", lambda value: "Y" if value else "N"),
            "day": missing_as("NA", lambda value: f"{value:%d-%m-%Y}"),
            "time": lambda value: f"{value:%d-%m-%Y %I:%M %p}",
        },
        source={"thousands": ",", "missing": ["", "NA"]},
        columns=COLUMNS,
    ),
    "typed": Written(
        writings={"heat": lambda value: -999.9 if value is None else value},
        source={"format": "parquet"},
        columns={**COLUMNS, "heat": {"missing": ["-999.9"]}},
    ),
}


@dataclass(frozen=True)
class Trained:
    """A source's model as MLflow serves it, and what the test rows were answered."""

    served: Any
    rows: list[Row]
    """The test rows as they are meant, in the order of the answers."""
    cells: list[Row]
    """The same as the source writes them."""
    answers: NDArray[np.float64]
    without: dict[str, NDArray[np.float64]]
    """The answers to the same rows without a value in this column, by training's own way."""


def as_csv_file(cells: list[Row], file: Path, separator: str) -> None:
    # polars writes times of day with nine decimals.
    pl.DataFrame(cells).cast({pl.Time: pl.String}).write_csv(file, separator=separator)


def write_source(root: Path, written: Written) -> str:
    rows = true_rows()
    if written.source.get("format") == "parquet":
        frame = pl.DataFrame(rows).with_columns(heat=pl.col("heat").fill_null(-999.9))
        frame.write_parquet(root / "rows.parquet")
        return "rows.parquet"
    as_csv_file([written.cells(row) for row in rows], root / "rows.csv", written.source.get("separator", ","))
    return "rows.csv"


def trained(root: Path, written: Written) -> Paths:
    """The stages from ingest to train."""
    paths = pipeline_in(root)
    source = {"kind": "table", "path": write_source(root, written), **written.source}
    config = {"source": source, "target": "label", "columns": written.columns}
    ingest.run(Ingest.model_validate(config), paths)
    storage.write_parts(paths.valid, storage.read_parts(paths.raw))
    split.run(HashSplit(test=0.2, key=("row",)), paths)
    clean.run(Clean.model_validate({}), paths)
    normalize.run(Normalize.model_validate({"text": {"min_documents": 1}}), paths)
    augment.run(Augment.model_validate({}), paths)
    write_model(paths, fit(read_job(TRAIN, paths, read_recipe(paths.recipe), []), TRAIN))
    return paths


@contextlib.contextmanager
def served(paths: Paths, written: Written) -> Iterator[Trained]:
    import mlflow
    from mlflow.models import Model

    recipe, test = read_recipe(paths.model / "recipe.json"), storage.read_table(paths.clean("test"))
    by_number = {row["row"]: row for row in true_rows()}
    rows = [by_number[int(number)] for number in test["row"]]
    with package.packaged(paths.model, test, Model(), paths.checkpoints) as folder:
        yield Trained(
            served=mlflow.pyfunc.load_model(str(folder)),
            rows=rows,
            cells=[written.cells(row) for row in rows],
            answers=predict_rows(recipe, paths).y_score,
            without={name: answers_without(name, recipe, test, paths) for name in test.columns},
        )


def answers_without(name: str, recipe: Recipe, test: pl.DataFrame, paths: Paths) -> NDArray[np.float64]:
    gone = test.with_columns(pl.lit(None, dtype=test.schema[name]).alias(name))
    return np.asarray(load(paths.model, recipe.spec()).predict(recipe.encode(gone)), dtype=np.float64)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Trained]]:
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(served(trained(tmp_path_factory.mktemp(name), written), written))
            for name, written in SOURCES.items()
        }


def as_frame(model: Any, rows: list[Row], columns: list[str]) -> Any:
    return model.predict(pd.DataFrame(rows, columns=columns))


def asked(model: Any, content: str | bytes, content_type: str) -> pd.DataFrame:
    """As the server's own endpoint answers."""
    from mlflow.pyfunc import scoring_server

    reply = scoring_server.invocations(content, content_type, model, model.metadata.get_input_schema())
    assert reply.status == 200, reply.response
    return pd.DataFrame(json.loads(reply.response)["predictions"])


def as_split(model: Any, rows: list[Row], columns: list[str]) -> Any:
    data = [[row[name] for name in columns] for row in rows]
    return asked(model, json.dumps({"dataframe_split": {"columns": columns, "data": data}}), "application/json")


def as_records(model: Any, rows: list[Row], columns: list[str]) -> Any:
    return asked(model, json.dumps({"dataframe_records": rows}), "application/json")


def as_instances(model: Any, rows: list[Row], columns: list[str]) -> Any:
    """Gaps are keys that are left out, but for those of the first row: a column that no row has is refused."""
    others = [{name: value for name, value in row.items() if value is not None} for row in rows[1:]]
    return asked(model, json.dumps({"instances": [*rows[:1], *others]}), "application/json")


def as_inputs(model: Any, rows: list[Row], columns: list[str]) -> Any:
    inputs = {name: [row[name] for row in rows] for name in columns}
    return asked(model, json.dumps({"inputs": inputs}), "application/json")


def as_csv(model: Any, rows: list[Row], columns: list[str], separator: str = ",") -> Any:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return asked(model, text.getvalue(), "text/csv")


WAYS: dict[str, Callable[[Any, list[Row], list[str]], Any]] = {
    "frame": as_frame,
    "split": as_split,
    "records": as_records,
    "instances": as_instances,
    "inputs": as_inputs,
    "csv": as_csv,
}


def probabilities(answers: pd.DataFrame) -> NDArray[np.float64]:
    return answers[["probability_n", "probability_y"]].to_numpy()


def asking(trained: Trained, way: str, changed: Row | None = None) -> NDArray[np.float64]:
    """The test rows as the source writes them, with these columns written otherwise."""
    columns = [name for name in trained.cells[0] if name not in ("row", "label")]
    changed = changed or {}
    rows = [
        {name: changed[name][number] if name in changed else cells[name] for name in columns}
        for number, cells in enumerate(trained.cells)
    ]
    if way != "frame":
        # What a client of the server has to do with times of its own.
        rows = [{name: as_json(value) for name, value in row.items()} for row in rows]
    return probabilities(WAYS[way](trained.served, rows, columns))


def as_json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return seconds(value)
    return value.isoformat() if isinstance(value, datetime | time) else value


def typed(value: Any) -> Any:
    return value


def whole_where_whole(value: float) -> float:
    return int(value) if value.is_integer() else value


NUMBERS: dict[str, Writing] = {
    "typed": typed,
    "whole where whole": whole_where_whole,
    "Decimal": lambda value: Decimal(str(value)),
    "numpy": np.float64,
    "plain text": lambda value: f"{value:.2f}" if value >= 1_000 or value % 1 else str(int(value)),
    "in blanks": lambda value: f" {value:.2f} ",
}
TIMES: dict[str, Writing] = {
    "typed": typed,
    "pandas": pd.Timestamp,
    "numpy": np.datetime64,
    "with a zone": lambda value: value.replace(tzinfo=UTC).astimezone(BERLIN),
    "ISO 8601": lambda value: value.isoformat(),
    "ISO 8601 with a blank": lambda value: f"{value:%Y-%m-%d %H:%M:%S}",
    "ISO 8601 in UTC": lambda value: f"{value:%Y-%m-%dT%H:%M:%S}Z",
    "ISO 8601 with a zone": lambda value: value.replace(tzinfo=UTC).astimezone(BERLIN).isoformat(),
}
WRITINGS: dict[str, dict[str, Writing]] = {
    "price": NUMBERS,
    "heat": NUMBERS,
    "discount": NUMBERS,
    "lasted": {
        "typed": typed,
        "seconds": seconds,
        "pandas": pd.Timedelta,
        "plain text": lambda value: str(seconds(value)),
    },
    "count": {
        "typed": typed,
        "with a fraction of 0": float,
        "Decimal": Decimal,
        "numpy": np.int64,
        "plain text": str,
    },
    "kind": {"typed": typed, "in blanks": lambda value: f" {value} "},
    "code": {"typed": typed, "as numbers": int, "as numbers with a fraction": float, "Decimal": Decimal},
    "device": {"typed": typed, "numpy": np.int64, "Decimal": Decimal, "plain text": str},
    "opens": {"typed": typed, "plain text": str},
    "paid": {
        "typed": typed,
        "numpy": np.bool_,
        "number": int,
        "number with a fraction": float,
        "words": lambda value: "on" if value else "off",
        "digits": lambda value: "1" if value else "0",
        "capitals": lambda value: " True" if value else "FALSE ",
    },
    "day": TIMES | {"date": lambda value: value.date(), "ISO 8601 day": lambda value: f"{value:%Y-%m-%d}"},
    "time": TIMES,
    "note": {"typed": typed},
}
ONLY_IN_FRAMES = ("Decimal", "numpy", "pandas", "with a zone", "date")
# Text that says 7 says nothing of 007: what has lost its zeros in a CSV file has lost them.
NOT_IN_CSV = ("as numbers", "as numbers with a fraction")


def writings_by(way: str) -> dict[str, list[str]]:
    """Those that can be given so, by column."""
    return {
        column: [
            writing
            for writing in writings
            if (way == "frame" or writing not in ONLY_IN_FRAMES) and (way != "csv" or writing not in NOT_IN_CSV)
        ]
        for column, writings in WRITINGS.items()
    }


# Column by column on one source, so that a failure names what fails.
CASES = [
    (way, column, writing) for way in WAYS for column, writings in writings_by(way).items() for writing in writings
]
# On all of them the first writings of all columns at once, then the second ones, and so on.
TURNS = [
    (source, way, turn)
    for source in SOURCES
    for way in WAYS
    for turn in range(max(len(writings) for writings in writings_by(way).values()))
]
SOURCES_AND_WAYS = [
    *(("german", way) for way in WAYS),
    *(("american", way) for way in ("frame", "csv")),
    *(("typed", way) for way in ("frame", "split")),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("source", SOURCES)
def test_rows_as_the_source_writes_them(models: dict[str, Trained], source: str, way: str) -> None:
    assert len(models[source].rows) > 30
    np.testing.assert_array_equal(asking(models[source], way), models[source].answers)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("source", SOURCES)
def test_rows_in_which_every_value_is_typed(models: dict[str, Trained], source: str, way: str) -> None:
    rows = models[source].rows
    typed_columns = {name: [row[name] for row in rows] for name in WRITINGS}
    np.testing.assert_array_equal(asking(models[source], way, typed_columns), models[source].answers)


def written_as(model: Trained, column: str, writing: str) -> list[Any]:
    write = WRITINGS[column][writing]
    return [None if row[column] is None else write(row[column]) for row in model.rows]


@pytest.mark.parametrize(("way", "column", "writing"), CASES)
def test_every_writing_of_a_column(models: dict[str, Trained], way: str, column: str, writing: str) -> None:
    model = models["german"]
    answers = asking(model, way, {column: written_as(model, column, writing)})
    np.testing.assert_array_equal(answers, model.answers)


@pytest.mark.parametrize(("source", "way", "turn"), TURNS)
def test_every_writing_by_every_way(models: dict[str, Trained], source: str, way: str, turn: int) -> None:
    chosen = {column: writings[turn % len(writings)] for column, writings in writings_by(way).items()}
    changed = {column: written_as(models[source], column, writing) for column, writing in chosen.items()}
    np.testing.assert_array_equal(asking(models[source], way, changed), models[source].answers)


MISSING: dict[str, Any] = {"None": None, "NaN": float("nan"), "NA": pd.NA, "NaT": pd.NaT}


@pytest.mark.parametrize("column", WRITINGS)
@pytest.mark.parametrize(("source", "way"), SOURCES_AND_WAYS)
def test_a_column_without_any_value(models: dict[str, Trained], source: str, column: str, way: str) -> None:
    model = models[source]
    marks = MISSING if way == "frame" else {"None": None}
    for mark in marks.values():
        answers = asking(model, way, {column: [mark] * len(model.rows)})
        np.testing.assert_array_equal(answers, model.without[column])


MARKS = [
    ("german", "price", ["k.A.", "?", "", -1, -1.0]),
    ("german", "heat", ["-999", "?", "", -999, -999.0, Decimal(-999)]),
    ("german", "kind", ["?", ""]),
    ("american", "heat", ["-999.9", "n/a", "NULL", "", -999.9]),
    ("american", "day", ["n/a", ""]),
    ("typed", "heat", ["-999.9", "", -999.9]),
]


@pytest.mark.parametrize(("source", "column", "marks"), MARKS)
def test_what_stands_for_a_missing_value_is_missing(
    models: dict[str, Trained], source: str, column: str, marks: list[Any]
) -> None:
    model = models[source]
    for mark in marks:
        answers = asking(model, "frame", {column: [mark] * len(model.rows)})
        np.testing.assert_array_equal(answers, model.without[column])


@pytest.mark.parametrize("source", SOURCES)
def test_columns_as_pandas_types_them(models: dict[str, Trained], source: str) -> None:
    """Int64 and boolean with gaps, times with a zone and without, float32's wider brother, pandas' own strings."""
    model = models[source]
    frame = pd.DataFrame(model.rows).astype({"count": "Int64", "paid": "boolean", "kind": "string", "price": "Float64"})
    assert frame["count"].isna().any()
    utc = frame.assign(time=frame["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    for given in (frame, utc, frame.astype({"kind": "category", "code": "category"})):
        np.testing.assert_array_equal(probabilities(model.served.predict(given)), model.answers)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_row_is_answered_the_same_whatever_stands_beside_it(
    models: dict[str, Trained], source: str, way: str
) -> None:
    model = models[source]
    columns = list(WRITINGS)
    alone = [
        probabilities(WAYS[way](model.served, [{name: as_json(row[name]) for name in columns}], columns))
        for row in model.rows[:5]
    ]
    np.testing.assert_array_equal(np.concatenate(alone), model.answers[:5])


@pytest.mark.parametrize("way", WAYS)
def test_no_rows_are_answered_by_none(models: dict[str, Trained], way: str) -> None:
    for model in models.values():
        assert len(WAYS[way](model.served, [], list(WRITINGS))) == 0


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_of_parquet_is_answered(models: dict[str, Trained], source: str) -> None:
    """As text and typed: MLflow's server takes such bodies too."""
    model = models[source]
    for rows in (model.rows, model.cells):
        body = io.BytesIO()
        pl.DataFrame(rows).write_parquet(body)
        answers = asked(model.served, body.getvalue(), "application/vnd.apache.parquet")
        np.testing.assert_array_equal(probabilities(answers), model.answers)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_may_be_separated_as_the_file_is(models: dict[str, Trained], separator: str) -> None:
    model = models["german"]
    answers = as_csv(model.served, model.cells, list(model.cells[0]), separator)
    np.testing.assert_array_equal(probabilities(answers), model.answers)


def test_the_file_read_by_pandas(models: dict[str, Trained], tmp_path: Path) -> None:
    """As text, and with the types that pandas finds when it is told of commas and points. (It would take 31.01.2024 for
    31012024, and the model refuses that.)"""
    model = models["german"]
    as_csv_file(model.cells, tmp_path / "new.csv", ";")
    told = pd.read_csv(tmp_path / "new.csv", sep=";", decimal=",", thousands=".", dtype={"day": str})
    assert told["count"].dtype != told["heat"].dtype
    for frame in (pd.read_csv(tmp_path / "new.csv", sep=";", dtype=str), told):
        np.testing.assert_array_equal(probabilities(model.served.predict(frame)), model.answers)


REFUSED = [
    ("german", "price", "12 EUR", r"column price: '12 EUR' is no number; give a number, or text such as 1\.234,5$"),
    (
        "american",
        "price",
        "1.972,76",
        r"column price: '1\.972,76' is no number; give a number, or text such as 1,234\.5",
    ),
    ("typed", "price", "dear", "column price: 'dear' is no number; give a number$"),
    ("german", "discount", "12 kg", "column discount: '12 kg' is no number; give a number, or text such as 1.234,5 %$"),
    ("german", "price", float("inf"), r"column price is infinite; give a number, or text such as 1\.234,5$"),
    ("german", "discount", -np.inf, "column discount is infinite; give a number, or text such as 1.234,5 %$"),
    ("typed", "heat", "-inf", "column heat is infinite; give a number$"),
    ("typed", "count", "1e999", "column count is infinite"),
    ("german", "count", [1], r"column count: \[1\] is no number"),
    (
        "german",
        "day",
        "31.02.2023",
        r"'31\.02\.2023' is no timestamp; give a time such as 2024-01-31T23:59:00, or 31\.01",
    ),
    (
        "american",
        "day",
        "31/01/2023",
        "'31/01/2023' is no timestamp; give a time such as 2024-01-31T23:59:00, or 01/31",
    ),
    ("typed", "day", 1_675_261_800_000, "1675261800000 is no timestamp; give a time such as 2024-01-31T23:59:00$"),
    ("german", "paid", "perhaps", "column paid: 'perhaps' is no boolean; give true or false"),
    ("german", "paid", 2, "column paid: 2 is no boolean"),
    ("german", "kind", b"blue", "column kind: b'blue' is no category; give text"),
    ("german", "note", datetime(2024, 1, 1), r"column note: Timestamp\(.* is no text; give text"),
]


@pytest.mark.parametrize(("source", "column", "value", "message"), REFUSED)
def test_what_cannot_be_read_is_refused_with_what_to_give(
    models: dict[str, Trained], source: str, column: str, value: Any, message: str
) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=message):
        asking(models[source], "frame", {column: [value] * len(models[source].rows)})


def test_a_text_that_could_be_two_numbers_is_what_the_source_would_mean(models: dict[str, Trained]) -> None:
    model = models["german"]
    thousands, plain = ({"count": [value] * len(model.rows)} for value in ("8.000", 8_000))
    np.testing.assert_array_equal(asking(model, "frame", thousands), asking(model, "frame", plain))
    point, typed_point = ({"price": [value] * len(model.rows)} for value in ("6370.15", 6370.15))
    np.testing.assert_array_equal(asking(model, "csv", point), asking(model, "frame", typed_point))


def test_a_missing_column_is_named(models: dict[str, Trained]) -> None:
    from mlflow.exceptions import MlflowException

    frame = pd.DataFrame(models["german"].cells)
    with pytest.raises(MlflowException, match="heat"):
        models["german"].served.predict(frame.drop(columns="heat"))


@pytest.mark.parametrize("source", SOURCES)
def test_the_signature_leaves_open_what_the_model_reads(models: dict[str, Trained], source: str) -> None:
    schema = models[source].served.metadata.get_input_schema()
    assert {column.name: str(column.type) for column in schema} == dict.fromkeys(WRITINGS, "Any")
    example = models[source].served.input_example
    assert len(models[source].served.predict(example)) == package.NUM_EXAMPLES
