"""The section `serve`: how a pipeline's model answers over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from tasks.params.config import Config

Above = Annotated[float, Field(gt=0)]
ALIAS = r"^[^/:@\s]+$"
"""How a version's alias may be called."""
MOST_SECONDS = 86_400
"""Between looks: longer than the system can wait ends the watch of the registry, and a day is no look any more."""


class Serve(Config):
    """What `modelwright serve` is told where its options say nothing else; no stage reads it. See
    [serve.md](serve.md)."""

    up: bool = Field(False, description="`modelwright up` starts this server, and keeps it running")
    alias: str = Field(
        "champion",
        pattern=ALIAS,
        examples=["champion", "canary"],
        description="the version that answers is the one with this alias",
    )
    port: int | None = Field(
        None, ge=1, le=65535, description="where it listens; null: 8000, or the next one that is free"
    )
    workers: int = Field(1, ge=1, description="processes of each version")
    shadow: str | None = Field(
        None,
        pattern=r"^[^/:@=\s]+(=(100|\d{1,2}(\.\d+)?)%?)?$",
        examples=["challenger", "challenger=10"],
        description="copies of requests go to the version with this alias, too; of a share of them, as in "
        "challenger=10, ten of a hundred",
    )
    timeout: Above = Field(10.0, description="seconds from a request to its answer")
    rate: Above | None = Field(None, description="requests a second from one address; null: any number")
    max_mib: Above = Field(8.0, description="MiB that a request's body may have")
    queue: int = Field(1_000, ge=1, description="requests that may wait for a version")
    batch_rows: int = Field(256, ge=1, description="rows that are answered together at most")
    poll: float = Field(5.0, gt=0, le=MOST_SECONDS, description="seconds between looks at the registry")

    @property
    def shadow_alias(self) -> str | None:
        """Whose version gets copies."""
        return self.shadow and self.shadow.partition("=")[0]

    @model_validator(mode="after")
    def _copies_go_to_another_version(self) -> Serve:
        if self.shadow_alias == self.alias:
            raise ValueError(
                f"shadow {self.shadow_alias} is the version that answers already; name another alias, or take it out"
            )
        return self
