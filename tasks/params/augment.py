"""The augment section of params.yaml: random changes of training rows, on the batch or materialised."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.config import Config


class AugmentImage(Config):
    """Random changes of a training image that leave its meaning alone; drawn anew for every batch."""

    rotate: float = Field(0, ge=0, le=180, description="largest turn either way, in degrees")
    scale: float = Field(0, ge=0, lt=1, description="largest change of size: 0.1 is 90 % to 110 %")
    crop: float = Field(
        0, ge=0, lt=1, description="largest share of each side cut away, the rest blown up to full size"
    )
    shift: float = Field(0, ge=0, lt=1, description="largest move, as a share of the side")
    shear: float = Field(0, ge=0, lt=90, description="largest slant either way, in degrees")
    flip: Literal["none", "horizontal", "vertical", "both"] = Field(
        "none", description="mirrored half of the time, in each direction that is named"
    )
    alternate_flip: bool = Field(
        False, description="mirrored in every second epoch in place of by chance: two epochs show an image both ways"
    )
    brightness: float = Field(0, ge=0, le=1, description="largest change, as a share of the full range")
    contrast: float = Field(0, ge=0, lt=1, description="largest change: 0.2 is 80 % to 120 % about the image's mean")
    erase: float = Field(0, ge=0, lt=1, description="largest share of each side of a box that is made grey")

    @model_validator(mode="after")
    def _there_is_a_flip(self) -> AugmentImage:
        if self.alternate_flip and self.flip == "none":
            raise ValueError("alternate_flip says when images are mirrored, and flip is none; add `flip: horizontal`")
        return self


class AugmentText(Config):
    """Random changes of a training text; each is a share of its words, 0 is none of it."""

    swap: float = Field(0, ge=0, lt=1, description="words that change places with the next one")
    drop: float = Field(0, ge=0, lt=1, description="words that are left out; at least one stays")
    typo: float = Field(0, ge=0, lt=1, description="words with a slip of a key: a letter twice, lost, or swapped")


class AugmentAudio(Config):
    """Random changes of a training sound."""

    shift: float = Field(0, ge=0, lt=1, description="largest move in time either way, as a share of the length")
    gain: float = Field(0, ge=0, le=60, description="largest change of loudness either way, in decibels")
    noise: float = Field(0, ge=0, lt=1, description="largest loudness of white noise, as a share of the sound's own")
    stretch: float = Field(0, ge=0, lt=1, description="largest change of tempo: 0.1 is 90 % to 110 %")
    pitch_shift: float = Field(
        0, ge=0, lt=1, description="largest move of all pitches, higher or lower, as a share of the bands"
    )
    time_mask: float = Field(0, ge=0, lt=1, description="SpecAugment: longest time that is silenced, as a share")
    pitch_mask: float = Field(
        0, ge=0, lt=1, description="SpecAugment: widest band of pitch that is silenced, as a share"
    )


class AugmentNumber(Config):
    """Random changes of numbers."""

    jitter: float = Field(0, ge=0, description="deviation of normal noise, in deviations of the column")


class AugmentCategory(Config):
    """Random changes of categories."""

    swap: float = Field(0, ge=0, lt=1, description="share of values that become those of another row")


class Mix(Config):
    """Two training rows become one, and its target lies between theirs: for networks, on the batch."""

    kind: Literal["none", "mixup", "cutmix"] = Field(
        "none", description="mixup: all columns, weighted; cutmix: a box of the image is the other row's"
    )
    alpha: float = Field(0.2, gt=0, description="of the Beta distribution that weights are drawn from")
    share: float = Field(1.0, gt=0, le=1, description="share of the batches that are mixed")


class Augment(Config):
    """What is done to training rows only: on the batch, on the device, while training; or written down once."""

    image: AugmentImage | None = Field(None, description="how images are changed; not at all when not given")
    text: AugmentText | None = Field(None, description="how text is changed; not at all when not given")
    audio: AugmentAudio | None = Field(None, description="how sounds are changed; not at all when not given")
    number: AugmentNumber | None = Field(None, description="how numbers are changed; not at all when not given")
    category: AugmentCategory | None = Field(None, description="how categories are changed; not at all when not given")
    mix: Mix = Mix()
    copies: int = Field(
        0, ge=0, le=100, description="changed copies of each training row, written down; 0: changed on the batch"
    )
    balance: Literal["none", "repeat", "smote"] = Field(
        "none", description="classes with fewer rows are filled up to the largest: by repeats, or by SMOTE"
    )
    neighbours: int = Field(5, ge=1, le=50, description="smote: a new row lies between one and one of so many near it")
    preview: int = Field(8, ge=1, le=64, description="rows in the before-and-after picture")
    seed: int = Field(0, ge=0, description="of copies, balance and the picture; training draws by train.seed")

    @model_validator(mode="after")
    def _one_way_or_the_other(self) -> Augment:
        if self.copies and self.mix.kind != "none":
            raise ValueError("mix works on the batch and copies are written down; leave one of them out")
        if self.copies and self.image is not None and self.image.alternate_flip:
            raise ValueError("alternate_flip goes by the epoch and copies are written down; leave one of them out")
        return self
