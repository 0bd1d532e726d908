"""How well one column alone predicts the target, on rows that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.drafting.facts import Facts
from tasks.drafting.target import TargetGuess

_NUM_BINS = 64
_NUM_FOLDS = 5
_MOST_ROWS = 10_000
_MOST_COLUMNS = 300
_MOST_DISTINCT = 0.2
"""Of a column with more values than one to five rows nothing can be learnt by value."""

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def single_scores(facts: Facts, target: TargetGuess, features: Sequence[str]) -> dict[str, tuple[float, float]]:
    """For each column its score, and that of knowing nothing: accuracy and the largest class's share, or R² and 0.

    A column is cut into values or 64 quantiles; each bin answers with what its other folds' rows say.
    """
    rows = facts.sample.filter(facts.sample[target.name].is_not_null()).head(_MOST_ROWS)
    if rows.height < _NUM_FOLDS * 10:
        return {}
    folds = np.arange(rows.height) % _NUM_FOLDS
    scores = {}
    for name in features[:_MOST_COLUMNS]:
        bins = _bins(rows[name], facts.types[name])
        if bins is None:
            continue
        if target.task == "regression":
            scores[name] = (_regression(bins, rows, name, target.name, folds, facts.types[name] == "number"), 0.0)
        else:
            scores[name] = _classification(bins, _codes(rows[target.name]), folds)
    return scores


def _bins(values: pl.Series, kind: str) -> Codes | None:
    """[N] the bin of each value; a missing one has its own. None for columns that cannot be cut so."""
    if kind in ("category", "boolean"):
        codes = _codes(values)
        return codes if codes.max(initial=0) < _MOST_DISTINCT * len(values) else None
    if kind != "number":
        return None
    numbers = values.fill_null(float("nan")).to_numpy()
    finite = numbers[np.isfinite(numbers)]
    edges = np.unique(finite) if len(np.unique(finite)) <= _NUM_BINS else _edges(finite)
    return np.where(np.isfinite(numbers), np.searchsorted(edges, numbers, side="right"), len(edges) + 1)


def _edges(finite: Floats) -> Floats:
    return np.unique(np.quantile(finite, np.linspace(0, 1, _NUM_BINS + 1)[1:-1]))


def _codes(values: pl.Series) -> Codes:
    return values.cast(pl.String).fill_null("\0").rank("dense").cast(pl.Int64).to_numpy() - 1


def _classification(bins: Codes, classes: Codes, folds: Codes) -> tuple[float, float]:
    """Accuracy of each bin's commonest class, and the share of the commonest class of all."""
    num_bins, num_classes = int(bins.max()) + 1, int(classes.max()) + 1
    hits = 0
    for fold in range(_NUM_FOLDS):
        learn, test = folds != fold, folds == fold
        counts = np.bincount(bins[learn] * num_classes + classes[learn], minlength=num_bins * num_classes)
        answers = counts.reshape(num_bins, num_classes).argmax(axis=1)
        hits += int((answers[bins[test]] == classes[test]).sum())
    return hits / len(classes), float(np.bincount(classes).max() / len(classes))


def _regression(bins: Codes, rows: pl.DataFrame, name: str, target: str, folds: Codes, is_number: bool) -> float:
    """R² of each bin's mean, or of a straight line where that says more."""
    wanted = rows[target].to_numpy().astype(np.float64)
    if not np.isfinite(wanted).all() or np.ptp(wanted) == 0:
        return 0.0
    answers = np.empty_like(wanted)
    for fold in range(_NUM_FOLDS):
        learn, test = folds != fold, folds == fold
        sums = np.bincount(bins[learn], weights=wanted[learn], minlength=int(bins.max()) + 1)
        counts = np.bincount(bins[learn], minlength=int(bins.max()) + 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), wanted[learn].mean())
        answers[test] = means[bins[test]]
    by_bins = 1 - float(((wanted - answers) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())
    return max(by_bins, _straight(rows[name].to_numpy(), wanted) if is_number else 0.0)


def _straight(values: NDArray[np.float64], wanted: Floats) -> float:
    both = np.isfinite(values)
    if both.mean() < 0.9 or np.ptp(values[both]) == 0 or np.ptp(wanted[both]) == 0:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        correlation = float(np.corrcoef(values[both], wanted[both])[0, 1])
    return correlation**2 if np.isfinite(correlation) else 0.0
