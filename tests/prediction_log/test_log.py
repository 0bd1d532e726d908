"""What is kept of answers: each row once, by a key that its label will find, without what must not be kept."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.errors import UserError
from tasks.paths import Project
from tasks.prediction_log.log import AnsweredBatch, PredictionLog, logged_keys, logged_rows, remove_expired
from tasks.prediction_log.places import predictions_folder, version_folder
from tasks.prediction_log.row_keys import RowKey, row_secret, sampled
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.tables.dialect import ColumnDialect

SECRET = b"0123456789abcdef"
COLUMNS = (
    Column(name="order", type="text", role="id"),
    Column(name="age", type="number", role="feature", dialect=ColumnDialect(decimal=",", missing=("k.A.",))),
    Column(name="town", type="category", role="feature"),
    Column(name="mail", type="text", role="feature"),
)
DATASET = Dataset(
    columns=COLUMNS, task="binary", num_rows=0, source=SourceRecord(kind="new rows", location="", digest="")
)


def row_key(ids: tuple[str, ...] = ("order",), secret: bytes = SECRET) -> RowKey:
    return RowKey(ids=ids, asked=("age", "town", "mail"), dataset=DATASET, secret=secret)


def log_in(root: Path, **more: Any) -> PredictionLog:
    features = DATASET.model_copy(update={"columns": DATASET.features})
    folder = version_folder(Project(root=root).pipeline("shop"), 3)
    settings = {"key": row_key(), "columns": features, "masked": frozenset({"mail"}), **more}
    return PredictionLog(folder=folder, **settings)


def batch(num_rows: int, first: int = 0, **more: Any) -> AnsweredBatch:
    rows = pl.DataFrame(
        {
            "order": [f"O{first + number}" for number in range(num_rows)],
            "age": ["41,5", "k.A.", "old"] * (num_rows // 3),
            "town": ["Ulm"] * num_rows,
            "mail": ["ann@x1.org"] * num_rows,
        }
    )
    refused = dict.fromkeys(range(2, num_rows, 3), "unreadable")
    answered = [number for number in range(num_rows) if number not in refused]
    answers = pl.DataFrame({"prediction": ["yes"] * len(answered), "probability_yes": [0.75] * len(answered)})
    settings = {"time": datetime(2026, 3, 1, 12), "request_id": "r1", **more}
    return AnsweredBatch(rows=rows, answers=answers, answered=answered, refused=refused, **settings)


def test_rows_are_kept_typed_with_their_answers_and_errors_and_personal_columns_show_their_form_alone(
    tmp_path: Path,
) -> None:
    assert log_in(tmp_path).append(batch(3, latency_ms=2.5), "a") == 3
    paths = Project(root=tmp_path).pipeline("shop")
    rows = logged_rows(paths, 3, date(2026, 3, 1), date(2026, 3, 2))
    assert rows is not None
    assert rows["row"].to_list() == [
        {"age": 41.5, "town": "Ulm", "mail": "xxx@x0.xxx"},
        {"age": None, "town": "Ulm", "mail": "xxx@x0.xxx"},
        {"age": None, "town": "Ulm", "mail": "xxx@x0.xxx"},
    ]
    assert rows["answer"].to_list() == [{"prediction": "yes", "probability_yes": 0.75}] * 2 + [None]
    assert rows["error"].to_list() == [None, None, "unreadable"]
    assert rows["latency_ms"].to_list() == [2.5] * 3
    assert rows["time"].to_list() == [datetime(2026, 3, 1, 12)] * 3
    # Nothing of the id is in the file, however it is packed.
    assert "O1" not in str(rows.to_dicts())
    assert logged_rows(paths, 3, date(2026, 3, 2), date(2026, 3, 9)) is None


def test_a_batch_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    assert [log.append(batch(3), "job-1"), log.append(batch(3), "job-1"), log.append(batch(3), "job-2")] == [3, 0, 3]
    # Nor on the next day, when a run goes on that was killed.
    assert log.append(batch(3, time=datetime(2026, 3, 2)), "job-1") == 0


def test_a_sample_has_its_share_and_a_row_is_in_it_always_or_never(tmp_path: Path) -> None:
    num_rows, share = 9_000, 0.1
    log = log_in(tmp_path, sample=share)
    kept = log.append(batch(num_rows), "a")
    # Binomial: five standard deviations.
    assert abs(kept - share * num_rows) < 5 * np.sqrt(num_rows * share * (1 - share))
    assert log.append(batch(num_rows), "b") == kept
    paths = Project(root=tmp_path).pipeline("shop")
    rows = logged_rows(paths, 3, date(2026, 3, 1), date(2026, 3, 2))
    assert rows is not None
    assert rows["row_key"].n_unique() == kept == len(logged_keys(paths))
    assert rows["sample"].unique().to_list() == [share]
    # A smaller sample is a part of a larger one.
    keys = row_key().of(batch(num_rows).rows)
    assert not (sampled(keys, 0.05) & ~sampled(keys, share)).any()


@pytest.mark.parametrize("ids", [[7, 1_000_000], ["7", "1000000"], [7.0, 1e6], ["07", "1000000.0"]])
def test_a_label_finds_its_row_however_the_file_writes_the_id(ids: list[Any]) -> None:
    known = row_key().of(pl.DataFrame({"order": ["7", "1000000"]}))
    assert row_key().of(pl.DataFrame({"order": ids})).to_list() == known.to_list()


def test_keys_are_others_for_other_ids_and_another_secret() -> None:
    rows = batch(3_000).rows
    keys = row_key().of(rows)
    assert keys.n_unique() == 3_000
    assert not {*keys} & {*row_key(secret=b"another secret of ours").of(rows)}


def test_rows_without_ids_are_known_by_all_that_the_model_asks() -> None:
    rows = pl.DataFrame({"age": ["41,5", "41,5"], "town": ["Ulm", "Bonn"], "mail": ["a", "a"]})
    assert row_key().of(rows).n_unique() == 2
    assert row_key().of(rows).to_list() == row_key(ids=()).of(rows).to_list()
    # A number is one, written as the source writes it or as programs do.
    typed = rows.with_columns(pl.Series("age", [41.5, 41.5]))
    assert row_key().of(typed).to_list() == row_key().of(rows).to_list()
    with pytest.raises(UserError, match="none of what they are known by: order; add these columns"):
        row_key().of(pl.DataFrame({"price": [1]}))


def test_the_secret_is_made_once_for_the_project_and_the_environments_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ".modelwright" / "row_keys"
    monkeypatch.delenv("A_KEY", raising=False)
    made = row_secret("A_KEY", place)
    assert (len(made) >= 32, row_secret("A_KEY", place)) == (True, made)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [file.name for file in place.parent.iterdir()] == ["row_keys"]
    monkeypatch.setenv("A_KEY", "a key of the environment")
    assert row_secret("A_KEY", place) == b"a key of the environment"
    monkeypatch.setenv("A_KEY", "short")
    with pytest.raises(UserError, match="holds 5 bytes"):
        row_secret("A_KEY", place)


def test_a_row_keeps_the_weight_that_it_came_with_where_training_rows_have_one(tmp_path: Path) -> None:
    weight = Column(name="calls", type="number", role="weight", dialect=ColumnDialect(decimal=","))
    weighed = DATASET.model_copy(update={"columns": (*COLUMNS, weight)})
    key = RowKey(ids=("order",), asked=("age", "town", "mail"), dataset=weighed, secret=SECRET)
    log = log_in(tmp_path, key=key)
    rows = batch(3)
    log.append(replace(rows, rows=rows.rows.with_columns(calls=pl.Series(["1,5", "many", "2"]))), "with")
    log.append(batch(3, first=3), "without")
    kept = logged_rows(Project(root=tmp_path).pipeline("shop"), 3, date(2026, 3, 1), date(2026, 3, 2))
    assert kept is not None
    assert kept["weight"].to_list() == [1.5, None, 2.0, None, None, None]
    # It is no feature.
    assert "calls" not in kept["row"].struct.fields
    plain = log_in(tmp_path / "plain")
    plain.append(batch(3), "plain")
    assert "weight" not in pl.read_parquet(next(plain.folder.iterdir())).columns


def test_what_is_past_its_retention_is_removed_and_nothing_else(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    for day in (1, 2, 20):
        log.append(batch(3, time=datetime(2026, 3, day)), f"d{day}")
    folder = predictions_folder(Project(root=tmp_path).pipeline("shop"))
    assert remove_expired(folder, None, datetime(2027, 1, 1)) == 0
    assert remove_expired(folder, 30, datetime(2026, 4, 1, 9)) == 1
    assert sorted(file.name for file in log.folder.iterdir()) == ["2026-03-02_d2.parquet", "2026-03-20_d20.parquet"]
