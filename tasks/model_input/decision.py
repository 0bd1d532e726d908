"""How the probabilities of classes become one class: what a model answers, in evaluation and wherever it is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import files
from tasks.errors import UserError
from tasks.wording import quoted


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The likeliest class; with a `threshold` the class `positive`, a number, of two, from that probability on.

    With `costs` [K][K], of answering class j where class i is true, the class whose expected cost is least (Elkan, The
    Foundations of Cost-Sensitive Learning, 2001); of equal ones the first.
    """

    positive: int = 1
    threshold: float | None = None
    costs: tuple[tuple[float, ...], ...] | None = None

    def of(self, y_score: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Class numbers [N] for probabilities [N, K]."""
        if self.costs is not None:
            return np.asarray((y_score @ np.array(self.costs)).argmin(axis=1))
        if self.threshold is None:
            return np.asarray(y_score.argmax(axis=1))
        return np.where(y_score[:, self.positive] >= self.threshold, self.positive, 1 - self.positive)


LIKELIEST = Decision()
ANSWER_COSTS = "answer_costs"
"""In decision.json: the classes, and what answers cost, where the least expected cost decides."""


def is_chosen(content: Mapping[str, Any]) -> bool:
    """Whether decision.json says anything else than that the likeliest class is answered."""
    return content["threshold"] is not None or content.get(ANSWER_COSTS) is not None


def read_decision(path: Path, classes: Sequence[str]) -> Decision:
    """What evaluate wrote to decision.json. Raises UserError for another model's."""
    content = files.read_json(path)
    by_cost = content.get(ANSWER_COSTS)
    if by_cost is not None:
        if by_cost["classes"] != list(classes):
            raise UserError(f"{path}: its costs are of {quoted(by_cost['classes'])}, other classes; run evaluate again")
        return Decision(costs=tuple(map(tuple, by_cost["costs"])))
    if content["threshold"] is None:
        return LIKELIEST
    if len(classes) != 2 or content["positive"] not in classes:
        raise UserError(f"{path}: its threshold is of {content['positive']!r}, no class of two; run evaluate again")
    return Decision(positive=list(classes).index(content["positive"]), threshold=content["threshold"])
