"""Small projects to search in: rows of which the best setting is known, and rows that nothing can be learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tasks.paths import Project
from tests.projects import make_project

PENALTY = 100.0
"""The best `alpha` of ridge for the rows of `sums`: the noise's variance over that of the weights (Hoerl and Kennard,
Technometrics 12, 1970)."""

NUM_INPUTS = 60

BLOCK = """\
pipelines:
  sums: # a sum of many small parts
    ingest: {source: {kind: table, path: sums.csv}, target: answer}
    validate: {}
    split: {}
    clean: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: ridge, alpha: 0.01}} # hardly any penalty
    evaluate: {}
    register: {metric: rmse}
    tune:
      train.estimator.alpha: [0.001, 100000, log]
      normalize.number.scale: [standard, robust]
"""

COINS = """\
pipelines:
  coins:
    ingest: {source: {kind: table, path: coins.csv}, target: side, columns: {side: {type: category}}}
    validate: {}
    split: {folds: 5}
    clean: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: random_forest, n_estimators: 5}}
    evaluate: {}
    register: {metric: roc_auc}
    tune: {train.estimator.min_samples_leaf: [1, 30], train.estimator.max_features: [0.1, 1.0], train.seed: [0, 999]}
"""


def sums(num_rows: int = 260, seed: int = 0) -> pl.DataFrame:
    """Each answer is a sum of sixty normal inputs, of weights of variance 0.09, and noise of variance 9."""
    drawn = np.random.default_rng(seed)
    x = drawn.normal(size=(num_rows, NUM_INPUTS))
    answer = x @ drawn.normal(0, 0.3, NUM_INPUTS) + drawn.normal(0, 3, num_rows)
    return pl.DataFrame({f"x{number}": x[:, number] for number in range(NUM_INPUTS)}).with_columns(answer=answer)


def coins(num_rows: int = 400, seed: int = 0) -> pl.DataFrame:
    """Four numbers, and a side that has nothing to do with them."""
    drawn = np.random.default_rng(seed)
    inputs = {f"x{number}": drawn.normal(size=num_rows) for number in range(4)}
    return pl.DataFrame({**inputs, "side": drawn.choice(["heads", "tails"], num_rows)})


def project_of(root: Path, params: str, store: Path, **tables: pl.DataFrame) -> Project:
    """A project with these pipelines, and a CSV for each table."""
    for name, rows in tables.items():
        rows.write_csv(root / f"{name}.csv")
    return make_project(root, params, store=store)
