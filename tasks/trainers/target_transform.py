"""Numbers that are learnt on another scale and answered on their own: their logarithm, or their rank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks import files
from tasks.errors import UserError
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, ModelInput
from tasks.params.config import Config
from tasks.trainers.base import Job, Model
from tasks.trainers.introspection import ModelSize, rates, size_of

KEY = "target_transform"
"""Of model.json, where there is one."""
_NUM_QUANTILES = 1_000
_MOST_SURE = 1e-7
"""The share that stands for the least number and, from the other end, for the greatest: 5.2 standard deviations out."""

Floats = NDArray[np.float64]


class Transform(Config):
    """A rising curve from the target's unit to the one that is learnt, and back.

    Of `quantile`, `points` are the target's own quantiles, at even shares from the least number to the greatest. Of
    `log1p`, `most` is the largest answer: a line of logarithms goes beyond all bounds where one input is far from those
    that were learnt from. Models of an earlier version have none.
    """

    kind: Literal["log1p", "quantile"]
    points: tuple[float, ...] = ()
    most: float | None = None

    def there(self, values: Floats) -> Floats:
        """Numbers [N] on the scale that is learnt."""
        if self.kind == "log1p":
            return np.log1p(values)
        from scipy.special import ndtri

        shares = np.interp(values, self.points, np.linspace(0, 1, len(self.points)))
        return np.asarray(ndtri(np.clip(shares, _MOST_SURE, 1 - _MOST_SURE)))

    def back(self, values: Floats) -> Floats:
        """Answers [N] in the target's own unit; of `quantile` never beyond the least and the greatest of them, of
        `log1p` never above `most`."""
        if self.kind == "log1p":
            # Before the power, which may be too large for a number; without a bound whoever answers refuses what is.
            with np.errstate(over="ignore"):
                return np.expm1(values if self.most is None else np.minimum(values, np.log1p(self.most)))
        from scipy.special import ndtr

        return np.asarray(np.interp(ndtr(values), np.linspace(0, 1, len(self.points)), self.points))


class TransformedModel:
    """A model of transformed targets, which answers in their own unit."""

    def __init__(self, inner: Model, transform: Transform) -> None:
        self.inner, self.transform = inner, transform

    def predict(self, inputs: ModelInput) -> Floats:
        return self.transform.back(self.inner.predict(inputs))

    def own_importance(self) -> dict[str, float] | None:
        """That of the model within."""
        return dict(rates(self.inner)) or None

    def size(self) -> ModelSize | None:
        """That of the model within."""
        return size_of(self.inner)

    def save(self, folder: Path) -> None:
        self.inner.save(folder)
        file = folder / "model.json"
        files.write_json(file, {**files.read_json(file), KEY: self.transform.model_dump(mode="json")})


def learnt_transform(kind: Literal["log1p", "quantile"], job: Job) -> Transform:
    """The curve of the training rows' targets. Raises UserError for classes, and for numbers that have no logarithm."""
    if job.spec.classes:
        raise UserError(f"train.target_transform: the target has classes, and {kind} is of numbers; take it out")
    targets = job.train.targets()
    if kind == "quantile":
        points = np.quantile(targets, np.linspace(0, 1, min(_NUM_QUANTILES, len(targets))))
        return Transform(kind=kind, points=tuple(points.tolist()))
    both = targets, job.validation.targets()
    least, greatest = min(part.min(initial=0.0) for part in both), max(part.max(initial=0.0) for part in both)
    if least <= -1:
        raise UserError(
            f"train.target_transform: log1p is of numbers above -1, and the target goes down to {least:g}; use "
            "quantile, or none"
        )
    return Transform(kind=kind, most=2 * float(greatest))


def transformed(job: Job, transform: Transform) -> Job:
    """The job with targets on the scale that is learnt; all rows are in memory."""

    def part(examples: Examples | StoredExamples) -> Examples:
        rows = examples.loaded()
        return replace(rows, target=transform.there(rows.target.astype(np.float64)))

    return replace(job, train=part(job.train), validation=part(job.validation))


def read_transform(path: Path, content: Any) -> Transform:
    """What `TransformedModel.save` put into model.json. Raises UserError when it is damaged."""
    try:
        return Transform.model_validate(content)
    except ValidationError:
        raise UserError(
            f"{path}: damaged (its {KEY} is not what a trainer writes); run stage train again{files.again(path)}"
        ) from None
