"""Settings of the toys, as a file of tasks/params/."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.params.config import Config


class NormalizeLoudness(Config):
    """How a loud word becomes model input."""

    scale: float = Field(1.0, gt=0, description="what counts as one exclamation mark")


class ToySource(Config):
    """Words that were made up."""

    kind: Literal["toy"]
    num_rows: int = Field(240, ge=1, description="how many")


class ToyNetwork(Config):
    """One linear layer."""

    kind: Literal["toy"]


class ToyTrain(Config):
    """The mean of the target, by whether the first input is large."""

    kind: Literal["toy"]
    refit: Literal["none"] = "none"
