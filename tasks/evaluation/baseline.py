"""What can be answered without a model: the score that one has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.tables import storage
from tasks.wording import number

Floats = NDArray[np.float64]

LAST_VALUE = "the last value known"
"""What is answered to later rows without a model."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One answer to every row, learnt from training rows: probabilities of the classes [K], or a value [1].

    `name` says it in words, such as "always 'order'".
    """

    name: str
    answer: Floats

    def answers(self, num_rows: int) -> Floats:
        """As a model's: [N, K], or [N]."""
        repeated = np.broadcast_to(self.answer, (num_rows, len(self.answer)))
        return np.asarray(repeated if len(self.answer) > 1 else repeated[:, 0])


def baseline(paths: Paths, recipe: Recipe, costs: Floats | None = None) -> Baseline:
    """The classes' shares, of which the largest is answered; the mean; or the last value known, where time splits.

    Where `costs` [K, K] judge, what answering class j costs where class i is true, it is the class that costs least.
    """
    target = recipe.target
    values = pl.concat(storage.read_parts(paths.normalized("train"), [target.name]))[target.name].to_numpy()
    if target.classes:
        shares = np.bincount(values, minlength=len(target.classes)) / len(values)
        if costs is not None:
            # Sure of it: by shares the largest would be answered.
            shares = np.eye(len(shares))[int((shares @ costs).argmin())]
        return Baseline(name=f"always {target.classes[int(shares.argmax())]!r}", answer=shares)
    if time := files.read_json(paths.split_report).get("time"):
        last = _last_value(paths, time, target.name)
        return Baseline(name=f"always {LAST_VALUE}, {number(last)}", answer=np.array([last]))
    mean = float(values.mean(dtype=np.float64))
    return Baseline(name=f"always the mean, {number(mean)}", answer=np.array([mean]))


def _last_value(paths: Paths, time: str, target: str) -> float:
    """Of the validation rows, which are the newest that lie before the test rows."""
    times = pl.concat(storage.read_parts(paths.clean("validation"), [time]))[time]
    values = pl.concat(storage.read_parts(paths.normalized("validation"), [target]))[target]
    return float(values[times.arg_max() or 0])
