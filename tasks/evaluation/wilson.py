"""The score interval of a share (Wilson, Journal of the American Statistical Association 22, 1927)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def wilson(shares: Floats, num_rows: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Both ends of shares [G] of so many rows [G], `reach` [G] standard errors away; NaN where one of these is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        more = reach**2 / num_rows
        middle = (shares + more / 2) / (1 + more)
        half = np.sqrt(more * (shares * (1 - shares) + more / 4)) / (1 + more)
    # 0 and 1 are ends of the interval there, and no rounding takes them out of it.
    lower, upper = np.where(shares <= 0, 0.0, middle - half), np.where(shares >= 1, 1.0, middle + half)
    return np.where(np.isnan(half), np.nan, lower), np.where(np.isnan(half), np.nan, upper)
