from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.drafting import measured as module
from tasks.drafting.pipeline import DraftedPipeline
from tasks.params.file import load_pipeline
from tests.drafting.small_tables import init

NUM_ROWS = 900


def table(truth: str, num_rows: int = NUM_ROWS, seed: int = 0) -> pl.DataFrame:
    """Four columns of numbers, and an answer that a line parts, or only the product of two of them does."""
    drawn = np.random.default_rng(seed)
    x = drawn.normal(size=(num_rows, 4))
    score = x @ [1.0, -1.0, 0.5, 0.5] if truth == "line" else 3 * x[:, 0] * x[:, 1]
    answer = np.where(drawn.random(num_rows) < 1 / (1 + np.exp(-score)), "yes", "no")
    return pl.DataFrame({f"x{number}": x[:, number] for number in range(4)}).with_columns(answer=pl.Series(answer))


def drafted(root: Path, rows: pl.DataFrame, **more: object) -> DraftedPipeline:
    return init(root, rows, **{"target": "answer", "minutes": 5.0, **more})


def train_of(draft: DraftedPipeline) -> str:
    return str(draft.decisions.choice.train["kind"])


def measured_score(draft: DraftedPipeline, name: str) -> float:
    (line,) = (line for line in draft.decisions.choice.tried if line.strip().startswith(name))
    return float(line.split(name)[1].split()[0])


def test_the_model_is_the_one_that_suits_the_truth(tmp_path: Path) -> None:
    line, product = drafted(tmp_path, table("line")), drafted(tmp_path, table("product"))
    assert (train_of(line), train_of(product)) == ("sklearn", "lightgbm")
    # A line cannot tell by the sign of a product; trees need more rows for a slope than a line does.
    assert abs(measured_score(product, "a linear model") - 0.5) < 0.06
    assert measured_score(product, "boosted trees") > 0.75
    assert measured_score(line, "a linear model") > measured_score(line, "boosted trees") > 0.75
    assert measured_score(line, "no model") == 0.5
    assert "    train: # a linear model: the best roc_auc of what was measured\n" in line.block
    assert "    # measured on 5 folds of 6" in line.block


def test_test_rows_have_no_part_in_it(tmp_path: Path) -> None:
    rows, test = table("line", 400), table("line", 200, seed=1)
    turned = test.with_columns(answer=pl.col("answer").replace_strict({"yes": "no", "no": "yes"}))
    shown = []
    for content in (test, turned):
        content.write_csv(tmp_path / "test.csv")
        shown.append(drafted(tmp_path, rows, test=str(tmp_path / "test.csv")).decisions.choice.tried)
    assert shown[0] == shown[1] != ()


def test_of_a_split_by_time_the_newest_rows_are_judged_on(tmp_path: Path) -> None:
    when = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2025, 1, 1), "6h", eager=True)[:NUM_ROWS]
    draft = drafted(tmp_path, table("line").with_columns(when=when))
    # Seven tenths are trained on, of the rest of which as many are kept back again.
    assert draft.decisions.choice.tried[0].startswith("measured on the newest of 5")


def test_without_minutes_the_facts_decide(tmp_path: Path) -> None:
    draft = drafted(tmp_path, table("line"), minutes=0.0)
    assert (train_of(draft), draft.decisions.choice.tried) == ("lightgbm", ())
    hurried = drafted(tmp_path, table("line"), minutes=1e-6)
    assert hurried.decisions.choice.train == draft.decisions.choice.train
    assert "models could not be compared: a linear model: not in these minutes" in hurried.decisions.choice.reason


@pytest.mark.parametrize(
    ("minutes", "folds", "notes"),
    # Each fold takes each of two candidates a minute; the first is begun unknowing, as long as there is time at all.
    [(10, 5, []), (7.5, 3, []), (2, 1, []), (0.5, 1, ["  boosted trees: not in these minutes"])],
)
def test_what_would_not_end_in_time_is_not_begun_and_the_folds_before_it_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, folds: int, notes: Sequence[str]
) -> None:
    now = 0.0

    def a_minute(measurement: Any, fold: object) -> None:
        nonlocal now
        now += 60
        measurement.scores.append(0.8)
        measurement.baseline.append(0.5)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "_measure_fold", a_minute)
    tried = drafted(tmp_path, table("line", 200), minutes=minutes).decisions.choice.tried
    assert (tried[0].split()[2], [line for line in tried if "not in" in line]) == (str(folds), notes)


def test_a_setting_that_is_given_leaves_out_what_does_not_have_it(tmp_path: Path) -> None:
    draft = drafted(tmp_path, table("line"), settings=["train.num_leaves=7"], dry_run=False)
    assert load_pipeline(tmp_path / "params.yaml", "mine").train.num_leaves == 7  # type: ignore[union-attr]
    assert any("a linear model: --set: pipelines.mine.train" in line for line in draft.decisions.choice.tried)


def test_numbers_are_compared_by_their_error(tmp_path: Path) -> None:
    drawn = np.random.default_rng(2)
    x = drawn.normal(size=NUM_ROWS)
    rows = pl.DataFrame({"x": x, "z": drawn.normal(size=NUM_ROWS), "answer": 10 * x + drawn.normal(size=NUM_ROWS)})
    draft = drafted(tmp_path, rows)
    # The noise's own standard deviation, and that of the answers without a model.
    assert abs(measured_score(draft, "a linear model") - 1.0) < 0.1
    assert abs(measured_score(draft, "no model") - np.sqrt(101)) < 1.0


def test_many_rows_are_sampled(tmp_path: Path) -> None:
    draft = drafted(tmp_path, table("line", 40_000))
    (words,) = (line for line in draft.decisions.choice.tried if "training rows" in line)
    assert 13_000 < int(words.split("folds of ")[1].split()[0].replace(",", "")) < 15_000
