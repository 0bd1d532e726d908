"""How far two models' scores on the same folds are apart, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from tasks.wording import number


def difference(scores: Sequence[float], others: Sequence[float]) -> tuple[float, float | None]:
    """The mean difference of two models' scores on the same folds; its error is that of the folds' differences, which
    share training rows, and None of a single one."""
    differences = [own - other for own, other in zip(scores, others, strict=True)]
    error = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else None
    return fmean(differences), error


def in_words(difference: float, error: float | None) -> str:
    """A difference with its sign, and its standard error in brackets."""
    signed = f"{'-' if difference < 0 else '+'}{number(abs(difference))}"
    return signed if error is None else f"{signed} ({number(error)})"
