"""The section `notify`: who is told how a run ended, through a block of Prefect's."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tasks.params.config import Config

EMAIL = "email-server-credentials"
"""The type of Prefect's block for e-mail, which knows a server and no receiver."""

RunOutcome = Literal["failed", "refused", "promoted"]


class Notify(Config):
    """Who is told how a training or a look at live rows ended, through a block that was made in Prefect, where its
    secret stays; no stage reads it. See [working.md](working.md#who-is-told)."""

    block: str = Field(
        description="the block, its type and its name, such as slack-webhook/ops, custom-webhook/ops, webhook/ops or "
        "email-server-credentials/ops",
    )
    on: tuple[RunOutcome, ...] = Field(
        ("failed", "refused", "promoted"),
        min_length=1,
        description="of which ends; failed: something has to be put right, or the run crashed; refused: a gate "
        "or live rows said no; promoted: a new version is champion",
    )

    to: tuple[str, ...] = Field((), description="of e-mail: the addresses that it goes to")

    @field_validator("block")
    @classmethod
    def _is_a_type_and_a_name(cls, block: str) -> str:
        if re.fullmatch("[a-z0-9-]+/[a-z0-9-]+", block) is None:
            raise ValueError(
                "write the block's type and its name, such as slack-webhook/ops; `prefect block ls` shows them"
            )
        return block

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        wrong = next((address for address in to if re.fullmatch(r"[^@\s,<>]+@[^@\s,<>]+", address) is None), None)
        if wrong is not None:
            raise ValueError(f"{wrong} is no address; write it like me@example.org")
        return to

    @model_validator(mode="after")
    def _email_has_receivers(self) -> Notify:
        is_email = self.block.partition("/")[0] == EMAIL
        if is_email and not self.to:
            raise ValueError("an e-mail needs `to`, the addresses that it goes to, such as `to: [me@example.org]`")
        if self.to and not is_email:
            raise ValueError(f"`to` is of block {EMAIL}, and the block is {self.block}; take it out")
        return self
