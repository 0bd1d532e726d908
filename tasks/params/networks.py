"""The network section of params.yaml, a class a family; what each is for stands in its docstring."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.params.config import Config, Share

Activation = Literal["relu", "sigmoid", "tanh", "gelu"]
Width = Annotated[int, Field(ge=1)]
NetworkSize = Literal["small", "medium", "large"]

_FIRST_FILTERS: dict[NetworkSize, int] = {"small": 16, "medium": 32, "large": 64}
_WIDEST = 8
"""In times the first block's filters: beyond it a block's weights grow faster than what it finds."""
_LAST_SIDE = 4
"""Pixels that are left of the shorter side."""


class MlpNetwork(Config):
    """Dense layers over all columns side by side: numbers, categories, flattened pictures, the mean of a text's tokens.

    For tables.
    """

    kind: Literal["mlp"]
    style: Literal["plain", "residual", "tabm"] = Field(
        "plain",
        description="plain: layer after layer; residual: blocks that add to what came in, as ResNet for tables; "
        "tabm: many networks that share most weights, whose answers are averaged",
    )
    hidden: tuple[Width, ...] = Field(
        (128, 64), description="width of each hidden layer; empty is a linear model; residual: all of them equal"
    )
    norm: Literal["none", "batch", "layer"] = Field("none", description="normalization of each hidden layer's values")
    activation: Activation = Field("gelu", description="activation function behind each hidden layer")
    dropout: Share = Field(0.1, description="share of each hidden layer that is left out at random")
    embedding: int | None = Field(
        None, ge=1, description="numbers that are learnt to stand for a category; one-hot when not given"
    )
    members: int = Field(32, ge=2, description="of tabm: how many networks answer; `k` in its paper")

    @model_validator(mode="after")
    def _style_fits(self) -> MlpNetwork:
        if self.style == "residual" and len(set(self.hidden)) != 1:
            raise ValueError("style residual adds layers to each other, so hidden must be equal widths, as [128, 128]")
        if self.style == "tabm" and not self.hidden:
            raise ValueError("style tabm needs at least one hidden layer; give hidden, or use style: plain")
        if self.style != "tabm" and not self.is_default("members"):
            raise ValueError(f"members are of style: tabm, and the style is {self.style}; remove members")
        return self


class HalvingNetwork(Config):
    """What networks have in common whose blocks of convolutions each halve the picture."""

    size: NetworkSize | None = Field(
        None,
        description="in place of channels: as many blocks as the picture asks for, of 16 (small), 32 or 64 (large) "
        "filters in the first and twice as many in each that follows, up to eight times",
    )
    channels: tuple[Width, ...] = Field((32, 64), min_length=1, description="filters of each block")

    @model_validator(mode="after")
    def _size_says_the_channels(self) -> HalvingNetwork:
        if self.size is not None and not self.is_default("channels"):
            raise ValueError(f"size {self.size} says how many channels there are; remove size or channels")
        return self

    def filters(self, side: int) -> tuple[int, ...]:
        """Filters of each block for pictures of `side` pixels, the shorter way; of a sound it is the bands of pitch.

        A block sees twice as far as the one before, and the last should see the whole picture: few places are left for
        it. Nearest to four, and two blocks at least, since a single one knows edges and nothing made of them.
        """
        if self.size is None:
            return self.channels
        num_blocks = max(2, round(math.log2(max(1, side) / _LAST_SIDE)))
        return tuple(_FIRST_FILTERS[self.size] * min(2**number, _WIDEST) for number in range(num_blocks))


class CnnNetwork(HalvingNetwork):
    """Convolutions over images (or spectrograms), in blocks that each halve the picture, then a dense layer."""

    kind: Literal["cnn"]
    style: Literal["plain", "residual"] = Field(
        "plain", description="residual: each block adds to what came in, which lets more blocks learn"
    )
    convolutions: int = Field(2, ge=1, le=8, description="3x3 convolutions in a block")
    padding: Literal["same", "valid"] = Field(
        "same", description="same: a convolution keeps the size; valid: it takes a pixel off at each side"
    )
    norm: Literal["none", "batch"] = Field("batch", description="normalization behind each convolution")
    activation: Activation = Field("gelu", description="activation function behind each convolution")
    hidden: int = Field(128, ge=1, description="width of the dense layer")
    dropout: Share = Field(0.2, description="share of the dense layer and its input that is left out at random")
    whitening: bool = Field(
        False, description="a first layer of 2x2 filters, computed from training pictures, which stays as it is"
    )
    dirac: bool = Field(False, description="each convolution begins by passing on its first channels as they are")

    @model_validator(mode="after")
    def _style_fits(self) -> CnnNetwork:
        if self.style == "residual" and self.dirac:
            raise ValueError("style residual passes on what came in by itself; remove dirac, or use style: plain")
        if self.style == "residual" and self.padding == "valid":
            raise ValueError(
                "style residual adds pictures of one size, and padding valid shrinks them; use padding: same"
            )
        return self


class RnnNetwork(Config):
    """Reads a text token by token, or a spectrogram frame by frame, and keeps a state; order matters to it."""

    kind: Literal["rnn"]
    cell: Literal["rnn", "lstm", "gru"] = Field("gru", description="how the state is kept; lstm and gru keep it longer")
    width: int = Field(128, ge=1, description="numbers in the state")
    num_layers: int = Field(1, ge=1, description="one reading over the other")
    bidirectional: bool = Field(True, description="reads backwards, too")
    embedding: int = Field(64, ge=1, description="numbers that are learnt to stand for a token")
    dropout: Share = Field(0.2, description="share of the tokens' and the layers' values that is left out at random")


class AttentionNetwork(Config):
    """What networks have in common in which each place looks at all others."""

    width: int = Field(128, ge=1, description="numbers for each token or patch; num_heads divide it")
    num_layers: int = Field(2, ge=1, description="blocks of attention and dense layers")
    num_heads: int = Field(4, ge=1, description="attention heads side by side")
    mlp_ratio: int = Field(4, ge=1, description="width of a block's inner dense layer, in times the width")
    activation: Activation = Field("gelu", description="activation function between a block's two dense layers")
    dropout: Share = Field(0.1, description="share of each block's values that is left out at random")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> AttentionNetwork:
        if self.width % self.num_heads:
            raise ValueError(
                f"num_heads {self.num_heads} do not divide width {self.width}; try num_heads: 4 with width: 128"
            )
        return self


class TransformerNetwork(AttentionNetwork):
    """Attention over the tokens of a text, or the frames of a spectrogram: each looks at all others. Pre-norm."""

    kind: Literal["transformer"]


class VitNetwork(AttentionNetwork):
    """Attention over the patches of an image. For many images, or with weights taken over (init_from)."""

    kind: Literal["vit"]
    patch_size: int = Field(4, ge=1, description="pixels on a patch's side; the image is filled up at the rim")
    num_layers: int = Field(4, ge=1, description="blocks of attention and dense layers")


class TextCnnNetwork(Config):
    """Convolutions over the tokens of a text: which few words stand together, wherever. Fast, and hard to beat."""

    kind: Literal["text_cnn"]
    kernel_sizes: tuple[Width, ...] = Field((3, 4, 5), min_length=1, description="tokens that a filter sees at once")
    channels: int = Field(100, ge=1, description="filters of each window")
    embedding: int = Field(128, ge=1, description="numbers that are learnt to stand for a token")
    activation: Activation = Field("relu", description="activation function behind each filter")
    dropout: Share = Field(0.5, description="share of what the filters found that is left out at random")


class AudioCnnNetwork(HalvingNetwork):
    """Convolutions over log-mel spectrograms: pitch is kept, time is summed up by its mean and its largest value."""

    kind: Literal["audio_cnn"]
    channels: tuple[Width, ...] = Field((32, 64, 128), min_length=1, description="filters of each block")
    norm: Literal["none", "batch"] = Field("batch", description="normalization behind each convolution")
    activation: Activation = Field("gelu", description="activation function behind each convolution")
    hidden: int = Field(128, ge=1, description="width of the dense layer")
    dropout: Share = Field(0.2, description="share of the dense layer and its input that is left out at random")


Network = Annotated[
    MlpNetwork | CnnNetwork | RnnNetwork | TransformerNetwork | VitNetwork | TextCnnNetwork | AudioCnnNetwork,
    Field(discriminator="kind"),
]
