"""Whether a model knows where it errs: how often it is wrong among the rows that it is surest of, and how far off its
answers are by their size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tasks.evaluation.predictions import Predictions

Floats = NDArray[np.float64]

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Of the rows, the surest first, for which the table says how many are right."""
NUM_STRETCHES = 5


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """The error among the surest rows, by how many of them are answered: risk by coverage.

    R. El-Yaniv and Y. Wiener, "On the Foundations of Noise-free Selective Classification", Journal of Machine Learning
    Research 11 (2010). `coverage` [S + 1] are shares of all weights, from 0 to 1, one for each confidence that there
    is, the surest first; `errors` [S + 1] are the wrong rows among them, as shares of all weights. Rows of one
    confidence cannot be told apart: between its ends the errors grow evenly, whatever the order of the rows.
    """

    coverage: Floats
    errors: Floats

    def risk(self, coverage: Floats) -> Floats:
        """The share that is wrong among so many of the surest rows [T], each above 0 and at most 1."""
        return np.asarray(np.interp(coverage, self.coverage, self.errors) / coverage)

    @cached_property
    def area(self) -> float:
        """Under the risk, over all coverages: 0 where no answer is wrong, and the share of wrong rows where the order
        by confidence is no better than chance.

        Errors are a + b c between two coverages, so that the integral of their share of c is a ln c + b c.
        """
        widths = np.diff(self.coverage)
        slopes = np.diff(self.errors) / widths
        starts = self.errors[:-1] - slopes * self.coverage[:-1]
        # The first stretch begins at nothing, of which there is no logarithm: and no error.
        logs = np.log(self.coverage[2:] / self.coverage[1:-1])
        return float((starts[1:] * logs).sum() + (slopes * widths).sum())


@dataclass(frozen=True, kw_only=True)
class SureRows:
    """The surest rows: which `share` of all, and which share of them is right."""

    share: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class AnswerStretch:
    """Rows whose answers lie from `low` to `high`: how far they are off, and by how much too high on average."""

    low: float
    high: float
    num_rows: int
    error: float
    bias: float


@dataclass(frozen=True, kw_only=True)
class ConfidenceTable:
    """What the page shows: `sure` and `area` for classes, `stretches` for numbers."""

    sure: tuple[SureRows, ...] = ()
    area: float | None = None
    stretches: tuple[AnswerStretch, ...] = ()


def risk_coverage(predictions: Predictions) -> RiskCoverage:
    """Of the probability of the answer, by which rows are put in order."""
    weights = _weights(predictions)
    answered = predictions.y_pred
    confidence = predictions.y_score[np.arange(len(answered)), answered]
    return risk_coverage_of(confidence, answered != predictions.y_true, weights)


def risk_coverage_of(confidence: Floats, is_wrong: NDArray[Any], weights: Floats) -> RiskCoverage:
    """Of rows [N] with these weights, of which some must be above 0."""
    counted = weights > 0
    own, place = np.unique(-confidence[counted], return_inverse=True)
    sizes = np.bincount(place, weights[counted], len(own))
    wrong = np.bincount(place, weights[counted] * is_wrong[counted], len(own))
    total = sizes.sum()
    coverage, errors = (np.concatenate([[0.0], np.cumsum(values) / total]) for values in (sizes, wrong))
    return RiskCoverage(coverage=coverage / coverage[-1], errors=errors)


def confidence_table(predictions: Predictions) -> ConfidenceTable:
    """Of classes by how sure the model is, of numbers by fifths of the answers."""
    if predictions.y_score.ndim == 1:
        return ConfidenceTable(stretches=_stretches(predictions))
    curve = risk_coverage(predictions)
    risks = curve.risk(np.array(SHARES))
    sure = (SureRows(share=share, accuracy=1 - float(risk)) for share, risk in zip(SHARES, risks, strict=True))
    return ConfidenceTable(sure=tuple(sure), area=curve.area)


def _stretches(predictions: Predictions) -> tuple[AnswerStretch, ...]:
    """Fifths of the weights by the answers; rows of one answer stay together, so that there may be fewer."""
    weights = _weights(predictions)
    counted = weights > 0
    answers, weights = predictions.y_score[counted], weights[counted]
    off = answers - predictions.y_true[counted]
    _, place = np.unique(answers, return_inverse=True)
    sizes = np.bincount(place, weights)
    # Where the middle of the rows of one answer lies among all.
    middles = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    parts = np.minimum((middles * NUM_STRETCHES).astype(np.int64), NUM_STRETCHES - 1)[place]
    return tuple(
        AnswerStretch(
            low=float(answers[own].min()),
            high=float(answers[own].max()),
            num_rows=int(own.sum()),
            error=float(np.average(np.abs(off[own]), weights=weights[own])),
            bias=float(np.average(off[own], weights=weights[own])),
        )
        for part in range(NUM_STRETCHES)
        if (own := parts == part).any()
    )


def _weights(predictions: Predictions) -> Floats:
    return np.ones(len(predictions.y_true)) if predictions.weight is None else predictions.weight
