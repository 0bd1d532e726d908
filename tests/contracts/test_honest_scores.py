"""What a pipeline reports as its test score is its score on tomorrow's rows.

Each table is drawn from a known distribution, so that as many fresh rows as one likes can be had: the score that the
the pipeline reports on its test rows must be within its own error of the score on 100,000 of them, whichever rule of
clean, encoding or augmentation is switched on. A rule that chooses the test rows, or that learns from them, fails here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tasks import augment, clean, normalize, split
from tasks.evaluate import predict_rows
from tasks.model_input.block_columns import read_examples
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.config import Task
from tasks.params.normalize import Normalize
from tasks.params.split import HashSplit
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tasks.trainers import fit
from tasks.trainers.sklearn import trainer
from tasks.trainers.sklearn.matrix import MatrixLayout, read_matrix
from tasks.training.cross_validation import cross_validate
from tasks.training.job import read_job
from tasks.training.result import write_model
from tests.small_tables import Kind, described, pipeline_in

NUM_ROWS, NUM_FRESH = 4_000, 100_000
NUM_CLASSES = 80
"""So many that sigmoids fitted to the very rows that are judged would be seen in the log loss."""
MOST_ERRORS = 4.0
"""Standard errors of the test score that it may be off by: once in 16,000 for a score that is honest."""

LINEAR = {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}
SCORES_ALONE = {"kind": "sklearn", "estimator": {"kind": "import", "path": "sklearn.svm.LinearSVC"}}
"""Says how far a row is from the border, and nothing of probabilities: these are calibrated."""
TREES = {"kind": "lightgbm", "num_iterations": 40, "num_leaves": 15, "min_data_in_leaf": 5}
Draw = Callable[[int, np.random.Generator], pl.DataFrame]


@dataclass(frozen=True)
class Case:
    """A table, and the one thing that is tried on it."""

    draw: Draw
    columns: dict[str, Kind]
    split: dict[str, Any]
    clean: dict[str, Any]
    train: dict[str, Any]
    normalize: dict[str, Any]
    augment: dict[str, Any]


def with_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the same values are events of their own."""
    return rows.with_columns(id=pl.int_range(pl.len()).cast(pl.String))


def label(probability: NDArray[np.float64], drawn: np.random.Generator) -> pl.Series:
    return pl.Series("label", np.where(drawn.random(len(probability)) < probability, "yes", "no"))


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def overlapping(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Two numbers that tell the class of three rows in four, rightly labelled: what is hard is hard, and not wrong."""
    numbers = drawn.normal(size=(num_rows, 2))
    return pl.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "label": label(sigmoid(1.8 * numbers[:, 0]), drawn)})


def heavy_tailed(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Far from the middle nothing tells the class: without these rows the rest looks easier than the world is."""
    numbers = drawn.standard_t(1.5, size=(num_rows, 2))
    tells = np.abs(numbers[:, 0]) < 2
    probability = np.where(tells, sigmoid(20 * numbers[:, 0]), 0.5)
    return pl.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "label": label(probability, drawn)})


def categories(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Twenty categories, a few of them rare and in several spellings, each with a share of its own."""
    number = np.minimum(drawn.geometric(0.15, num_rows), 20)
    spelling = drawn.integers(0, 2, num_rows)
    names = [f"{'Town' if small else 'town'} {one}" for small, one in zip(spelling, number, strict=True)]
    return with_ids(pl.DataFrame({"town": names, "label": label(0.5 + 0.4 * np.sin(number * 2.0), drawn)}))


def contradictions(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Few values, so that most rows stand beside one of the same features and another class."""
    first, second = drawn.integers(0, 40, num_rows), drawn.integers(0, 40, num_rows)
    probability = sigmoid((first - 20) / 8)
    return with_ids(pl.DataFrame({"a": first * 1.0, "b": second * 1.0, "label": label(probability, drawn)}))


def few_answers(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """A survey without ids: some hundred combinations of answers, each with rows of both classes."""
    answers = drawn.integers(1, 4, (num_rows, 5)) * 1.0
    columns = {f"q{number}": answers[:, number] for number in range(5)}
    return pl.DataFrame({**columns, "label": label(sigmoid(answers.sum(axis=1) - 10), drawn)})


def written_twice(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Easy rows stand there up to three times, ids and all: a score over all of them would count these more."""
    rows = with_ids(overlapping(num_rows, drawn))
    easy = rows.filter(pl.col("a").abs() > 1)
    return pl.concat([rows, easy, easy])


def noise_of_many_values(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """A category of hundreds of values that says nothing, beside a number that says little."""
    number = drawn.normal(size=num_rows)
    code = [f"c{one}" for one in drawn.integers(0, 600, num_rows)]
    return pl.DataFrame({"code": code, "a": number, "label": label(sigmoid(number), drawn)})


def noise_in_words(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Notes of a few words that say nothing, beside a number that says little."""
    number = drawn.normal(size=num_rows)
    notes = [" ".join(f"w{word}" for word in row) for row in drawn.integers(0, 2_000, (num_rows, 8)).tolist()]
    return pl.DataFrame({"text": notes, "a": number, "label": label(sigmoid(number), drawn)})


def copied_texts(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Texts that say nothing, half of which come again with a word more and the same class: to be learnt by heart."""
    texts = [" ".join(f"w{word}" for word in drawn.integers(0, 5_000, 30)) for _ in range(num_rows)]
    table = pl.DataFrame({"text": texts, "label": label(np.full(num_rows, 0.5), drawn)})
    half = table.head(num_rows // 2)
    return pl.concat([half, half.with_columns(pl.col("text") + " " + pl.col("label").str.slice(9) + "again")])


def fresh_texts(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    texts = [" ".join(f"w{word}" for word in drawn.integers(0, 5_000, 30)) for _ in range(num_rows)]
    return pl.DataFrame({"text": texts, "label": label(np.full(num_rows, 0.5), drawn)})


def rare(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """One class in ten, told by two numbers."""
    numbers = drawn.normal(size=(num_rows, 2))
    probability = sigmoid(2 * numbers[:, 0] - 3.2)
    return pl.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "label": label(probability, drawn)})


def eighty_classes(num_rows: int, drawn: np.random.Generator) -> pl.DataFrame:
    """Classes that lie around a circle, each beside its neighbours: a sigmoid each makes many numbers to be learnt."""
    number = drawn.integers(0, NUM_CLASSES, num_rows)
    angle = 2 * np.pi * number / NUM_CLASSES
    noise = drawn.normal(scale=0.4, size=(num_rows, 2))
    columns = {"a": np.cos(angle) + noise[:, 0], "b": np.sin(angle) + noise[:, 1]}
    return pl.DataFrame({**columns, "label": [f"c{one:02d}" for one in number]})


NUMBERS: dict[str, Kind] = {"a": ("number", "feature"), "b": ("number", "feature"), "label": ("category", "target")}
NUMBERS_WITH_IDS: dict[str, Kind] = {**NUMBERS, "id": ("category", "id")}
TOWNS: dict[str, Kind] = {"town": ("category", "feature"), "label": ("category", "target"), "id": ("category", "id")}
CODES: dict[str, Kind] = {
    "code": ("category", "feature"),
    "a": ("number", "feature"),
    "label": ("category", "target"),
}
ANSWERS: dict[str, Kind] = {
    **{f"q{number}": ("number", "feature") for number in range(5)},
    "label": ("category", "target"),
}
TEXTS: dict[str, Kind] = {"text": ("text", "feature"), "label": ("category", "target")}
NOTES: dict[str, Kind] = {**TEXTS, "a": ("number", "feature")}


def case(draw: Draw, columns: dict[str, Kind], train: dict[str, Any] = LINEAR, **sections: dict[str, Any]) -> Case:
    return Case(
        draw=draw,
        columns=columns,
        train=train,
        split=sections.get("split", {}),
        clean={"max_quarantined": 0.95, **sections.get("clean", {})},
        normalize=sections.get("normalize", {}),
        augment=sections.get("augment", {}),
    )


def outliers(method: str, action: str) -> dict[str, Any]:
    return {"number": {"outliers": {"method": method, "action": action, "share": 0.1}}}


CASES = {
    "nothing": case(overlapping, NUMBERS),
    "calibration": case(eighty_classes, NUMBERS, SCORES_ALONE),
    "suspicious labels": case(overlapping, NUMBERS, TREES, clean={"labels": {"suspicious": "quarantine"}}),
    "conflicts": case(contradictions, NUMBERS_WITH_IDS, clean={"conflicts": "quarantine"}),
    "duplicates": case(written_twice, NUMBERS_WITH_IDS, TREES, clean={"duplicates": "quarantine"}),
    "events that are alike": case(contradictions, NUMBERS_WITH_IDS, clean={"duplicates": "quarantine"}),
    "events of few values": case(few_answers, ANSWERS, clean={"duplicates": "keep"}),
    "events of few values, apart": case(
        few_answers, ANSWERS, TREES, split={"repeats": "apart"}, clean={"duplicates": "keep"}
    ),
    "outliers by iqr": case(heavy_tailed, NUMBERS, TREES, clean=outliers("iqr", "quarantine")),
    "outliers by mad": case(heavy_tailed, NUMBERS, TREES, clean=outliers("mad", "quarantine")),
    "outliers clipped": case(heavy_tailed, NUMBERS, TREES, clean=outliers("iqr", "clip")),
    "isolation forest": case(heavy_tailed, NUMBERS, TREES, clean=outliers("isolation_forest", "quarantine")),
    "impossible features": case(
        heavy_tailed, NUMBERS, TREES, clean={"columns": {"a": {"min": -2, "max": 2, "outside": "quarantine"}}}
    ),
    "rare categories and spellings": case(categories, TOWNS, clean={"category": {"rare": 0.02, "case": "merge"}}),
    "near duplicates": case(copied_texts, TEXTS, clean={"near_duplicates": {"text": "quarantine"}}),
    "target encoding": case(noise_of_many_values, CODES, TREES, normalize={"category": {"encode": "target"}}),
    "text scores": case(noise_in_words, NOTES, TREES, normalize={"text": {"encode": "score"}}),
    "copies": case(overlapping, NUMBERS, TREES, augment={"number": {"jitter": 0.1}, "copies": 2}),
    "balance by repeating": case(rare, NUMBERS, TREES, augment={"balance": "repeat"}),
    "balance by SMOTE": case(rare, NUMBERS, TREES, augment={"balance": "smote"}),
}


@dataclass(frozen=True)
class Scores:
    """Of each row, whether its class was found, and the log loss; of the test, and of fresh rows."""

    hits: NDArray[np.float64]
    losses: NDArray[np.float64]


def run(root: Path, one: Case, seed: int, folds: int = 0) -> Paths:
    """The stages from split to train, on rows that passed."""
    paths = pipeline_in(root)
    task: Task = "multiclass" if one.draw is eighty_classes else "binary"
    write_dataset(paths.dataset, described(one.columns, task=task))
    storage.write_parts(paths.valid, one.draw(NUM_ROWS, np.random.default_rng(seed)).iter_slices(1_000))
    split.run(HashSplit(test=0.3, folds=folds, **one.split), paths)
    clean.run(Clean.model_validate(one.clean), paths)
    normalize.run(Normalize.model_validate(one.normalize), paths)
    augment.run(Augment.model_validate(one.augment), paths)
    config = train_settings(one)
    write_model(paths, fit(read_job(config, paths, read_recipe(paths.recipe), []), config))
    return paths


def train_settings(one: Case) -> Any:
    return TypeAdapter(Train).validate_python(one.train)


def scores(y_true: NDArray[Any], y_score: NDArray[np.float64]) -> Scores:
    own = np.clip(y_score[np.arange(len(y_true)), y_true.astype(int)], 1e-12, 1)
    return Scores(hits=(y_score.argmax(axis=1) == y_true).astype(float), losses=-np.log(own))


def on_test(paths: Paths) -> Scores:
    predictions = predict_rows(read_recipe(paths.model / paths.recipe.name), paths)
    return scores(predictions.y_true, predictions.y_score)


def on_fresh(paths: Paths, rows: pl.DataFrame) -> Scores:
    """By the model's own recipe, as a served model answers."""
    from tasks.trainers import load

    recipe = read_recipe(paths.model / paths.recipe.name)
    model = load(paths.model, recipe.spec())
    answers = [model.predict(recipe.encode(part)) for part in rows.iter_slices(10_000)]
    return scores(recipe.encode_target(rows), np.concatenate(answers))


def fresh_rows(one: Case) -> pl.DataFrame:
    """Copies are what a training set may be full of, and what the world does not send."""
    drawn = np.random.default_rng(10_000)
    if one.draw is copied_texts:
        return fresh_texts(10_000, drawn)
    return overlapping(NUM_FRESH, drawn) if one.draw is written_twice else one.draw(NUM_FRESH, drawn)


def errors_off(test: NDArray[np.float64], fresh: NDArray[np.float64]) -> float:
    """How many standard errors the mean of the test rows is from that of fresh ones."""
    error = math.sqrt(test.var(ddof=1) / len(test) + fresh.var(ddof=1) / len(fresh))
    return float((test.mean() - fresh.mean()) / error)


@pytest.mark.parametrize("name", CASES)
def test_the_test_score_is_that_of_fresh_rows(tmp_path: Path, name: str) -> None:
    one = CASES[name]
    paths = run(tmp_path, one, seed=len(name))
    fresh = on_fresh(paths, fresh_rows(one))
    test = on_test(paths)
    assert len(test.hits) > 600
    assert abs(errors_off(test.hits, fresh.hits)) < MOST_ERRORS, (test.hits.mean(), fresh.hits.mean())
    assert abs(errors_off(test.losses, fresh.losses)) < MOST_ERRORS, (test.losses.mean(), fresh.losses.mean())


def test_calibrated_on_its_test_rows_a_model_would_flatter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case of calibration can fail: eighty sigmoids that know the test rows claim more than they keep."""
    one, honest = CASES["calibration"], trainer._calibrate

    def by_test_rows(estimator: Any, _: Any) -> Any:
        paths = pipeline_in(tmp_path)
        recipe = read_recipe(paths.recipe)
        rows = read_examples(recipe.spec(), recipe.target.name, storage.read_parts(paths.normalized("test")))
        return honest(estimator, (read_matrix(recipe.spec(), rows.inputs, MatrixLayout()), rows.target, None))

    monkeypatch.setattr(trainer, "_calibrate", by_test_rows)
    paths = run(tmp_path, one, seed=11)
    fresh = on_fresh(paths, fresh_rows(one))
    assert errors_off(on_test(paths).losses, fresh.losses) < -MOST_ERRORS


def test_without_the_rule_copies_would_flatter(tmp_path: Path) -> None:
    """The case of near duplicates can fail: as they are, the test rows are known by heart."""
    one = case(copied_texts, TEXTS)
    paths = run(tmp_path, one, seed=3)
    fresh = on_fresh(paths, fresh_rows(one))
    assert errors_off(on_test(paths).hits, fresh.hits) > 2 * MOST_ERRORS


CROSS_VALIDATED = [
    "nothing",
    pytest.param("suspicious labels", marks=pytest.mark.long),
    "conflicts",
    "target encoding",
    "text scores",
    "events of few values, apart",
]


@pytest.mark.parametrize("name", CROSS_VALIDATED)
def test_cross_validation_tells_the_score_on_fresh_rows(tmp_path: Path, name: str) -> None:
    """Also where clean takes out what is hard to learn: in each fold that is done to the rows of the others alone."""
    one = CASES[name]
    paths = run(tmp_path, one, seed=1, folds=5)
    config = train_settings(one)
    summary = cross_validate(config, paths, lambda job: fit(job, config))
    assert summary is not None
    fresh = on_fresh(paths, one.draw(NUM_FRESH, np.random.default_rng(10_000)))
    num_train = storage.count_rows(paths.split("train"))
    error = math.sqrt(fresh.hits.var() / num_train)
    assert abs(summary["accuracy"]["mean"] - fresh.hits.mean()) < MOST_ERRORS * error
    error = math.sqrt(fresh.losses.var() / num_train)
    assert abs(summary["log_loss"]["mean"] - fresh.losses.mean()) < MOST_ERRORS * error
