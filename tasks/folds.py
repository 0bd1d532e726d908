"""The column `_fold`, by which split tells train which of k folds each training row belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FOLD = "_fold"
"""0 to k - 1 for a row that came in; -1 - fold for one made from a row of that fold, such as a copy: it is learnt from
where that fold is not judged on, and never judged on itself. Missing for one that was made from rows of two folds."""


def of_made_rows(folds: NDArray[np.int8]) -> NDArray[np.int8]:
    """What stands in `_fold` of rows that are made from rows of these folds, [N]."""
    made: NDArray[np.int8] = np.where(folds >= 0, -1 - folds, folds).astype(np.int8)
    return made
