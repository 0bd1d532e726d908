"""The section `predict`: how new rows are answered by a registered model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.params.config import Config

AnswerSeverity = Literal["critical", "warning", "ignore"]


class Predict(Config):
    """What the suite asks of new rows, and how they are answered. It may be left out; no stage reads it.

    Rules about the table as a whole are not asked: they are about training data.
    """

    suite: Literal["as_written", "warning", "ignore"] = Field(
        "as_written",
        description="severity of the suite's rules when answering; as_written: a row that fails a critical one goes to "
        "quarantine; warning: counted and told; ignore: not asked",
    )
    severities: dict[str, AnswerSeverity] = Field(
        {},
        description="the same for some of them, by the column that they are about, or as the quarantine names them, "
        "such as `expect_column_values_to_be_between(age)`",
    )
    rows_per_part: int = Field(
        20_000, ge=1, description="rows that are answered together, and lost when a run is killed; memory is theirs"
    )
