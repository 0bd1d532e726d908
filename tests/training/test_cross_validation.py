from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import augment, clean, files, normalize, split
from tasks.errors import UserError
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.normalize import Normalize
from tasks.params.sklearn import SklearnTrain
from tasks.params.split import HashSplit
from tasks.paths import Paths
from tasks.splitting.fold_paths import FoldPaths
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tasks.trainers.base import Fitted, Job
from tasks.trainers.sklearn import SklearnTrainer
from tasks.training.cross_validation import cross_validate, in_words, summary
from tests.small_tables import Kind, described, pipeline_in

LOGISTIC = SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}})
COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "x": ("number", "feature"),
    "colour": ("category", "feature"),
    "label": ("category", "target"),
}


def rows(num_rows: int) -> pl.DataFrame:
    drawn = np.random.default_rng(3)
    x = drawn.normal(size=num_rows)
    label = np.where(x + drawn.normal(0, 0.5, num_rows) > 0, "yes", "no")
    colour = drawn.choice(["red", "green", "blue"], num_rows)
    return pl.DataFrame({"id": [f"r{number}" for number in range(num_rows)], "x": x, "colour": colour, "label": label})


def prepared(root: Path, table: pl.DataFrame, folds: int, **sections: dict[str, Any]) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(COLUMNS))
    storage.write_parts(paths.valid, [table])
    split.run(HashSplit(folds=folds, key=["id"]), paths)
    clean.run(Clean.model_validate({"max_quarantined": 0.9, **sections.get("clean", {})}), paths)
    normalize.run(Normalize.model_validate(sections.get("normalize", {})), paths)
    augment.run(Augment.model_validate(sections.get("augment", {})), paths)
    return paths


def fit(job: Job) -> Fitted:
    return SklearnTrainer().fit(job, LOGISTIC)


def test_without_folds_there_is_none(tmp_path: Path) -> None:
    assert cross_validate(LOGISTIC, prepared(tmp_path, rows(200), folds=0), fit) is None


def test_a_fold_scores_as_a_pipeline_does_whose_test_rows_it_is(tmp_path: Path) -> None:
    """Each fold's figures, by a pipeline of its own that is given the same three parts."""
    table = rows(400)
    sections = {"normalize": {"category": {"encode": "target"}}, "augment": {"copies": 1, "number": {"jitter": 0.1}}}
    paths = prepared(tmp_path / "folds", table, 3, **sections)
    scores = cross_validate(LOGISTIC, paths, fit)
    assert scores is not None
    by_hand = []
    for number in range(3):
        alone = pipeline_in(tmp_path / f"alone {number}")
        write_dataset(alone.dataset, described(COLUMNS))
        files.write_json(alone.split_report, {"kind": "hash"})
        for part in ("train", "validation", "test"):
            storage.write_parts(alone.split(part), storage.read_parts(FoldPaths.of(paths, number).split(part)))  # type: ignore[arg-type]
        clean.run(Clean(max_quarantined=0.9), alone)
        normalize.run(Normalize.model_validate(sections["normalize"]), alone)
        augment.run(Augment.model_validate(sections["augment"]), alone)
        by_hand.append(_accuracy(alone))
    assert scores["accuracy"]["folds"] == by_hand
    assert set(scores) == {"num_folds", "accuracy", "log_loss"}
    assert scores["num_folds"] == 3


def _accuracy(paths: Paths) -> float:
    from tasks.recipe.recipe import read_recipe
    from tasks.training.job import read_examples, read_job

    job = read_job(LOGISTIC, paths, read_recipe(paths.recipe), [])
    test = read_examples(LOGISTIC, job.spec, "label", paths.normalized("test")).loaded()
    return float(np.mean(fit(job).model.predict(test.inputs).argmax(axis=1) == test.target))


def test_rows_of_a_fold_are_judged_on_though_the_whole_training_takes_them_out(tmp_path: Path) -> None:
    """Clean takes outliers from what is learnt from; a fold's own outliers are rows that the world sent."""
    table = rows(400).with_columns(pl.when(pl.int_range(pl.len()) % 10 == 0).then(50.0).otherwise("x").alias("x"))
    number = {"outliers": {"method": "iqr", "action": "quarantine"}}
    paths = prepared(tmp_path, table, 4, clean={"number": number})
    assert storage.read_table(paths.clean("train"))["x"].max() < 10
    for fold in (FoldPaths.of(paths, number) for number in range(4)):
        assert storage.read_table(fold.clean("train"))["x"].max() < 10
        assert storage.count_rows(fold.clean("test")) == storage.count_rows(fold.split("test"))
    judged = pl.concat([storage.read_table(FoldPaths.of(paths, one).clean("test")) for one in range(4)])
    assert judged["x"].max() == 50


def test_a_class_of_one_fold_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    # Rows of one key are in one part and in one fold; by this key and seed, in train.
    rare = pl.DataFrame({"id": ["r2"] * 3, "x": [1.0, 2.0, 3.0], "colour": ["red"] * 3, "label": ["maybe"] * 3})
    paths = pipeline_in(tmp_path)
    write_dataset(paths.dataset, described(COLUMNS, task="multiclass"))
    storage.write_parts(paths.valid, [pl.concat([rows(300), rare])])
    split.run(HashSplit(folds=3, key=["id"]), paths)
    assert "maybe" in storage.read_table(paths.split("train"))["label"]
    with pytest.raises(UserError) as caught:
        clean.run(Clean(max_quarantined=0.9), paths)
    message = str(caught.value)
    assert message.startswith("cross validation without fold ")
    assert "class 'maybe' of label is missing from the other folds; make split.folds smaller" in message


def test_mean_and_std_of_a_sample() -> None:
    found = summary([{"rmse": 1.0, "mse": 1.0}, {"rmse": 2.0, "mse": 4.0}, {"rmse": 6.0, "mse": 36.0}])
    assert found["rmse"] == {"mean": 3.0, "std": pytest.approx(7**0.5, rel=1e-15), "folds": [1.0, 2.0, 6.0]}
    assert found["num_folds"] == 3


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"accuracy": (0.97, 0.01), "log_loss": (0.1, 0.2)}, "5 folds: accuracy 0.9700 ± 0.0100"),
        ({"mse": (2835.0, 9.0), "rmse": (53.24567, 2.1111)}, "5 folds: RMSE 53.25 ± 2.111"),
    ],
)
def test_in_words(metrics: dict[str, tuple[float, float]], said: str) -> None:
    content: dict[str, Any] = {name: {"mean": mean, "std": off} for name, (mean, off) in metrics.items()}
    assert in_words({"num_folds": 5, **content}) == said
