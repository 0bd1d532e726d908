"""The models that benchmarks/quality.py puts Modelwright beside: what a good script does with the same rows.

Peers learn from all training rows; whoever stops early holds back a part of them. Where errors are in per cent (RMSLE),
they learn logarithms, as a person with such a metric would have them do. AutoGluon, which has an environment
of its own (`python -m venv autogluon; autogluon/bin/pip install autogluon.tabular[all]`), runs in a process of that.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from quality_sets import TARGET, QualitySet

_MANY_ROUNDS = 2_000
_PATIENCE = 50
_HELD_BACK = 0.15
_MOST_CATEGORIES = 255

NUM_CORES = len(os.sched_getaffinity(0))
"""That this process may use: fewer than there are under `taskset`."""

_AUTOGLUON = """\
import os
import sys
import pandas as pd
from autogluon.tabular import TabularPredictor

folder, metric, seconds, positive = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
train, test = pd.read_parquet(folder + "/train.parquet"), pd.read_parquet(folder + "/test.parquet")
predictor = TabularPredictor("target", path=folder + "/models", eval_metric=metric, verbosity=0)
predictor.fit(train, time_limit=seconds, presets="medium_quality", num_cpus=len(os.sched_getaffinity(0)), num_gpus=0)
answers = pd.DataFrame({"answer": predictor.predict(test)})
if positive:
    scores = predictor.predict_proba(test)
    answers["score"] = scores[[name for name in scores.columns if str(name) == positive][0]]
answers.to_parquet(folder + "/answers.parquet")
"""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers to the test rows [N], and the probability of the class looked for [N]; the seconds that it all took."""

    answers: Any
    scores: Any = None
    seconds: float = 0.0


Peer = Callable[[QualitySet, pl.DataFrame, pl.DataFrame, int], Answers]
"""Of a set, its training rows and test rows, and a seed."""


def lightgbm(quality: QualitySet, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> Answers:
    """LightGBM as it comes, a learning rate of 0.05, stopped early on rows held back; texts as TF-IDF of words."""
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    learner = LGBMRegressor if quality.is_regression else LGBMClassifier
    model = learner(n_estimators=_MANY_ROUNDS, learning_rate=0.05, random_state=seed, verbose=-1, n_jobs=NUM_CORES)
    inputs, held_back, asked = _inputs(quality, train, test, seed)
    # Numbers for classes: LightGBM takes those of `eval_y` as they are.
    classes, y = _target(quality, train)
    model.fit(
        inputs[~held_back],
        y[~held_back],
        eval_X=inputs[held_back],
        eval_y=y[held_back],
        callbacks=[early_stopping(_PATIENCE, verbose=False)],
    )
    return _answers(quality, model, asked, classes)


def scikit_learn(quality: QualitySet, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> Answers:
    """Histogram boosting as it comes; of texts a logistic regression on TF-IDF of words."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression

    model: Any = (
        LogisticRegression(C=10.0, max_iter=1000)
        if quality.text
        else HistGradientBoostingRegressor(random_state=seed, categorical_features="from_dtype")
        if quality.is_regression
        else HistGradientBoostingClassifier(random_state=seed, categorical_features="from_dtype")
    )
    inputs, _, asked = _inputs(quality, train, test, seed)
    classes, y = _target(quality, train)
    model.fit(inputs, y)
    return _answers(quality, model, asked, classes)


def autogluon(python: Path, seconds: int) -> Peer:
    """AutoGluon's medium preset, in as many seconds, by the interpreter that has it."""

    def peer(quality: QualitySet, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> Answers:
        with tempfile.TemporaryDirectory() as folder:
            for name, rows in (("train", train.sample(fraction=1.0, shuffle=True, seed=seed)), ("test", test)):
                rows.with_columns(_learnt(quality)).write_parquet(Path(folder) / f"{name}.parquet")
            script = Path(folder) / "fit.py"
            script.write_text(_AUTOGLUON)
            metric = {
                "pr_auc": "average_precision",
                "rmsle": "root_mean_squared_error",
                "rmse": "root_mean_squared_error",
            }
            name = metric.get(quality.metrics[0], quality.metrics[0])
            subprocess.run(
                [python, script, folder, name, str(seconds), quality.positive or ""], check=True, capture_output=True
            )
            answers = pl.read_parquet(Path(folder) / "answers.parquet")
        scores = answers["score"].to_numpy() if "score" in answers.columns else None
        return Answers(answers=_in_units(quality, answers["answer"].to_numpy()), scores=scores)

    return peer


def _inputs(quality: QualitySet, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> tuple[Any, Any, Any]:
    held_back = np.random.default_rng(seed).random(train.height) < _HELD_BACK
    if quality.text:
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
        return words.fit_transform(train[quality.text]), held_back, words.transform(test[quality.text])
    names = train.drop(TARGET).columns
    categories: Any = {
        name: pl.Enum(pl.concat([train[name], test[name]]).drop_nulls().unique().sort())
        for name in names
        if train.schema[name] == pl.String
    }
    # Of so many values, such as days, the order says more, and scikit-learn takes no more than these.
    many = [name for name, values in categories.items() if len(values.categories) > _MOST_CATEGORIES]
    as_pandas = [
        rows.select(names).cast(categories).with_columns(pl.col(many).to_physical()).to_pandas()
        for rows in (train, test)
    ]
    # LightGBM takes no brackets in a name, and "Air temperature [K]" has some.
    plain = [rows.set_axis([f"column{place}" for place in range(len(names))], axis=1) for rows in as_pandas]
    return plain[0], held_back, plain[1]


def _target(quality: QualitySet, rows: pl.DataFrame) -> tuple[Any, Any]:
    """The names of the classes, none of a number, and the targets [N] as learnt: numbers of classes, or values."""
    learnt = rows.select(_learnt(quality))[TARGET].to_numpy()
    return (None, learnt) if quality.is_regression else np.unique(learnt, return_inverse=True)


def _learnt(quality: QualitySet) -> pl.Expr:
    """The target as peers learn it."""
    if quality.metrics[0] == "rmsle":
        return pl.col(TARGET).log1p()
    return pl.col(TARGET) if quality.is_regression else pl.col(TARGET).cast(pl.String)


def _in_units(quality: QualitySet, answers: Any) -> Any:
    return np.expm1(answers) if quality.metrics[0] == "rmsle" else answers


def _answers(quality: QualitySet, model: Any, asked: Any, classes: Any) -> Answers:
    if classes is None:
        return Answers(answers=_in_units(quality, model.predict(asked)))
    scores = model.predict_proba(asked)
    positive = None if quality.positive is None else scores[:, list(classes).index(quality.positive)]
    return Answers(answers=classes[scores.argmax(axis=1)], scores=positive)
