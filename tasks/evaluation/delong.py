"""Two areas under the ROC curve of the same rows: their difference and its variance, without drawing.

DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988, by the ranks of Sun and Xu, IEEE Signal Processing Letters 21,
2014: a sort instead of all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AreaDifference:
    """The area of the first minus that of the second, and the standard error of it.

    `degrees_of_freedom` say how well that error is known: of few positive rows among many, hardly more than those few
    say (Welch, 1947, by Satterthwaite's formula). DeLong's own normal distribution finds a difference where there is
    none in 3.3 % of samples for 2.5 %, of 10 positive rows among 100.
    """

    gain: float
    standard_error: float
    degrees_of_freedom: float


def area_difference(is_positive: NDArray[np.bool_], first: Floats, second: Floats) -> AreaDifference:
    """Of two models' scores [N] for the same rows [N], of which two at least are positive and two are not."""
    placements = [_placements(is_positive, scores) for scores in (first, second)]
    of_positives, of_negatives = (one - other for one, other in zip(*placements, strict=True))
    parts = [(float(np.var(rows, ddof=1)) / len(rows), len(rows) - 1) for rows in (of_positives, of_negatives)]
    variance, known = sum(part for part, _ in parts), sum(part**2 / freedom for part, freedom in parts)
    return AreaDifference(
        gain=float(of_positives.mean()),
        standard_error=float(np.sqrt(variance)),
        degrees_of_freedom=variance**2 / known if known else len(is_positive) - 2,
    )


def _placements(is_positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Of each positive row, the share of negative ones below it, and of each negative row, that of positive ones above
    it; ties count half."""
    from scipy.stats import rankdata

    positives, negatives = scores[is_positive], scores[~is_positive]
    among_all = rankdata(scores)
    below = (among_all[is_positive] - rankdata(positives)) / len(negatives)
    above = 1 - (among_all[~is_positive] - rankdata(negatives)) / len(positives)
    return below, above
