"""Whether one model is better than another on the same rows: by the test that its metric has.

What makes both right or wrong on a row is the row's, so only what sets the models apart is uncertain. McNemar's test
for accuracy and DeLong's for an area under the ROC curve count on rows that are each on their own and weigh the same;
for all else the rows, or their groups, are drawn anew many times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.delong import area_difference
from tasks.evaluation.paired_bootstrap import CONFIDENCE, num_units_of_rarest_class, resampled_error
from tasks.evaluation.paired_proportions import Discordant, interval, p_value
from tasks.evaluation.weighted_metrics import Answers, Floats, metric_of_weights
from tasks.params.config import Metric
from tasks.params.register import LOWER_IS_BETTER

MCNEMAR, TANGO, DELONG, BOOTSTRAP = "McNemar's exact test", "Tango's score test", "DeLong's test", "paired bootstrap"


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """How much better the first of two models is, in the direction in which more is better, and how sure that is.

    `p_value` is how likely as large a gain is, or a larger one, if the true one were the margin asked about: one-sided.
    `low` and `high` hold the true gain with 95 % confidence. `num_units` rows or groups were drawn or counted.
    """

    name: str
    gain: float
    standard_error: float
    low: float
    high: float
    p_value: float
    num_units: int


def paired_test(
    metric: Metric,
    first: Answers,
    second: Answers,
    weights: Floats,
    groups: NDArray[np.int64] | None = None,
    margin: float = 0.0,
) -> PairedTest | None:
    """Whether the first is better than the second by more than `margin`, below 0: not worse by more.

    Of the same rows with these weights [N] and, where they have any, numbers of groups [N] from 0 on. None where the
    rows tell nothing of others: one row, one group, a metric that is undefined.
    """
    num_units = len(weights) if groups is None else int(groups.max()) + 1
    if num_units < 2:
        return None
    on_their_own = groups is None and np.ptp(weights) == 0 and weights[0] > 0
    if metric == "accuracy" and on_their_own:
        return _of_accuracy(first, second, margin)
    if metric == "roc_auc" and first.positive is not None and on_their_own:
        return _of_area(first, second, margin)
    return _by_drawing(metric, first, second, weights, groups, num_units, margin)


def _of_accuracy(first: Answers, second: Answers, margin: float) -> PairedTest:
    first_right, second_right = (answers.y_pred == answers.y_true for answers in (first, second))
    counts = Discordant(
        first=int((first_right & ~second_right).sum()),
        second=int((second_right & ~first_right).sum()),
        num_rows=len(first_right),
    )
    low, high = interval(counts, CONFIDENCE)
    differing = (counts.first + counts.second) / counts.num_rows
    return PairedTest(
        name=MCNEMAR if margin == 0 else TANGO,
        gain=counts.gain,
        standard_error=float(np.sqrt((differing - counts.gain**2) / counts.num_rows)),
        low=low,
        high=high,
        p_value=p_value(counts, margin),
        num_units=counts.num_rows,
    )


def _of_area(first: Answers, second: Answers, margin: float) -> PairedTest | None:
    from scipy.stats import t

    is_positive = first.y_true == first.positive
    if not 2 <= is_positive.sum() <= len(is_positive) - 2:
        return None
    difference = area_difference(is_positive, first.y_score[:, first.positive], second.y_score[:, second.positive])
    distribution = t(difference.degrees_of_freedom)
    return _of_error(DELONG, difference.gain, difference.standard_error, len(is_positive), margin, distribution)


def _by_drawing(
    metric: Metric,
    first: Answers,
    second: Answers,
    weights: Floats,
    groups: NDArray[np.int64] | None,
    num_units: int,
    margin: float,
) -> PairedTest | None:
    from scipy.stats import t

    degrees_of_freedom = num_units - 1
    if metric in ("roc_auc", "pr_auc") and first.positive is not None:
        # Where one row alone is of a class, how it is ranked hardly varies among resamples; DeLong's test asks for two.
        degrees_of_freedom = num_units_of_rarest_class(first.y_true, weights, groups) - 1
    if degrees_of_freedom < 1:
        return None
    ours, theirs = metric_of_weights(metric, first), metric_of_weights(metric, second)
    better, worse = (theirs, ours) if metric in LOWER_IS_BETTER else (ours, theirs)
    error = resampled_error(better, worse, weights, groups)
    if error is None:
        return None
    return _of_error(BOOTSTRAP, better(weights) - worse(weights), error, num_units, margin, t(degrees_of_freedom))


def _of_error(name: str, gain: float, error: float, num_units: int, margin: float, distribution: Any) -> PairedTest:
    """By a gain that is distributed as that around the true one, with this standard error."""
    reach = float(distribution.isf((1 - CONFIDENCE) / 2)) * error
    # Models that answer the same differ by nothing, which is more than a margin below 0.
    p = float(distribution.sf((gain - margin) / error)) if error > 0 else float(gain <= margin)
    return PairedTest(
        name=name,
        gain=gain,
        standard_error=error,
        low=gain - reach,
        high=gain + reach,
        p_value=p,
        num_units=num_units,
    )
