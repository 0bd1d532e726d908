"""The section `tune`: which settings `modelwright tune` tries other values of, and how many trials it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from tasks.params.config import Config

TRIED = ("normalize", "augment", "train")
"""The sections that a trial may change: those before them say which rows there are, and all trials are judged on the
same; those behind them, how a model is judged."""

_RANGE: dict[str, JsonValue] = {"type": "array", "minItems": 2}


class Tune(Config):
    """What `modelwright tune` tries, and how often; no stage reads it. See [tuning.md](tuning.md).

    Beside these settings stand ranges, by the names of the settings that they are of: `train.learning_rate: [0.01, 0.2,
    log]` for numbers between two, `train.num_leaves: [4, 255]` for whole ones, `normalize.number.scale: [none,
    standard]` for a choice. Without ranges each trainer has its own, which `modelwright tune NAME --show` writes out.
    """

    model_config = ConfigDict(
        extra="allow",
        # An editor refuses what is neither a setting nor the name of one.
        json_schema_extra={
            "additionalProperties": False,
            "patternProperties": {rf"^({'|'.join(TRIED)})\.": _RANGE},
        },
    )
    # Looked at with the settings that they are of: Pipeline says what is wrong with them.
    __pydantic_extra__: dict[str, Annotated[Any, WithJsonSchema(_RANGE)]] = Field(init=False)

    trials: int = Field(40, ge=1, description="trials, where the command gives neither a number nor minutes")
    folds: int = Field(
        5, ge=2, le=100, description="folds that trials are judged by, where split.folds makes none; none in time"
    )
    seed: int = Field(0, ge=0, description="of what is tried: the same seed tries the same")

    @property
    def ranges(self) -> Mapping[str, Any]:
        """What is tried, by the settings' names, as it stands in the file."""
        return self.__pydantic_extra__ or {}
