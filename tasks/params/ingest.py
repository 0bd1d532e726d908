"""The section `ingest`: where the rows come from, and what its columns are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.params.config import ColumnTypeName, Config, Role
from tasks.params.sources import Source


class ColumnOverride(Config):
    """What a column is, where the data alone would say otherwise."""

    type: ColumnTypeName | None = Field(None, description="inferred from the values when not given")
    role: Role | None = Field(
        None, description="feature when not given; only features are model input, every other role is kept beside them"
    )
    missing: tuple[str, ...] | None = Field(
        None, description="cells of this column that stand for a missing value, such as -200; besides source.missing"
    )
    format: str | None = Field(
        None, description="timestamps: how they are written, such as %d/%m/%Y; found out when not given"
    )


class Ingest(Config):
    """Where the rows come from, and which column is to be predicted."""

    source: Source = Field(description="where the rows are")
    target: str = Field(description="the column to predict")
    task: Literal["auto", "binary", "multiclass", "regression"] = Field(
        "auto", description="auto: by the target's values; up to 20 different whole numbers are classes"
    )
    columns: dict[str, ColumnOverride] = Field(
        default_factory=dict, description="types and roles, where they are not to be inferred"
    )
    rows_per_part: int = Field(
        100_000,
        ge=1,
        description="most rows in one Parquet part; 256 MiB of text or bytes end one too: memory is bounded by a part",
    )
