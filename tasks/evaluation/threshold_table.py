"""What the report says of thresholds: a few of them, the one that is used, and all of them as a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.evaluation.drawing import Plot
from tasks.evaluation.plots import threshold_curves
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.thresholds import ThresholdChoice, ThresholdCurve, mean_cost
from tasks.model_input.decision import LIKELIEST
from tasks.wording import number

_SHOWN = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
_LIKELIER = 0.5
"""The threshold of a model that answers the likelier of two classes."""


@dataclass(frozen=True, kw_only=True)
class ThresholdRow:
    """What a threshold means for the validation rows; `precision` is None where nothing would be answered positive."""

    threshold: float
    precision: float | None
    recall: float
    false_alarms: float
    cost: float
    is_used: bool


@dataclass(frozen=True, kw_only=True)
class ThresholdTable:
    """The section of the report; `note` says which threshold is used, and why."""

    positive: str
    note: str
    num_rows: int
    rows: tuple[ThresholdRow, ...]
    picture: Plot


def threshold_table(choice: ThresholdChoice, test: Predictions) -> ThresholdTable:
    """Of a choice that has a curve, and what it costs on the test rows."""
    assert choice.curve is not None
    curve, threshold = choice.curve, choice.decision.threshold
    # One of 0 is a threshold: all rows are answered positive.
    used = _LIKELIER if threshold is None else threshold
    curves = {"precision": curve.precision, "recall": curve.recall, "cost a row": curve.cost}
    return ThresholdTable(
        positive=choice.positive,
        note=_note(choice, test),
        num_rows=choice.num_rows,
        rows=tuple(_row(curve, threshold, used) for threshold in sorted({*_SHOWN, used})),
        picture=threshold_curves(choice.positive, curve.thresholds, curves, used),
    )


def _row(curve: ThresholdCurve, threshold: float, used: float) -> ThresholdRow:
    entry = curve.at(threshold)
    precision = float(curve.precision[entry])
    return ThresholdRow(
        threshold=threshold,
        precision=None if np.isnan(precision) else precision,
        recall=float(curve.recall[entry]),
        false_alarms=float(curve.false_alarms[entry]),
        cost=float(curve.cost[entry]),
        is_used=threshold == used,
    )


def _note(choice: ThresholdChoice, test: Predictions) -> str:
    threshold, costs = choice.decision.threshold, choice.costs
    prices = f"a false alarm costs {costs.false_positive:,g}, a miss {costs.false_negative:,g}"
    if threshold is None:
        return f"The likelier class is answered. With evaluate.threshold in params.yaml it is another; {prices}."
    reason = "is the cheapest, where" if choice.is_chosen else "is what params.yaml says;"
    decided, likelier = (number(mean_cost(choice, decision, test)) for decision in (choice.decision, LIKELIEST))
    on_test = f"A test row costs {decided} by it, and {likelier} where the likelier class is answered."
    return f"{number(threshold)} {reason} {prices}. {on_test}"
