"""params.yaml, typed: frozen, closed, and refused at load with the cure in the message.

Every class here is one mapping in the file. A stage gets its own slice (`Pipeline.train` and so on) and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.config import ColumnTypeName, Config, Metric, Role, Share, Task
from tasks.params_augment import (
    Augment,
    AugmentAudio,
    AugmentCategory,
    AugmentImage,
    AugmentNumber,
    AugmentText,
    Mix,
)
from tasks.params_clean import (
    Clean,
    CleanAudio,
    CleanCategory,
    CleanColumn,
    CleanImage,
    CleanNumber,
    CleanText,
    Generalise,
    Labels,
    NearDuplicates,
    Outliers,
    Personal,
)
from tasks.params_normalize import (
    Normalize,
    NormalizeAudio,
    NormalizeBoolean,
    NormalizeCategory,
    NormalizeColumn,
    NormalizeImage,
    NormalizeNumber,
    NormalizeText,
    NormalizeTimestamp,
    TimestampPart,
)
from tasks.params_sources import (
    BuiltinName,
    BuiltinSource,
    FolderSource,
    IdxSource,
    Source,
    SqlSource,
    TableSource,
    TextSource,
    UrlSource,
    has_test_files,
)
from tasks.params_split import (
    GivenSplit,
    GroupSplit,
    HashSplit,
    Split,
    TimeSplit,
)
from tasks.params_train import Train

__all__ = [
    "Augment",
    "AugmentAudio",
    "AugmentCategory",
    "AugmentImage",
    "AugmentNumber",
    "AugmentText",
    "BuiltinName",
    "BuiltinSource",
    "Clean",
    "CleanAudio",
    "CleanCategory",
    "CleanColumn",
    "CleanImage",
    "CleanNumber",
    "CleanText",
    "ColumnTypeName",
    "Config",
    "FolderSource",
    "Generalise",
    "GivenSplit",
    "GroupSplit",
    "HashSplit",
    "IdxSource",
    "Labels",
    "Metric",
    "Mix",
    "NearDuplicates",
    "Normalize",
    "NormalizeAudio",
    "NormalizeBoolean",
    "NormalizeCategory",
    "NormalizeColumn",
    "NormalizeImage",
    "NormalizeNumber",
    "NormalizeText",
    "NormalizeTimestamp",
    "Outliers",
    "Personal",
    "Role",
    "Share",
    "Source",
    "Split",
    "SqlSource",
    "TableSource",
    "Task",
    "TextSource",
    "TimeSplit",
    "TimestampPart",
    "Train",
    "UrlSource",
]

LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "rmse", "mae"})


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


class Drift(Config):
    """When data that differ from those last accepted are worth a warning. Drift never refuses a run."""

    enabled: bool = Field(True, description="compare with expectations/PIPELINE.accepted.json")
    missing: Share = Field(0.05, description="the missing share of a column may grow by so much: 0.05 is 5 points")
    range: float = Field(0.1, ge=0, description="values may go beyond the accepted range by this share of its width")
    rows: float = Field(
        0.5, gt=0, le=1, description="least number of rows as a share of the usual; the most is as many times over"
    )
    new_category: Share = Field(0.0, description="share of rows that may hold categories never accepted before")


class Validate(Config):
    """How much bad data may be set aside before the run is refused. The suite is expectations/PIPELINE.json."""

    max_quarantined: Share = Field(0.05, description="largest share of rows that may fail critical expectations")
    drift: Drift = Drift()


class Evaluate(Config):
    """How the model is judged on the test rows."""

    average: Literal["macro", "weighted"] = Field(
        "macro", description="how precision, recall and F1 of several classes become one"
    )
    positive: str | None = Field(
        None, description="binary: the class that counts as positive; the last one when not given"
    )


class Bound(Config):
    """The least or the most that a metric may be."""

    min: float | None = Field(None, description="the least that is allowed")
    max: float | None = Field(None, description="the most that is allowed")

    @model_validator(mode="after")
    def _bounds_something(self) -> Bound:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        return self


class Register(Config):
    """The gate, and when a later version takes the place of the champion."""

    gate: dict[Metric, Bound] = Field(
        default_factory=dict, description="bounds that a version must keep to be registered"
    )
    metric: Metric = Field(description="what champion and challenger are compared by")
    margin: float = Field(0.0, ge=0, description="how much better a challenger must be to become champion")


class Pipeline(Config):
    """One block under `pipelines:`. Every stage has its section, though it may be empty: `clean: {}`."""

    ingest: Ingest
    validate_: Validate = Field(alias="validate")
    clean: Clean
    split: Split
    normalize: Normalize
    augment: Augment
    train: Train
    evaluate: Evaluate
    register_: Register = Field(alias="register")

    @model_validator(mode="before")
    @classmethod
    def _split_by_hash_unless_told(cls, block: Any) -> Any:
        if isinstance(block, Mapping) and isinstance(block.get("split"), Mapping) and "kind" not in block["split"]:
            return {**block, "split": {"kind": "hash", **block["split"]}}
        return block

    @model_validator(mode="after")
    def _files_of_their_own_are_not_mixed(self) -> Pipeline:
        source = self.ingest.source
        if has_test_files(source) and not isinstance(self.split, GivenSplit):
            raise ValueError(
                "ingest.source brings test or validation files, and split would mix these rows with the others; "
                "write `split: {kind: given}`"
            )
        return self

    @model_validator(mode="after")
    def _given_split_is_no_feature(self) -> Pipeline:
        source, columns = self.ingest.source, self.ingest.columns
        if isinstance(self.split, GivenSplit) and not has_test_files(source):
            override = columns.get(self.split.column)
            if override is None or override.role != "split":
                column = self.split.column
                raise ValueError(
                    f"split.column {column} would be learnt from; add ingest.columns: {{{column}: {{role: split}}}}"
                )
        return self

    def stage(self, name: str) -> Config:
        """The slice of one stage."""
        field = {"validate": "validate_", "register": "register_"}.get(name, name)
        config = getattr(self, field)
        assert isinstance(config, Config)
        return config


PipelineName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


class Params(Config):
    """The whole of params.yaml."""

    pipelines: dict[PipelineName, Pipeline]


def json_schema() -> dict[str, Any]:
    """params.yaml as JSON schema, for editors."""
    schema = Params.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
