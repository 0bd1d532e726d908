"""The section `evaluate`: how the model is judged on the test rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.params.config import Config, Metric


class Evaluate(Config):
    """How the model is judged on the test rows."""

    average: Literal["macro", "weighted"] = Field(
        "macro", description="how precision, recall and F1 of several classes become one"
    )
    positive: str | None = Field(
        None, description="binary: the class that counts as positive; the last one when not given"
    )
    metric: Metric | None = Field(
        None, description="what the importance of columns is measured by; `register.metric` when not given"
    )
