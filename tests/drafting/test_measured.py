from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.drafting import measured as module
from tasks.drafting.candidates import BOOSTED, ENSEMBLE, LINEAR, Candidate
from tasks.drafting.pipeline import DraftedPipeline
from tasks.drafting.stated import Stated
from tasks.params.file import load_pipeline
from tests.drafting.small_tables import init, of_kind

NO_BETTER = "nothing that was measured is surely better than no model"

NUM_ROWS = 480
"""Too few for an ensemble, which has a test of its own."""


def table(truth: str, num_rows: int = NUM_ROWS, seed: int = 0) -> pl.DataFrame:
    """Four columns of numbers, and an answer that a line parts, or only the product of two of them, or both by half."""
    drawn = np.random.default_rng(seed)
    x = drawn.normal(size=(num_rows, 4))
    line, product = x @ [1.0, -1.0, 0.5, 0.5], 3 * x[:, 0] * x[:, 1]
    score = {"line": line, "product": product, "both": x @ [0.5, 0.5, 1.5, 1.5] + product / 2}[truth]
    answer = np.where(drawn.random(num_rows) < 1 / (1 + np.exp(-score)), "yes", "no")
    return pl.DataFrame({f"x{number}": x[:, number] for number in range(4)}).with_columns(answer=pl.Series(answer))


def drafted(root: Path, rows: pl.DataFrame, **more: object) -> DraftedPipeline:
    return init(root, rows, **{"target": "answer", "minutes": 5.0, **more})


def train_of(draft: DraftedPipeline) -> str:
    return str(draft.decisions.choice.train["kind"])


def measured_score(draft: DraftedPipeline, name: str) -> float:
    (line,) = (line for line in draft.decisions.choice.tried if f"{line} ".startswith(f"  {name}  "))
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
    assert "    # measured on 5 folds of 3" in line.block
    (baseline,) = (told for told in line.decisions.choice.tried if told.startswith("  no model  "))
    assert re.fullmatch(r"  no model +0\.5000  -0\.\d{4} \(0\.0\d{3}\)", baseline)
    assert not of_kind(line, "no_better")


def test_where_no_model_is_surely_better_than_none_it_is_told(tmp_path: Path) -> None:
    drawn = np.random.default_rng(5)
    rows = table("line").with_columns(answer=pl.Series(drawn.choice(["yes", "no"], NUM_ROWS)))
    draft = drafted(tmp_path, rows)
    assert f"  {NO_BETTER}" in draft.decisions.choice.tried
    (finding,) = of_kind(draft, "no_better")
    assert finding.is_warning
    assert re.match(
        rf"{NO_BETTER}: a linear model differs from it by [+-]0\.0\d+ \(0\.0\d+\) in roc_auc, its", finding.message
    )
    assert draft.block.count(NO_BETTER) == 2


def test_of_later_rows_no_model_is_the_last_value_known(tmp_path: Path) -> None:
    when = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2025, 1, 1), "6h", eager=True)[:NUM_ROWS]
    draft = drafted(tmp_path, table("line").with_columns(when=when, answer=pl.col("x0") * 3 + 100), target="answer")
    assert measured_score(draft, "no model (the last value known)") > 1
    assert measured_score(draft, LINEAR) < 1


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
    # All but the test rows: each stretch of the newer half is judged by what came before it.
    assert draft.decisions.choice.tried[0].startswith("measured on 5 later stretches of 408 training rows, roc_auc")


def test_without_minutes_the_facts_decide(tmp_path: Path) -> None:
    draft = drafted(tmp_path, table("line", 520), minutes=0.0)
    assert (train_of(draft), draft.decisions.choice.tried) == ("lightgbm", ())
    hurried = drafted(tmp_path, table("line", 520), minutes=1e-6)
    assert hurried.decisions.choice.train == draft.decisions.choice.train
    why = "models could not be compared: a linear model, boosted trees: not in these minutes; --minutes gives more"
    assert why in hurried.decisions.choice.reason


@pytest.mark.parametrize(
    ("minutes", "folds", "notes"),
    # Each fold takes each of two candidates a minute; the first is begun unknowing, as long as there is time at all.
    [(10, 5, ()), (7.5, 3, ()), (2, 1, ()), (0.5, 1, ("  boosted trees: not in these minutes; --minutes gives more",))],
)
def test_what_would_not_end_in_time_is_not_begun_and_the_folds_before_it_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, folds: int, notes: tuple[str, ...]
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
    enough = (f"  these minutes are enough for {folds} of 5 folds; --minutes gives more",) if folds < 5 else ()
    settings = ("  its settings are as drafted: modelwright tune searches them",)
    assert tried[0].split()[2] == str(folds)
    assert tried[-len(notes + enough + settings) :] == notes + enough + settings


def test_a_setting_that_is_given_leaves_out_what_does_not_have_it(tmp_path: Path) -> None:
    draft = drafted(tmp_path, table("line", 520), settings=["train.num_leaves=7"], dry_run=False)
    assert load_pipeline(tmp_path / "params.yaml", "mine").train.num_leaves == 7  # type: ignore[union-attr]
    assert any("a linear model: --set: pipelines.mine.train" in line for line in draft.decisions.choice.tried)


def test_numbers_are_compared_by_their_error(tmp_path: Path) -> None:
    drawn = np.random.default_rng(2)
    x, z, noise = drawn.normal(size=(3, NUM_ROWS))
    rows = pl.DataFrame({"x": x, "z": z, "answer": 10 * x + noise})
    draft = drafted(tmp_path, rows)
    # The noise's own standard deviation, and that of the answers without a model.
    assert abs(measured_score(draft, "a linear model") - 1.0) < 0.1
    assert abs(measured_score(draft, "no model") - np.sqrt(101)) < 1.0


def test_a_target_that_is_a_product_is_learnt_as_a_logarithm(tmp_path: Path) -> None:
    drawn = np.random.default_rng(3)
    x, z, noise = drawn.normal(size=(3, NUM_ROWS))
    rows = pl.DataFrame({"x": x, "z": z, "answer": np.exp(4 + x + 0.5 * z + 0.1 * noise)})
    draft = drafted(tmp_path, rows)
    assert draft.decisions.choice.train["target_transform"] == "log1p"
    assert measured_score(draft, "a linear model on logarithms") < 0.5 * measured_score(draft, "a linear model")
    by_logarithms = drafted(tmp_path, rows, stated=Stated(metric="rmsle"))
    # The noise's own standard deviation, as 1 is little beside e to the fourth.
    assert abs(measured_score(by_logarithms, "a linear model on logarithms") - 0.1) < 0.02


def test_where_each_is_half_right_an_ensemble_is_taken(tmp_path: Path) -> None:
    # More minutes than it takes, as machines are busy at times.
    draft = drafted(tmp_path, table("both", 900), minutes=60.0, dry_run=False)
    linear, boosted, both = (measured_score(draft, name) for name in (LINEAR, BOOSTED, ENSEMBLE))
    assert both > boosted > linear
    members = draft.decisions.choice.train["members"]
    assert [member["kind"] for member in members] == ["sklearn", *["lightgbm"] * 4]
    config = load_pipeline(tmp_path / "params.yaml", "mine")
    assert config.train.model_dump(exclude_unset=True, mode="json") == draft.decisions.choice.train
    # A line for each member, as people write them.
    assert "members:\n        - {kind: sklearn, " in draft.block


def measurement(name: str, scores: Sequence[float], times: float = 0.0) -> Any:
    candidate = Candidate(name=name, normalize={}, train={}, times=times)
    return SimpleNamespace(candidate=candidate, scores=scores)


def test_an_ensemble_is_not_begun_that_would_not_end_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, begun = 0.0, []

    def a_minute(measurement: Any, fold: object) -> None:
        nonlocal now
        now += 60
        begun.append(measurement.candidate.name)
        measurement.scores.append(0.8)
        measurement.baseline.append(0.5)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "_measure_fold", a_minute)
    tried = drafted(tmp_path, table("line", 800), minutes=20).decisions.choice.tried
    # Two minutes have gone, and it may take 45 times as long.
    assert begun == [LINEAR, BOOSTED] * 5
    assert f"  {ENSEMBLE}: not in these minutes; --minutes gives more" in tried


@pytest.mark.parametrize(("num_readings", "num_folds"), [(0, 5), (2, 4)])
def test_minutes_are_left_for_other_readings_of_the_columns(
    monkeypatch: pytest.MonkeyPatch, num_readings: int, num_folds: int
) -> None:
    now = 0.0

    def timed(measurement: Any, fold: object) -> None:
        nonlocal now
        now += 100 if measurement.candidate.is_costly else 10
        measurement.scores.append(0.8)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "_measure_fold", timed)
    both = [measurement("quick", []), measurement("costly", [], times=9)]
    for one in both:
        one.folds, one.seconds = [Path()] * 5, 0.0
    # Two readings and the columns as they are, by the quick model on five folds: 150 of the 600 seconds.
    module._measure(both, 600.0, module._Later(num=num_readings, most_seconds=200), lambda _: None)
    assert len(both[1].scores) == num_folds


def test_what_would_train_for_longer_than_was_measured_is_told_and_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def timed(measurement: Any, fold: object) -> None:
        nonlocal now
        # The ensemble is the best, and takes 80 seconds on a fifth of the rows.
        is_ensemble = measurement.candidate.name == ENSEMBLE
        now += 80 if is_ensemble else 0.5
        measurement.scores.append(0.9 if is_ensemble else 0.8)
        measurement.baseline.append(0.5)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "_measure_fold", timed)
    monkeypatch.setattr("tasks.drafting.trial_rows._MOST_ROWS", 800)
    tried = drafted(tmp_path, table("line", 4_000), minutes=3).decisions.choice
    assert tried.train["kind"] == "sklearn"
    assert f"  {ENSEMBLE}: would train for some 7 minutes on all rows; --minutes 7 may take it" in tried.tried
    assert tried.reason == f"{LINEAR}: the best roc_auc of what trains in these minutes"
    assert drafted(tmp_path, table("line", 4_000), minutes=8).decisions.choice.train["kind"] == "ensemble"


def test_many_rows_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured_fold(measurement: Any, fold: object) -> None:
        measurement.scores.append(0.8)
        measurement.baseline.append(0.5)

    monkeypatch.setattr(module, "_measure_fold", measured_fold)
    draft = drafted(tmp_path, table("line", 40_000))
    (words,) = (line for line in draft.decisions.choice.tried if "training rows" in line)
    assert 13_000 < int(words.split("folds of ")[1].split()[0].replace(",", "")) < 15_000
