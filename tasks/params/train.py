"""The train section of params.yaml: one of the trainers, or an ensemble of several."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.params.config import Config, TargetTransform
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.sklearn import ImportedEstimator, SklearnTrain
from tasks.params.torch import TorchTrain

SingleTrain = TorchTrain | LightgbmTrain | SklearnTrain
"""One model, which may stand alone or be a member of an ensemble."""

Member = Annotated[SingleTrain, Field(discriminator="kind")]


class EnsembleTrain(Config):
    """Several models as one: the mean of their answers, by weights. Slower than each, and mostly better."""

    kind: Literal["ensemble"]
    members: tuple[Member, ...] = Field(
        min_length=1,
        description="train sections, each of a kind of its own settings; what adds nothing to the others is left out",
    )
    folds: int = Field(
        5, ge=2, le=20, description="each member is trained so many times, each time without one of so many folds"
    )
    calibrate: Literal["temperature", "none"] = Field(
        "temperature", description="classes only: make probabilities as sure as they may be, by held-out rows"
    )
    target_transform: TargetTransform = Field(
        "none",
        description="numbers only: all members, and their weights, go by the logarithm of 1 + the target, or by its "
        "rank as a normal number; answers are in its own unit",
    )
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="what would not end in so many minutes is not begun, and told; needs `determinism: off`",
    )
    determinism: Literal["strict", "off"] = Field(
        "strict", description="strict: two runs give the same bytes; off: the clock may decide which members there are"
    )
    seed: int = Field(0, ge=0, description="of which row is in which fold; members have seeds of their own")

    @property
    def names(self) -> list[str]:
        """What each member is called: its estimator, network or trainer, with a number from the second of a kind on."""
        kinds = [_kind_of(member) for member in self.members]
        names = []
        for place, kind in enumerate(kinds):
            before = kinds[:place].count(kind)
            names.append(f"{kind}-{before + 1}" if before else kind)
        return names

    @model_validator(mode="after")
    def _members_fit(self) -> EnsembleTrain:
        if self.max_minutes is not None and self.determinism == "strict":
            raise ValueError("max_minutes lets the clock decide which members there are; set determinism: off with it")
        for number, member in enumerate(self.members):
            name = f"members[{number}] ({member.kind})"
            if isinstance(member, TorchTrain) and (member.workers > 1 or member.init_from is not None):
                setting = "workers" if member.workers > 1 else "init_from"
                raise ValueError(f"{name}: {setting} is for a network alone; take it out")
            if "none" not in (self.target_transform, getattr(member, "target_transform", "none")):
                raise ValueError(f"{name}: target_transform is that of the ensemble; take it out of one of the two")
            if member.refit != "none":
                raise ValueError(f"{name}: members learn from all rows as it is; take refit out")
        return self


def _kind_of(member: SingleTrain) -> str:
    match member:
        case TorchTrain():
            return member.network.kind
        # An estimator by its import path is called as its class.
        case SklearnTrain(estimator=ImportedEstimator(path=path)):
            return path.rsplit(".", 1)[-1]
        case SklearnTrain():
            return member.estimator.kind
        case _:
            return member.kind


Train = Annotated[SingleTrain | EnsembleTrain, Field(discriminator="kind")]
