"""The section `notify`: who is told how a run ended, through a block of Prefect's."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from tasks.params.config import Config

RunOutcome = Literal["failed", "refused", "promoted"]


class Notify(Config):
    """Who is told how a training ended, through a block that was made in Prefect, where its secret stays; no stage
    reads it. See [working.md](working.md#who-is-told)."""

    block: str = Field(
        description="the block, its type and its name, such as slack-webhook/ops, custom-webhook/ops or webhook/ops",
    )
    on: tuple[RunOutcome, ...] = Field(
        ("failed", "refused", "promoted"),
        min_length=1,
        description="of which ends; failed: something has to be put right, or the run crashed; refused: a gate "
        "said no; promoted: a new version is champion",
    )

    @field_validator("block")
    @classmethod
    def _is_a_type_and_a_name(cls, block: str) -> str:
        if re.fullmatch("[a-z0-9-]+/[a-z0-9-]+", block) is None:
            raise ValueError(
                "write the block's type and its name, such as slack-webhook/ops; `prefect block ls` shows them"
            )
        return block
