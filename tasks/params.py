"""params.yaml, typed: frozen, closed, and refused at load with the cure in the message.

Every class here is one mapping in the file. A stage gets its own slice (`Pipeline.train` and so on) and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tasks.config import ColumnTypeName, Config, Metric, Role, Share, Task
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

__all__ = [
    "BuiltinName",
    "BuiltinSource",
    "ColumnTypeName",
    "Config",
    "FolderSource",
    "IdxSource",
    "Metric",
    "Role",
    "Share",
    "Source",
    "SqlSource",
    "TableSource",
    "Task",
    "TextSource",
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


class Clean(Config):
    """Which rows are taken out. Each goes to quarantine with its reason."""

    duplicates: Literal["quarantine", "keep"] = Field("quarantine", description="exact duplicates after the first")
    max_quarantined: Share = Field(0.2, description="largest share of rows that may go")


class HashSplit(Config):
    """Stratified by a stable hash of the row: a row never moves to another part when data grows."""

    kind: Literal["hash"] = "hash"
    validation: Share = Field(0.15, gt=0, description="share of each class for validation, in expectation")
    test: Share = Field(0.15, gt=0, description="share of each class for the test, in expectation")
    seed: int = Field(0, ge=0, description="another seed is another split")

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> HashSplit:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together leave no rows to train on; make their sum smaller than 1")
        return self


class GivenSplit(Config):
    """The data say it: a column that holds train, validation or test. Separate test files make such a column."""

    kind: Literal["given"]
    column: str = Field(
        "split", description="names each row's part; give a column of your own the role split in ingest.columns"
    )
    validation: Share = Field(
        0.15, description="share of the train rows that goes to validation, by hash, when the data bring no such rows"
    )
    seed: int = Field(0, ge=0, description="another seed is another share of the train rows")


Split = Annotated[HashSplit | GivenSplit, Field(discriminator="kind")]


class NormalizeNumber(Config):
    """How numbers become model input."""

    scale: Literal["standard", "min_max", "symmetric", "none"] = Field(
        "standard", description="standard: mean 0, deviation 1; min_max: [0, 1]; symmetric: [-1, 1]"
    )
    impute: Literal["mean", "zero"] = Field("mean", description="what stands in for a missing number, before scaling")
    indicator: bool = Field(True, description="add a 0/1 input that says the number was missing, where any was")


class NormalizeCategory(Config):
    """How categories become model input."""

    encode: Literal["one_hot", "ordinal"] = Field("one_hot", description="both keep a place for the unseen")
    max_categories: int = Field(
        100, ge=1, description="the most frequent ones; the others share the place for the unseen"
    )


TimestampPart = Literal["year", "month", "day", "weekday", "hour", "minute", "elapsed"]


class NormalizeBoolean(Config):
    """How booleans become model input: 1 for yes, 0 for no."""

    impute: Literal["most_frequent", "false"] = Field("most_frequent", description="what stands in for a missing one")
    indicator: bool = Field(True, description="add a 0/1 input that says the value was missing, where any was")

    @field_validator("impute", mode="before")
    @classmethod
    def _false_without_quotes(cls, impute: Any) -> Any:
        """YAML reads the bare word as a truth value."""
        return "false" if impute is False else impute


class NormalizeTimestamp(Config):
    """How timestamps become model input: parts of the calendar; those that never vary are left out."""

    parts: tuple[TimestampPart, ...] = Field(
        ("elapsed", "month", "weekday", "hour"),
        min_length=1,
        description="elapsed (days, with fractions) and year are standardized; the others are points on a circle, as "
        "sine and cosine",
    )
    indicator: bool = Field(True, description="add a 0/1 input that says the timestamp was missing, where any was")

    @model_validator(mode="after")
    def _parts_differ(self) -> NormalizeTimestamp:
        twice = next((part for part in self.parts if self.parts.count(part) > 1), None)
        if twice:
            raise ValueError(f"parts names {twice} twice; name each part once")
        return self


class NormalizeText(Config):
    """How text becomes model input: TF-IDF over words."""

    max_features: int = Field(20_000, ge=1, description="the most frequent terms are kept")
    ngrams: tuple[int, int] = Field((1, 2), description="shortest and longest run of words that counts as a term")
    min_documents: int = Field(2, ge=1, description="a term in fewer training rows is left out")

    @model_validator(mode="after")
    def _ngrams_have_a_length(self) -> NormalizeText:
        if not 1 <= self.ngrams[0] <= self.ngrams[1]:
            raise ValueError("ngrams goes from a shortest to a longest run of words, such as [1, 2]")
        return self


class NormalizeImage(Config):
    """How images become model input: one size, uint8 at rest, scaled when used."""

    height: int | None = Field(None, ge=1, le=4096, description="pixels; the first training image's when not given")
    width: int | None = Field(None, ge=1, le=4096, description="pixels; the first training image's when not given")
    channels: Literal[1, 3] | None = Field(
        None, description="1 grey, 3 colour; the first training image's when not given"
    )
    scale: Literal["min_max", "symmetric", "standard"] = Field(
        "min_max", description="min_max: [0, 1]; symmetric: [-1, 1]; standard: mean 0, deviation 1 in each channel"
    )


class NormalizeAudio(Config):
    """How sounds become model input: mono, one rate, one length; loudness by pitch and time (log-mel spectrogram)."""

    rate: int | None = Field(
        None, ge=1_000, le=192_000, description="samples a second; the first training clip's when not given"
    )
    seconds: float | None = Field(
        None, gt=0, le=600, description="length of a clip; the longest training clip's, 10 at most, when not given"
    )
    mels: int = Field(40, ge=1, le=256, description="bands of pitch: rows of the spectrogram")
    window_ms: float = Field(25, ge=1, le=1_000, description="milliseconds that one column of the spectrogram hears")
    hop_ms: float = Field(10, ge=1, le=1_000, description="milliseconds from one column to the next")
    floor_db: float = Field(80, gt=0, le=200, description="decibels below the loudest that count as silence")


class Normalize(Config):
    """Per column type: how raw values become model input. All of it is learnt from the training rows alone."""

    number: NormalizeNumber = NormalizeNumber()
    category: NormalizeCategory = NormalizeCategory()
    boolean: NormalizeBoolean = NormalizeBoolean()
    text: NormalizeText = NormalizeText()
    timestamp: NormalizeTimestamp = NormalizeTimestamp()
    image: NormalizeImage = NormalizeImage()
    audio: NormalizeAudio = NormalizeAudio()


class AugmentImage(Config):
    """Random changes of a training image that leave its meaning alone; drawn anew for every batch."""

    rotate: float = Field(0, ge=0, le=180, description="largest turn either way, in degrees")
    scale: float = Field(0, ge=0, lt=1, description="largest change of size: 0.1 is 90 % to 110 %")
    crop: float = Field(
        0, ge=0, lt=1, description="largest share of each side cut away, the rest blown up to full size"
    )
    shift: float = Field(0, ge=0, lt=1, description="largest move, as a share of the side")


class Augment(Config):
    """What is done to training rows only. Images are changed on the batch, on the device, while training."""

    image: AugmentImage | None = Field(None, description="how images are changed; not at all when not given")
    preview: int = Field(8, ge=1, le=64, description="images in the before-and-after picture")
    seed: int = Field(0, ge=0, description="of the before-and-after picture; training draws by train.seed")


class CnnNetwork(Config):
    """Convolutions in blocks, each halving the picture, then a dense layer."""

    kind: Literal["cnn"]
    channels: tuple[int, ...] = Field(
        (32, 64), min_length=1, description="filters of each block; a block is two 3x3 convolutions"
    )
    hidden: int = Field(128, ge=1, description="width of the dense layer")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of the dense layer and its input that is left out at random"
    )


class MlpNetwork(Config):
    """Dense layers over numbers, categories and flattened pixels."""

    kind: Literal["mlp"]
    hidden: tuple[int, ...] = Field((128, 64), description="width of each hidden layer; empty is a linear model")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of each hidden layer that is left out at random")


Network = Annotated[CnnNetwork | MlpNetwork, Field(discriminator="kind")]


class TorchTrain(Config):
    """A neural network in PyTorch."""

    kind: Literal["torch"]
    network: Network = Field(description="the layers")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("adamw", description="sgd: with Nesterov momentum 0.9")
    learning_rate: float = Field(1e-3, gt=0, description="of the first epoch; see schedule")
    weight_decay: float = Field(1e-2, ge=0, description="how strongly weights are drawn towards zero")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="how the learning rate runs over the epochs")
    batch_size: int = Field(64, ge=1, description="rows in one step")
    epochs: int = Field(30, ge=1, description="at most so many passes over the training rows; the best state is kept")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better validation loss")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto (cuda, then mps, then cpu), cpu, mps, cuda, cuda:1",
    )
    seed: int = Field(0, ge=0, description="of first weights, order of rows, dropout and augmentation")


class LightgbmTrain(Config):
    """Boosted trees in LightGBM, stopped early on the validation rows."""

    kind: Literal["lightgbm"]
    learning_rate: float = Field(0.05, gt=0, description="how much of each tree is added")
    num_leaves: int = Field(31, ge=2, description="most leaves of one tree")
    min_data_in_leaf: int = Field(20, ge=1, description="fewest training rows in a leaf")
    feature_fraction: float = Field(1.0, gt=0, le=1, description="share of the inputs that each tree may use")
    lambda_l2: float = Field(0.0, ge=0, description="L2 penalty on the leaves' values")
    num_iterations: int = Field(500, ge=1, description="at most so many trees a class")
    patience: int = Field(50, ge=1, description="stop after so many trees without a better validation loss")
    seed: int = Field(0, ge=0, description="of the choice of inputs")


class LogisticRegression(Config):
    """Linear classifier; takes text as TF-IDF."""

    kind: Literal["logistic_regression"]
    C: float = Field(1.0, gt=0, description="inverse of the regularization strength")
    class_weight: Literal["balanced"] | None = Field(None, description="balanced: rare classes count for more")
    max_iter: int = Field(1000, ge=1, description="at most so many iterations")


class Ridge(Config):
    """Linear regression with an L2 penalty."""

    kind: Literal["ridge"]
    alpha: float = Field(1.0, ge=0, description="strength of the penalty")


Estimator = Annotated[LogisticRegression | Ridge, Field(discriminator="kind")]


class SklearnTrain(Config):
    """An estimator of scikit-learn."""

    kind: Literal["sklearn"]
    estimator: Estimator = Field(description="which one")
    seed: int = Field(0, ge=0, description="of solvers that draw at random")


Train = Annotated[TorchTrain | LightgbmTrain | SklearnTrain, Field(discriminator="kind")]


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
        if has_test_files(source) and isinstance(self.split, HashSplit):
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
