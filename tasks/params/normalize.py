"""The normalize section of params.yaml: how raw values become model input, by column type."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from tasks.params.config import ColumnTypeName, Config
from tasks.params.features import ComputedTypeName, Features, FunctionReference

_NETWORK = "embedding: models:/NAME@ALIAS, models:/NAME/VERSION, or a model's folder"
NumberScale = Literal["standard", "min_max", "symmetric", "robust", "quantile", "log", "power", "none"]


def _false_without_quotes(impute: Any) -> Any:
    """YAML reads the bare word as a truth value."""
    return "false" if impute is False else impute


class NormalizeNumber(Config):
    """How numbers become model input."""

    scale: NumberScale = Field(
        "standard",
        description="standard: mean 0, deviation 1; min_max: [0, 1]; symmetric: [-1, 1]; robust: median 0, "
        "interquartile range 1; quantile: evenly over [0, 1]; log, power (Yeo-Johnson): bent, then standard",
    )
    impute: Literal["mean", "median", "most_frequent", "constant", "zero"] = Field(
        "mean", description="what stands in for a missing number, before scaling; constant: `value`"
    )
    value: float = Field(0.0, description="what `impute: constant` puts in")
    indicator: bool = Field(True, description="add a 0/1 input that says the number was missing, where any was")

    @model_validator(mode="after")
    def _value_is_put_in(self) -> NormalizeNumber:
        if self.value and self.impute != "constant":
            raise ValueError(f"value {self.value:g} is for impute: constant alone; write that too, or take value out")
        return self


class NormalizeCategory(Config):
    """How categories become model input."""

    encode: Literal["one_hot", "ordinal", "target", "hashed"] = Field(
        "one_hot",
        description="one_hot, ordinal: both keep an index for unseen categories; target: what the target was with this "
        "category, on training rows by the others' (out-of-fold); hashed: one of `buckets` indices, whatever comes",
    )
    max_categories: int = Field(
        100, ge=1, description="the most frequent ones; the others share the index of unseen ones"
    )
    impute: Literal["missing", "most_frequent", "constant"] = Field(
        "missing", description="missing: an index of its own, where any was; constant: `value`"
    )
    value: str = Field("", description="what `impute: constant` puts in")
    buckets: int = Field(64, ge=2, le=65_536, description="hashed: the number of indices")
    smoothing: float = Field(
        10.0, ge=0, description="target: so many rows of the overall mean are added to each category's"
    )
    folds: int = Field(5, ge=2, le=20, description="target: a training row is encoded by the rows of the other folds")

    @model_validator(mode="after")
    def _value_is_put_in(self) -> NormalizeCategory:
        if self.value and self.impute != "constant":
            raise ValueError(f"value {self.value!r} is for impute: constant alone; write that too, or take value out")
        return self


TimestampPart = Literal["year", "month", "day", "weekday", "hour", "minute", "elapsed"]


class NormalizeBoolean(Config):
    """How booleans become model input: 1 for yes, 0 for no."""

    impute: Literal["most_frequent", "false"] = Field("most_frequent", description="what stands in for a missing one")
    indicator: bool = Field(True, description="add a 0/1 input that says the value was missing, where any was")

    _false = field_validator("impute", mode="before")(_false_without_quotes)


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
    """How text becomes model input: TF-IDF over words, what that says of the target, or the numbers of tokens."""

    encode: Literal["tfidf", "score", "tokens"] = Field(
        "tfidf",
        description="score: what a linear model on tfidf, by its settings, says of the target, on training rows by the "
        "others' (out-of-fold), for trees; tokens: pieces of words by byte-pair encoding, for networks that read them "
        "in order",
    )
    max_features: int = Field(20_000, ge=1, description="tfidf: the most frequent terms are kept")
    ngrams: tuple[int, int] = Field((1, 2), description="tfidf: shortest and longest run of words that is a term")
    characters: tuple[int, int] | None = Field(
        None,
        description="tfidf: shortest and longest run of characters within a word, and of the signs at it, that is a "
        "term as well; words alone if not given",
    )
    max_character_runs: int = Field(50_000, ge=1, description="tfidf: the most frequent runs of characters are kept")
    sublinear: bool = Field(
        False, description="tfidf: a term that stands n times in a text counts 1 + ln(n) times, and not n times"
    )
    folds: int = Field(5, ge=2, le=20, description="score: as category.folds")
    min_documents: int = Field(2, ge=1, description="a term, or a piece of a word, in fewer training rows is left out")
    vocabulary: int = Field(4_096, ge=260, le=65_536, description="tokens: how many there are at most")
    length: int = Field(
        128, ge=1, le=8_192, description="tokens: of a text; a longer one is cut, a shorter one filled up"
    )

    @model_validator(mode="after")
    def _runs_have_a_length(self) -> NormalizeText:
        if not 1 <= self.ngrams[0] <= self.ngrams[1]:
            raise ValueError("ngrams goes from a shortest to a longest run of words, such as [1, 2]")
        if self.characters is not None and not 1 <= self.characters[0] <= self.characters[1] <= 10:
            raise ValueError("characters goes from a shortest to a longest run, 10 at most, such as [2, 5]")
        return self


class NormalizeImage(Config):
    """How images become model input: one size, uint8 at rest, scaled when used; or what a trained network finds in
    them."""

    encode: Literal["pixels", "embedding"] = Field(
        "pixels", description="embedding: what the encoder of a trained network finds, as numbers, for every trainer"
    )
    network: str | None = Field(None, description=_NETWORK)
    height: int | None = Field(None, ge=1, le=4096, description="pixels; the first training image's when not given")
    width: int | None = Field(None, ge=1, le=4096, description="pixels; the first training image's when not given")
    fit: Literal["stretch", "crop", "pad"] = Field(
        "stretch", description="images of another shape: stretch: both sides to fit; crop: the middle; pad: with black"
    )
    channels: Literal[1, 3] | None = Field(
        None, description="1 grey, 3 colour; the first training image's when not given"
    )
    scale: Literal["min_max", "symmetric", "standard"] = Field(
        "min_max",
        description="pixels: min_max: [0, 1]; symmetric: [-1, 1]; standard: mean 0, deviation 1 in each channel",
    )

    @model_validator(mode="after")
    def _network_embeds(self) -> NormalizeImage:
        _check_network(self.encode, self.network)
        return self


class NormalizeAudio(Config):
    """How sounds become model input: mono, one rate, one length; loudness by pitch and time (log-mel spectrogram), or
    what a trained network finds in that."""

    encode: Literal["spectrogram", "embedding"] = Field("spectrogram", description="as image.encode")
    network: str | None = Field(None, description="as image.network")
    rate: int | None = Field(
        None, ge=1_000, le=192_000, description="samples a second; the first training clip's when not given"
    )
    seconds: float | None = Field(
        None, gt=0, le=600, description="length of a clip; the longest training clip's, 10 at most, when not given"
    )
    n_mels: int = Field(40, ge=1, le=256, description="bands of pitch: rows of the spectrogram")
    window_ms: float = Field(25, ge=1, le=1_000, description="milliseconds that one column of the spectrogram hears")
    hop_ms: float = Field(10, ge=1, le=1_000, description="milliseconds from one column to the next")
    top_db: float = Field(80, gt=0, le=200, description="decibels below the loudest that count as silence")

    @model_validator(mode="after")
    def _network_embeds(self) -> NormalizeAudio:
        _check_network(self.encode, self.network)
        return self


def _check_network(encode: str, network: str | None) -> None:
    if encode == "embedding" and network is None:
        raise ValueError(
            "encode: embedding needs the network whose features are taken; add `network: models:/NAME/VERSION` or a "
            "model's folder"
        )
    if network is not None and encode != "embedding":
        raise ValueError(f"network {network} is for encode: embedding alone; write that too, or take network out")


class NormalizeColumn(Config):
    """What one column needs other than its type's section says: only what stands here differs."""

    type: ComputedTypeName | None = Field(
        None, description="of a feature of one's own, where its expression says otherwise: 0 and 1 as a category"
    )
    scale: NumberScale | None = Field(None, description="as number.scale or image.scale")
    impute: Literal["mean", "median", "most_frequent", "constant", "zero", "missing", "false"] | None = Field(
        None, description="as number.impute, category.impute or boolean.impute"
    )
    value: float | str | None = Field(None, description="as number.value or category.value")
    indicator: bool | None = Field(None, description="as in the section of its type")
    encode: (
        Literal[
            "one_hot", "ordinal", "target", "hashed", "tfidf", "score", "tokens", "pixels", "spectrogram", "embedding"
        ]
        | None
    ) = Field(None, description="as category.encode, text.encode, image.encode or audio.encode")
    network: str | None = Field(None, description="as image.network")
    max_categories: int | None = Field(None, ge=1, description="as category.max_categories")
    parts: tuple[TimestampPart, ...] | None = Field(None, min_length=1, description="as timestamp.parts")

    _false = field_validator("impute", mode="before")(_false_without_quotes)


class Normalize(Config):
    """Per column type: how raw values become model input. All of it is learnt from the training rows alone."""

    number: NormalizeNumber = NormalizeNumber()
    category: NormalizeCategory = NormalizeCategory()
    boolean: NormalizeBoolean = NormalizeBoolean()
    text: NormalizeText = NormalizeText()
    timestamp: NormalizeTimestamp = NormalizeTimestamp()
    image: NormalizeImage = NormalizeImage()
    audio: NormalizeAudio = NormalizeAudio()
    features: Features = Field(
        default_factory=dict,
        description="features of one's own, by name: each an expression of SQL over columns of its row, such as "
        "`torque * speed`; docs/features.md",
    )
    features_from: FunctionReference | None = Field(
        None,
        description="FILE.py:FUNCTION in the project: a function from a polars frame to one with more columns, for "
        "what SQL cannot say; docs/features.md",
    )
    columns: dict[str, NormalizeColumn] = Field(
        default_factory=dict, description="what single columns need; a name that is no feature is refused"
    )


def settings_for(config: Normalize, column: str, of_type: ColumnTypeName) -> Config:
    """The settings of one column: the section of its type, with what `columns` says otherwise.

    Raises ValueError when that is nothing for this type, such as a scale for a category. Pure: whether there is such a
    column the caller knows.
    """
    section: Config = getattr(config, of_type)
    override = config.columns.get(column, NormalizeColumn()).model_dump(exclude_none=True, exclude={"type"})
    for key in override:
        if key not in type(section).model_fields:
            raise ValueError(f"{key} is not for {of_type} columns, only for {_types_with(key)}; take it out")
    try:
        return type(section).model_validate(_beneath(section, override) | override)
    except ValidationError as error:
        raise ValueError(_first_complaint(error, of_type)) from None


def _beneath(section: Config, override: dict[str, Any]) -> dict[str, Any]:
    """The section's settings, less the value for an `impute: constant` that the column does not have, and less the
    network for an `encode: embedding`."""
    settings = section.model_dump()
    if "impute" in override and "value" not in override:
        settings.pop("value", None)
    if override.get("encode", "embedding") != "embedding":
        settings.pop("network", None)
    return settings


def _types_with(key: str) -> str:
    """The types whose sections have this setting."""
    sections = {name: field.annotation for name, field in Normalize.model_fields.items()}
    return ", ".join(name for name, section in sections.items() if key in getattr(section, "model_fields", {}))


def _first_complaint(error: ValidationError, of_type: ColumnTypeName) -> str:
    """What does not fit, the value that was given and what would do."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return str(first["ctx"]["error"])
    match first["type"]:
        case "literal_error":
            expectation = f"must be {first['ctx']['expected']}"
        case "string_type":
            expectation = "must be text; put it in quotes"
        case _:
            expectation = "must be a number"
    return f"{first['loc'][0]} {first['input']!r} does not fit a {of_type} column; it {expectation}"
