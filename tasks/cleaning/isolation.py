"""Rows whose numbers, taken together, stand apart: an isolation forest (Liu, Ting and Zhou, 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ROW, Found, Parts, found_rows, nothing_found
from tasks.params.clean import Outliers
from tasks.tables.row_hashes import row_hashes
from tasks.tables.samples import HASH, StableSample

RULE = "outlier"

MOST_ROWS = 50_000
"""That the forest learns from. Each of its trees sees 256 of them, as in the paper: more would hide what stands out."""

_LARGEST = float(np.finfo(np.float32).max)

_DECIMALS = 12
"""To which scores, in (0, 1), are rounded: the last bits depend on where in a batch a row stands."""


def isolated(parts: Parts, columns: Sequence[str], settings: Outliers) -> Found:
    """The share of the rows that stand out most, by all their numbers; of rows that tie at the limit, none.

    A row's score is Liu's s(x) in (0, 1): near 1 for rows that random cuts soon leave alone, 0.5 and less for others.
    The forest learns from up to `MOST_ROWS` rows, those with the smallest hash; a missing number becomes the column's
    median among them. Memory: these rows, a part, and 16 bytes a row.
    """
    known = _learning_rows(parts, columns)
    if known is None or known.is_empty():
        return nothing_found()
    medians = {name: _median(known[name]) for name in columns}
    forest = _forest(_matrix(known, medians), settings.seed)
    scored = [(part[ROW].to_numpy(), _scores(forest, _matrix(part, medians))) for part in parts()]
    rows, scores = (np.concatenate(values) for values in zip(*scored, strict=True))
    chosen = scores > _limit(scores, settings.share)
    reasons = [
        f"numbers stand apart from those of other rows (isolation forest, {score:.2f})" for score in scores[chosen]
    ]
    return found_rows(pl.Series(rows[chosen]), RULE, reasons, scores[chosen].tolist())


def _learning_rows(parts: Parts, columns: Sequence[str]) -> pl.DataFrame | None:
    if not columns:
        return None
    sample = StableSample(MOST_ROWS)
    for part in parts():
        rows = part.select(columns).with_columns(row_hashes(part, columns, "isolation_forest").alias(HASH))
        sample.add(sample.wanted(rows))
    return sample.rows()


def _median(values: pl.Series) -> float:
    median = values.fill_nan(None).median()
    return float(median) if isinstance(median, (int, float)) else 0.0


def _matrix(rows: pl.DataFrame, medians: dict[str, float]) -> NDArray[np.float32]:
    """[N, K] float32, as scikit-learn's trees read it; what float32 cannot hold becomes the largest that it can."""
    columns = [rows[name].fill_nan(None).fill_null(median).to_numpy() for name, median in medians.items()]
    return np.stack(columns, axis=1).clip(-_LARGEST, _LARGEST).astype(np.float32)


def _forest(known: NDArray[np.float32], seed: int) -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(random_state=seed).fit(known)


def _scores(forest: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """[N]; of no rows, none."""
    if not len(rows):
        return np.empty(0)
    return np.asarray(np.round(-forest.score_samples(rows), _DECIMALS))


def _limit(scores: NDArray[np.float64], share: float) -> float:
    """The score that no more than this share of the rows surpass."""
    num_most = int(round(share * len(scores), 6))
    return float(np.partition(scores, len(scores) - 1 - num_most)[len(scores) - 1 - num_most])
