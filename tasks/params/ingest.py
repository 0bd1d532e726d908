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
        None,
        description="feature when not given; only features are model input, every other role is kept beside them; "
        "weight: how much a row counts",
    )
    missing: tuple[str, ...] | None = Field(
        None, description="cells of this column that stand for a missing value, such as -200; besides source.missing"
    )
    format: str | None = Field(
        None, description="timestamps: how they are written, such as %d/%m/%Y; found out when not given"
    )
    unit: str | None = Field(
        None,
        min_length=1,
        description="numbers: the currency, per cent sign or unit before or behind them, such as $ or kg; "
        "found out when not given. Like format, it may stay where the type becomes text: a row's part is as before",
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="numbers: what stands before the fraction; that of the source when not given"
    )
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None, description="numbers: what stands between groups of three digits; that of the source when not given"
    )

    @property
    def writes_its_own_way(self) -> bool:
        """Whether its numbers are written otherwise than those of the source."""
        return bool(self.unit or self.decimal or self.thousands)

    @property
    def given_type(self) -> ColumnTypeName | None:
        """What the user says that it is; what writes numbers in its own way is a number, unless a type is given."""
        return self.type or ("number" if self.writes_its_own_way else None)


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
        description="most rows in one Parquet part; 256 MiB of text or bytes end one too: memory is bounded by a part. "
        "Of a folder, parts are a quarter full on average",
    )
