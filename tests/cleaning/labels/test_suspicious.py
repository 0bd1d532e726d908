from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from tasks.cleaning.findings import ROW, SCHEMA, Findings, Parts
from tasks.cleaning.labels.suspicious import RULE, suspicious_labels
from tasks.params.clean import CleanLabels
from tasks.params.config import ColumnTypeName
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tests.shared_data import shared
from tests.sounds import wav

THREE = CleanLabels(folds=3)


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear problems need no more."""
    monkeypatch.setattr("tasks.cleaning.labels.models._MOST_ROUNDS", 20)


def dataset(**features: ColumnTypeName) -> Dataset:
    columns = [Column(name=name, type=kind, role="feature") for name, kind in features.items()]
    return Dataset(
        columns=(*columns, Column(name="kind", type="category", role="target")),
        task="multiclass",
        num_rows=1,
        source=SourceRecord(kind="table", location="x", digest="0"),
    )


def numbered(columns: Mapping[str, object]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    return frame.with_columns(pl.int_range(frame.height, dtype=pl.Int64).alias(ROW))


def in_parts(frame: pl.DataFrame, size: int) -> Parts:
    return lambda: (frame.slice(start, size) for start in range(0, max(frame.height, 1), size))


def flipped(labels: list[str], share: float = 0.05) -> tuple[list[str], NDArray[np.bool_]]:
    """The labels, a share of them changed to the class that comes next; and which."""
    classes = sorted(set(labels))
    wrong = np.random.default_rng(7).random(len(labels)) < share
    following = dict(zip(classes, [*classes[1:], classes[0]], strict=True))
    return [following[label] if flip else label for label, flip in zip(labels, wrong, strict=True)], wrong


def shares(findings: Findings, wrong: NDArray[np.bool_]) -> tuple[float, float]:
    """Precision and recall."""
    right = int(wrong[findings["row"].to_numpy()].sum())
    return right / max(1, findings.height), right / int(wrong.sum())


def numbers_and_categories(num_rows: int = 500) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """Three clear classes, by a number and a category, of which both have gaps."""
    drawn = np.random.default_rng(0)
    place = drawn.integers(0, 3, num_rows)
    labels, wrong = flipped([f"class {number}" for number in place])
    width = np.where(drawn.random(num_rows) < 0.05, np.nan, 4.0 * place + drawn.normal(size=num_rows))
    colours = [
        None if gap else ("red", "green", "blue")[number]
        for number, gap in zip(place, drawn.random(num_rows) < 0.2, strict=True)
    ]
    columns = {"width": pl.Series(width).fill_nan(None), "noise": drawn.normal(size=num_rows), "colour": colours}
    return numbered({**columns, "kind": labels}), wrong


TABLE = dataset(width="number", noise="number", colour="category")


def test_flipped_labels_of_a_table_are_found() -> None:
    frame, wrong = numbers_and_categories()
    findings = suspicious_labels(in_parts(frame, 250), TABLE, CleanLabels())
    precision, recall = shares(findings, wrong)
    assert precision > 0.85
    assert recall > 0.65
    assert findings.schema == pl.Schema(SCHEMA)
    assert findings["rule"].unique().to_list() == [RULE]
    assert findings["row"].is_sorted()
    assert findings["score"].is_between(0.5, 1).all()


def test_the_reason_says_who_says_what() -> None:
    frame, wrong = numbers_and_categories()
    findings = suspicious_labels(in_parts(frame, 500), TABLE, THREE)
    row = next(row for row in findings["row"] if wrong[row])
    pattern = rf"^kind says {frame['kind'][row]}, models that have not seen the row say class \d \(\d+\.\d %\)$"
    assert findings.filter(pl.col("row") == row)["reason"].str.contains(pattern).all()


@pytest.mark.parametrize("size", [37, 499])
def test_the_cut_into_parts_does_not_matter(size: int) -> None:
    frame, _ = numbers_and_categories()
    assert suspicious_labels(in_parts(frame, size), TABLE, THREE).equals(
        suspicious_labels(in_parts(frame, 500), TABLE, THREE)
    )


def test_the_cut_does_not_matter_when_models_learn_from_some_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cleaning.labels.suspicious.MOST_ROWS", 200)
    frame, wrong = numbers_and_categories()
    findings = suspicious_labels(in_parts(frame, 41), TABLE, THREE)
    assert findings.equals(suspicious_labels(in_parts(frame, 500), TABLE, THREE))
    assert shares(findings, wrong)[1] > 0.6


def test_the_order_of_rows_and_the_number_of_threads_do_not_matter() -> None:
    frame, _ = numbers_and_categories()
    findings = suspicious_labels(in_parts(frame, 500), TABLE, THREE)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=3)
    with threadpool_limits(1):
        again = suspicious_labels(in_parts(shuffled, 500), TABLE, THREE)
    assert again.drop("score").equals(findings.drop("score"))
    assert again["score"].to_list() == pytest.approx(findings["score"].to_list())


def test_flipped_labels_of_texts_are_found() -> None:
    drawn = np.random.default_rng(1)
    words = {
        "sport": "goal team match coach win",
        "food": "bread soup cook taste oven",
        "law": "court judge case trial act",
    }
    labels = [list(words)[number] for number in drawn.integers(0, 3, 300)]
    texts = [" ".join(drawn.choice(words[label].split(), 6)) for label in labels]
    given, wrong = flipped(labels)
    frame = numbered({"text": texts, "kind": given})
    findings = suspicious_labels(in_parts(frame, 90), dataset(text="text"), THREE)
    precision, recall = shares(findings, wrong)
    assert precision > 0.9
    assert recall > 0.7
    assert findings.equals(suspicious_labels(in_parts(frame, 300), dataset(text="text"), THREE))


def test_flipped_labels_of_images_are_found() -> None:
    drawn = np.random.default_rng(2)
    labels = [("left", "right")[number] for number in drawn.integers(0, 2, 400)]
    given, wrong = flipped(labels)
    frame = numbered({"scan": [picture(drawn, label) for label in labels], "kind": given})
    findings = suspicious_labels(in_parts(frame, 64), dataset(scan="image"), THREE)
    assert min(shares(findings, wrong)) > 0.8
    assert findings.equals(suspicious_labels(in_parts(frame, 200), dataset(scan="image"), THREE))


def picture(drawn: np.random.Generator, bright: str) -> bytes:
    """32 by 24 pixels of noise with a bright half."""
    pixels = drawn.integers(0, 120, (24, 32), dtype=np.uint8)
    pixels[:, : 16 if bright == "left" else None][:, 0 if bright == "left" else 16 :] += np.uint8(60)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()


def test_flipped_labels_of_sounds_are_found() -> None:
    drawn = np.random.default_rng(3)
    labels = [("high", "low")[number] for number in drawn.integers(0, 2, 120)]
    given, wrong = flipped(labels)
    frame = numbered({"call": [tone(drawn, label) for label in labels], "kind": given})
    findings = suspicious_labels(in_parts(frame, 50), dataset(call="audio"), THREE)
    precision, recall = shares(findings, wrong)
    assert precision > 0.9
    assert recall > 0.5


def tone(drawn: np.random.Generator, pitch: str) -> bytes:
    times = np.arange(1_600) / 8_000
    wave = np.sin(2 * np.pi * times * drawn.uniform(*((1_500, 2_500) if pitch == "high" else (200, 500))))
    return wav((wave * 0.5).astype(np.float32), 8_000)


def test_rows_with_the_same_features_are_judged_by_models_that_saw_none_of_them() -> None:
    """A row that stands there twice with two labels: neither may vouch for the other."""
    frame, _ = numbers_and_categories(300)
    first = frame.drop(ROW)
    twins = first.with_columns(pl.lit("class 0").alias("kind")).filter(first["kind"] == "class 2")
    both = pl.concat([first, twins.head(20)]).with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))
    findings = suspicious_labels(in_parts(both, 400), TABLE, THREE)
    assert findings.filter(pl.col("row") >= 300).height >= 12


def test_a_class_with_fewer_rows_than_folds_is_neither_suspicious_nor_suspected() -> None:
    frame, _ = numbers_and_categories(300)
    rare = frame.with_columns(
        pl.when(pl.col(ROW).is_in([3, 50, 200])).then(pl.lit("rare")).otherwise("kind").alias("kind")
    )
    findings = suspicious_labels(in_parts(rare, 300), TABLE, CleanLabels(folds=4))
    assert not findings.is_empty()
    assert not set(findings["row"]) & {3, 50, 200}
    assert not findings["reason"].str.contains("rare").any()


@pytest.mark.parametrize("labels", [[], ["a"] * 40, ["a"] * 39 + ["b"], [None] * 40])
def test_nothing_is_found_without_two_classes(labels: list[str | None]) -> None:
    numbers = [float(row) for row in range(len(labels))]
    frame = numbered({"x": pl.Series(numbers, dtype=pl.Float64), "kind": pl.Series(labels, dtype=pl.String)})
    assert suspicious_labels(in_parts(frame, 9), dataset(x="number"), THREE).is_empty()


def test_features_that_say_nothing_are_no_reason_to_stop() -> None:
    frame, _ = numbers_and_categories(90)
    empty = frame.with_columns(pl.lit(None, dtype=pl.String).alias("note"), pl.lit(np.inf).alias("noise"))
    kinds = {**TABLE.model_dump()["columns"][0], "name": "note", "type": "text"}
    converted = TABLE.model_copy(update={"columns": (*TABLE.columns, Column.model_validate(kinds))})
    suspicious_labels(in_parts(empty, 40), converted, THREE)
    nothing = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("x")).select(ROW, "x", "kind")
    assert suspicious_labels(in_parts(nothing, 40), dataset(x="number"), THREE).is_empty()


def test_flipped_labels_of_spam_are_found() -> None:
    lines = (shared("sms-spam") / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()[:2000]
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    given, wrong = flipped(list(labels))
    frame = numbered({"text": texts, "kind": given})
    precision, recall = shares(suspicious_labels(in_parts(frame, 700), dataset(text="text"), CleanLabels()), wrong)
    assert precision > 0.8
    assert recall > 0.5
