"""How the probabilities of classes become one class: what a model answers, in evaluation and wherever it is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import files
from tasks.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The likeliest class; with a `threshold` the class `positive`, a number, of two, from that probability on."""

    positive: int = 1
    threshold: float | None = None

    def of(self, y_score: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Class numbers [N] for probabilities [N, K]."""
        if self.threshold is None:
            return np.asarray(y_score.argmax(axis=1))
        return np.where(y_score[:, self.positive] >= self.threshold, self.positive, 1 - self.positive)


LIKELIEST = Decision()


def read_decision(path: Path, classes: Sequence[str]) -> Decision:
    """What evaluate wrote to decision.json. Raises UserError for another model's."""
    content = files.read_json(path)
    if content["threshold"] is None:
        return LIKELIEST
    if len(classes) != 2 or content["positive"] not in classes:
        raise UserError(f"{path}: its threshold is of {content['positive']!r}, no class of two; run evaluate again")
    return Decision(positive=list(classes).index(content["positive"]), threshold=content["threshold"])
