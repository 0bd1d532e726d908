"""The mean of members' answers, each being the mean of the models of its folds; a folder below for each of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import trainers
from tasks.errors import UserError
from tasks.files import again
from tasks.model_input.inputs import ModelInput, Spec
from tasks.trainers.base import Model, read_model, write_model
from tasks.trainers.ensemble.weights import tempered
from tasks.trainers.introspection import ModelSize, rates, size_in_all

Bounds = tuple[float, float]
"""The least and the greatest number that a member may answer."""

_WEIGHTS = "ensemble.json"


@dataclass(frozen=True, kw_only=True)
class Member:
    """The models of one member, and how much it counts."""

    name: str
    weight: float
    models: tuple[Model, ...]

    def predict(self, inputs: ModelInput, bounds: Bounds | None = None) -> NDArray[np.float64]:
        """The mean of its models' answers, each held within the bounds."""
        return np.asarray(sum(within(model.predict(inputs), bounds) for model in self.models) / len(self.models))


class EnsembleModel:
    """The members with a weight, the temperature of their mean, and between what their answers are held."""

    def __init__(
        self, spec: Spec, members: Sequence[Member], temperature: float = 1.0, bounds: Bounds | None = None
    ) -> None:
        self.spec, self.members, self.temperature, self.bounds = spec, tuple(members), temperature, bounds

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        mean = np.asarray(sum(member.weight * member.predict(inputs, self.bounds) for member in self.members))
        return tempered(mean, self.temperature) if self.spec.classes else mean

    def own_importance(self) -> dict[str, float] | None:
        """The members' own, by their weights; of those that keep one."""
        shares: dict[str, float] = {}
        for member in self.members:
            for model in member.models:
                for column, share in rates(model).items():
                    shares[column] = shares.get(column, 0.0) + share * member.weight / len(member.models)
        total = sum(shares.values())
        return {column: share / total for column, share in shares.items()} if total else None

    def size(self) -> ModelSize | None:
        """Of all models of all members together, as all of them answer."""
        return size_in_all([model for member in self.members for model in member.models])

    def save(self, folder: Path) -> None:
        content: dict[str, Any] = {"temperature": self.temperature, "bounds": self.bounds, "members": []}
        for member in self.members:
            digests = []
            for number, model in enumerate(member.models):
                place = _place(folder, member.name, number)
                place.mkdir(parents=True)
                model.save(place)
                digests.append(_digest(place))
            content["members"].append({"name": member.name, "weight": member.weight, "models": digests})
        weights = json.dumps(content, indent=2).encode() + b"\n"
        write_model(folder, "ensemble", self.spec, _WEIGHTS, weights)


def bounds_of(spec: Spec, target: NDArray[Any]) -> Bounds | None:
    """The range of the targets [N], and as much again on either side; None for classes.

    A line has no bounds: of a row with one value far from all others it may say more than all other members together
    can make up for, and weights are found where there are few such rows, or none.
    """
    if spec.classes:
        return None
    least, greatest = float(target.min()), float(target.max())
    return 2 * least - greatest, 2 * greatest - least


def within(answers: NDArray[np.float64], bounds: Bounds | None) -> NDArray[np.float64]:
    """The answers, held between the bounds if there are any."""
    return answers if bounds is None else np.clip(answers, *bounds)


def load(folder: Path, spec: Spec) -> EnsembleModel:
    """The model that was saved there. Raises UserError when a file of it, or of a member, is missing or damaged."""
    _, weights = read_model(folder, "ensemble", spec)
    content = json.loads(weights)
    members = []
    for one in content["members"]:
        places = [_place(folder, one["name"], number) for number in range(len(one["models"]))]
        for place, digest in zip(places, one["models"], strict=True):
            # Whole files of another training would be read without an error.
            if _digest(place) != digest:
                raise UserError(f"{place}: missing, or not what was trained; run stage train again{again(folder)}")
        models = tuple(trainers.load(place, spec) for place in places)
        members.append(Member(name=one["name"], weight=one["weight"], models=models))
    # An ensemble of an earlier version has none, and classes need none.
    bounds = content.get("bounds")
    return EnsembleModel(spec, members, content["temperature"], None if bounds is None else (bounds[0], bounds[1]))


def _place(folder: Path, name: str, number: int) -> Path:
    return folder / "members" / name / str(number)


def _digest(folder: Path) -> str | None:
    """Of a model's model.json, which holds the digest of its weights; None where there is none."""
    file = folder / "model.json"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
