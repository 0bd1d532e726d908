"""A text's score, from the training rows to the trees: it tells what the notes say of the target, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from tasks import normalize
from tasks.explanation.reasons import explained
from tasks.model_input.block_columns import read_examples
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.normalize import Normalize
from tasks.paths import PARTS, Paths
from tasks.recipe import encoded_parts
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tasks.trainers import fit
from tasks.trainers.base import Job
from tests.small_tables import Kind, described, pipeline_in

SCORE: dict[str, Any] = {"text": {"encode": "score"}}
COLUMNS: dict[str, Kind] = {"note": ("text", "feature"), "x": ("number", "feature"), "y": ("category", "target")}


def normalized(root: Path, rows: pl.DataFrame, config: dict[str, Any], **more: Kind) -> Paths:
    """The same rows in all three parts."""
    paths = pipeline_in(root)
    is_number = rows["y"].dtype == pl.Float64
    columns: dict[str, Kind] = {**COLUMNS, "y": ("number" if is_number else "category", "target"), **more}
    write_dataset(paths.cleaned, described(columns, task="regression" if is_number else "binary"))
    for part in PARTS:
        storage.write_parts(paths.clean(part), [rows])
    normalize.run(Normalize.model_validate(config), paths)
    return paths


def scores(paths: Paths, part: Any = "train") -> NDArray[np.float64]:
    return np.asarray(storage.read_table(paths.normalized(part))["note"].to_numpy())


def notes(random: np.random.Generator, num_rows: int, telling: NDArray[Any] | None = None) -> list[str]:
    """Twenty words each out of 600, those of `telling` rows somewhat more often out of the first thirty."""
    words = random.integers(0, 600, (num_rows, 20))
    if telling is not None:
        drawn = random.random((num_rows, 20)) < 0.12
        words = np.where(drawn & (telling > 0)[:, None], random.integers(0, 30, (num_rows, 20)), words)
    return [" ".join(f"word{word}" for word in row) for row in words]


def table(seed: int, *, tells: bool, number: bool = False, num_rows: int = 2_000) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    target = random.normal(size=num_rows) if number else random.integers(0, 2, num_rows).astype(float)
    return pl.DataFrame(
        {
            "note": notes(random, num_rows, target if tells else None),
            "x": random.normal(size=num_rows),
            "y": pl.Series(target) if number else pl.Series(["yes" if value else "no" for value in target]),
        }
    )


def trees() -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(n_estimators=60, learning_rate=0.05, verbose=-1, num_threads=1, random_state=0)


def is_yes(rows: pl.DataFrame) -> NDArray[np.bool_]:
    return (rows["y"] == "yes").to_numpy()


@pytest.mark.parametrize("number", [False, True], ids=["classes", "number"])
def test_notes_that_have_nothing_to_do_with_the_target_say_nothing_of_it(tmp_path: Path, number: bool) -> None:
    """Scored by all rows, each note knows much of its own row's target; out of fold it knows nothing."""
    rows = table(0, tells=False, number=number)
    target = rows["y"].to_numpy() if number else is_yes(rows).astype(float)
    paths = normalized(tmp_path, rows, SCORE)
    assert np.corrcoef(scores(paths, "test")[:, 0], target)[0, 1] > 0.5
    assert abs(np.corrcoef(scores(paths)[:, 0], target)[0, 1]) < 0.06


def test_trees_on_scores_of_noise_are_no_better_than_chance(tmp_path: Path) -> None:
    rows, fresh = table(0, tells=False), table(1, tells=False)
    paths = normalized(tmp_path, rows, SCORE)
    judged = cross_val_score(trees(), scores(paths), is_yes(rows), cv=5, scoring="roc_auc").mean()
    assert judged == pytest.approx(0.5, abs=0.04)
    by_all_rows = cross_val_score(trees(), scores(paths, "test"), is_yes(rows), cv=5, scoring="roc_auc").mean()
    assert by_all_rows > 0.8
    of_fresh = read_recipe(paths.recipe).encode(fresh).blocks["note"]
    probabilities = trees().fit(scores(paths), is_yes(rows)).predict_proba(of_fresh)[:, 1]
    assert roc_auc_score(is_yes(fresh), probabilities) == pytest.approx(0.5, abs=0.04)


def test_trees_on_scores_of_telling_notes_come_near_a_linear_model_of_their_words(tmp_path: Path) -> None:
    rows, fresh = table(0, tells=True), table(1, tells=True)
    paths = normalized(tmp_path, rows, SCORE)
    of_fresh = read_recipe(paths.recipe).encode(fresh).blocks["note"]
    by_trees = trees().fit(scores(paths), is_yes(rows)).predict_proba(of_fresh)[:, 1]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2).fit(rows["note"].to_list())
    linear = LogisticRegression().fit(words.transform(rows["note"].to_list()), is_yes(rows))
    by_words = linear.predict_proba(words.transform(fresh["note"].to_list()))[:, 1]
    expected = roc_auc_score(is_yes(fresh), by_words)
    assert expected > 0.8
    assert roc_auc_score(is_yes(fresh), by_trees) > expected - 0.02


def test_a_row_is_scored_alike_when_it_is_judged_and_when_it_is_served(tmp_path: Path) -> None:
    rows = table(0, tells=True, num_rows=300)
    paths = normalized(tmp_path, rows, SCORE)
    recipe = read_recipe(paths.recipe)
    one_by_one = [recipe.encode(rows[row : row + 1]).blocks["note"] for row in range(40)]
    assert np.array_equal(np.concatenate(one_by_one), scores(paths, "test")[:40])
    again = normalized(tmp_path / "again", rows, SCORE)
    assert again.recipe.read_bytes() == paths.recipe.read_bytes()
    assert np.array_equal(scores(again), scores(paths))


def test_many_texts_are_scored_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(0, tells=True, num_rows=60)
    whole = normalized(tmp_path / "whole", rows, SCORE)
    monkeypatch.setattr(encoded_parts, "_PIECE_BYTES", 7 * 1_024)
    few = normalized(tmp_path / "few", rows, SCORE)
    assert max(part.height for part in storage.read_parts(few.normalized("train"))) < 10
    assert np.array_equal(scores(few), scores(whole))


@pytest.mark.parametrize("number", [False, True], ids=["classes", "number"])
def test_reasons_have_one_amount_for_the_text_and_add_up(tmp_path: Path, number: bool) -> None:
    rows = table(0, tells=True, number=number, num_rows=600)
    paths = normalized(tmp_path, rows, SCORE)
    recipe = read_recipe(paths.recipe)
    parts = [read_examples(recipe.spec(), "y", storage.read_parts(paths.normalized(part))) for part in PARTS[:2]]
    job = Job(spec=recipe.spec(), train=parts[0], validation=parts[1])
    model = fit(job, LightgbmTrain(kind="lightgbm", num_iterations=30)).model
    for told in explained(model, recipe, rows[:5]):
        amounts = {reason.column: reason for reason in told.reasons}
        assert amounts["note"].amount != 0
        assert amounts["note"].spans == ()
        assert told.base + sum(reason.amount for reason in told.reasons) == pytest.approx(told.answer)


def test_groups_are_scored_by_other_groups(tmp_path: Path) -> None:
    """The notes name their writer, whose answers are all alike by chance: of a new writer nobody knows anything."""
    random = np.random.default_rng(0)
    writers = random.integers(0, 200, 1_200)
    texts = notes(random, 1_200)
    rows = pl.DataFrame(
        {
            "note": [f"signed writer{writer} {text}" for writer, text in zip(writers, texts, strict=True)],
            "x": random.normal(size=1_200),
            "y": np.where(random.integers(0, 2, 200)[writers], "yes", "no"),
            "writer": [str(writer) for writer in writers],
        }
    )
    told = scores(normalized(tmp_path / "rows", rows, SCORE, writer=("category", "id")))
    honest = scores(normalized(tmp_path / "groups", rows, SCORE, writer=("category", "group")))
    assert roc_auc_score(is_yes(rows), told[:, 0]) > 0.8
    assert roc_auc_score(is_yes(rows), honest[:, 0]) == pytest.approx(0.5, abs=0.08)


def test_columns_may_want_different_numbers_of_folds(tmp_path: Path) -> None:
    rows = table(0, tells=True, num_rows=600).with_columns(town=pl.Series(["Ulm", "Bonn", "Kiel"] * 200))
    town: Kind = ("category", "feature")
    settings = {"text": {"encode": "score", "folds": 3}, "category": {"encode": "target", "folds": 7}}
    paths = normalized(tmp_path, rows, settings, town=town)
    encoded = storage.read_table(paths.normalized("train"))
    # Each row of a town has the mean of its town in one of the seven sets of other folds.
    assert encoded.filter(rows["town"] == "Ulm")["town"].arr.first().n_unique() == 7
    assert roc_auc_score(is_yes(rows), scores(paths)[:, 0]) > 0.6
    assert np.isfinite(scores(paths)).all()
