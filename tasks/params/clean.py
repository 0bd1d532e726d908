"""The clean section of params.yaml: what is repaired, what is flagged, and which rows are taken out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.config import Config, Share

Action = Literal["keep", "flag", "quarantine"]
"""keep: not looked for; flag: the row stays, and is told in data/PIPELINE/flagged; quarantine: the row goes."""

Protection = Literal["drop", "mask", "hash", "generalise"]


class CleanText(Config):
    """How free text is written: nothing but its form is changed."""

    white_space: bool = Field(True, description="cut at both ends")
    unicode: Literal["none", "NFC", "NFKC"] = Field(
        "NFC", description="one form for what looks the same; NFKC also makes wide and styled letters plain ones"
    )


class CleanCategory(Config):
    """How categories are written, so that one category has one spelling; the target too, when it is one."""

    white_space: bool = Field(True, description="cut at both ends, and every run within is one blank")
    unicode: Literal["none", "NFC", "NFKC"] = Field(
        "NFC", description="one form for what looks the same; NFKC also makes wide and styled letters plain ones"
    )
    case: Literal["keep", "lower", "upper", "merge"] = Field(
        "keep", description="merge: spellings that differ in case alone become the most frequent of them"
    )
    rare: Share = Field(
        0.0, description="features: categories with a smaller share of the training rows become `rare_name`"
    )
    rare_name: str = Field("(rare)", min_length=1, description="what rare categories become")


class Outliers(Config):
    """Numbers far from the others of their column, by rules learnt from training rows, and not from the target."""

    method: Literal["none", "iqr", "mad", "isolation_forest"] = Field(
        "none", description="iqr, mad: column by column; isolation_forest: rows, by all numbers together"
    )
    factor: float | None = Field(
        None,
        gt=0,
        description="iqr: interquartile ranges beyond the quartiles, 1.5 when not given; mad: modified z-score, 3.5",
    )
    share: float = Field(0.01, gt=0, lt=0.5, description="isolation_forest: the share of rows that stands out most")
    action: Literal["flag", "clip", "quarantine"] = Field(
        "flag", description="flag: told, and nothing more; clip: moved to the nearest bound (not for isolation_forest)"
    )
    seed: int = Field(0, ge=0, description="isolation_forest: of its trees")

    @model_validator(mode="after")
    def _forests_have_no_bounds(self) -> Outliers:
        if self.method == "isolation_forest" and self.action == "clip":
            raise ValueError("isolation_forest judges rows and has no bounds to clip to; flag, quarantine, or take iqr")
        return self


class CleanNumber(Config):
    """Numbers far from the others."""

    outliers: Outliers = Outliers()


class CleanImage(Config):
    """Images that nothing can be learnt from, besides those that cannot be decoded."""

    blank: Action = Field("quarantine", description="all pixels of one colour")
    min_side: int = Field(2, ge=1, description="pixels; an image with a shorter side goes to quarantine")


class CleanAudio(Config):
    """Sounds that nothing can be learnt from, besides those that cannot be decoded."""

    silent: Action = Field("quarantine", description="never louder than `silent_db`")
    silent_db: float = Field(-60, ge=-200, le=0, description="decibels below full scale, at the loudest place")
    min_seconds: float = Field(0, ge=0, description="a shorter clip goes to quarantine")


class NearDuplicates(Config):
    """Rows whose images or texts are nearly those of an earlier row; rows of test and validation come first."""

    image: Action = Field("keep", description="by perceptual hash (256 bits of the picture's form)")
    image_distance: int = Field(12, ge=0, le=24, description="bits in which the hashes may differ, of 256")
    text: Action = Field("keep", description="by MinHash over runs of letters")
    text_similarity: float = Field(
        0.9, ge=0.5, le=1, description="share of runs that two texts have in common, as Jaccard's index"
    )


class CleanLabels(Config):
    """Rows whose class looks wrong: models that have not seen a row are sure that it is another (out-of-fold)."""

    suspicious: Action = Field(
        "keep", description="flag tells them with a score; quarantine takes training rows out and flags others"
    )
    folds: int = Field(5, ge=2, le=20, description="each row is judged by a model of the other folds")
    seed: int = Field(0, ge=0, description="of the folds and the models")


class Personal(Config):
    """Columns that look like personal data, by their names and values."""

    report: bool = Field(True, description="look for e-mails, phones, names, addresses, card and national numbers")
    hash_key: str = Field(
        "MODELWRIGHT_HASH_KEY",
        pattern=r"^[A-Z][A-Z0-9_]*$",
        examples=["MODELWRIGHT_HASH_KEY"],
        description="environment variable with the key for `personal: hash`; the flow also looks for a Prefect secret "
        "of this name in lower case with dashes",
    )
    k_anonymity: tuple[str, ...] = Field(
        (), description="columns by which a person could be told apart: the smallest group of equal rows is reported"
    )


class Generalise(Config):
    """How `personal: generalise` makes values coarser; what fits the column's type is used."""

    width: float | None = Field(None, gt=0, description="numbers: down to a multiple of this, such as 10")
    unit: Literal["year", "month", "day", "hour"] | None = Field(None, description="timestamps: cut to this")
    keep: int | None = Field(None, ge=0, description="text and categories: the first characters that stay")


class CleanColumn(Config):
    """What one column needs besides the rules of its type."""

    min: float | None = Field(None, description="numbers: the least that is possible")
    max: float | None = Field(None, description="numbers: the most that is possible")
    allowed: tuple[str, ...] | None = Field(None, description="categories: the possible ones")
    outside: Literal["missing", "clip", "quarantine"] = Field(
        "missing", description="what becomes of impossible values; clip is for numbers"
    )
    replace: dict[str, str] = Field(
        default_factory=dict, description="text and categories: whole values that become others"
    )
    case: Literal["keep", "lower", "upper", "merge"] | None = Field(None, description="as category.case")
    rare: Share | None = Field(None, description="as category.rare")
    outliers: Outliers | None = Field(None, description="as number.outliers; isolation_forest is for all columns only")
    personal: Protection | None = Field(
        None,
        description="drop: the column goes; mask: letters become x and digits 0; hash: keyed HMAC-SHA256 (not for "
        "features); generalise: coarser",
    )
    generalise: Generalise = Generalise()

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> CleanColumn:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; swap them")
        if self.outliers is not None and self.outliers.method == "isolation_forest":
            raise ValueError("isolation_forest judges whole rows; set it under clean.number.outliers")
        twice = next((new for old, new in self.replace.items() if new in self.replace and new != old), None)
        if twice is not None:
            raise ValueError(f"replace has {twice!r} on both sides; name the last of such a chain for each value")
        if self.personal == "generalise" and self.generalise == Generalise():
            raise ValueError("generalise needs one of width, unit or keep; for example `generalise: {width: 10}`")
        return self


class Clean(Config):
    """What is repaired and which rows are taken out. Each of them goes to quarantine with its reason."""

    duplicates: Literal["quarantine", "keep"] = Field(
        "quarantine", description="rows equal in every column, ids included, after the first; in every part"
    )
    conflicts: Action = Field(
        "flag",
        description="rows with the same features and another target (classes only): all of them; quarantine is for "
        "training rows",
    )
    near_duplicates: NearDuplicates = NearDuplicates()
    text: CleanText = CleanText()
    category: CleanCategory = CleanCategory()
    number: CleanNumber = CleanNumber()
    image: CleanImage = CleanImage()
    audio: CleanAudio = CleanAudio()
    labels: CleanLabels = CleanLabels()
    personal: Personal = Personal()
    columns: dict[str, CleanColumn] = Field(
        default_factory=dict, description="what single columns need; a name that is not there is refused"
    )
    max_quarantined: Share = Field(0.2, description="largest share of rows that may go")
