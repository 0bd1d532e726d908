"""Pictures as what a trained network finds in them: the encoding as recipe.json has it, and the weights beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.columns.audio.column import AudioEncoding
from tasks.columns.base import Encoding
from tasks.columns.image.column import ImageEncoding
from tasks.model_input.inputs import Field
from tasks.params.networks import Network

if TYPE_CHECKING:
    from tasks.recipe.picture_encoders import Encoders

WEIGHTS = "recipe.safetensors"
"""Lies beside recipe.json."""
LIBRARIES = ("safetensors", "torch")
"""What a process needs to embed a picture, besides what it takes to decode one."""

_ONE_AT_A_TIME = Lock()
"""How torch computes is set for the whole process, and `normalize` encodes several parts side by side."""


class EmbeddingEncoding(Encoding):
    """A picture as `picture` says, and then through a network's encoder: `width` numbers.

    `encoder` numbers the tensors in recipe.safetensors, whose bytes have this `sha256`; two columns may share one.
    `source` is what params.yaml names, `model` the digest of that model's folder.
    """

    type: Literal["image", "audio"]
    picture: ImageEncoding | AudioEncoding
    network: Network
    source: str
    model: str
    encoder: int
    width: int
    sha256: str

    def field(self, name: str) -> Field:
        labels = tuple(f"{name}[embedding {number}]" for number in range(self.width))
        return Field(name=name, kind="dense", shape=(self.width,), labels=labels)


@dataclass(frozen=True)
class StoredEncoders:
    """The encoders of these encodings, by the file that has their weights; read when they are first needed."""

    path: Path
    encodings: tuple[EmbeddingEncoding, ...]

    def embed(self, encoding: EmbeddingEncoding, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pictures [N, C, H, W] as what is found in them, [N, width]: each row's alike in any company.

        Raises UserError when the weights are missing or damaged.
        """
        with _ONE_AT_A_TIME:
            return self._encoders.embed(encoding.encoder, pictures)

    def check(self) -> None:
        """Raises UserError when the weights are missing or damaged."""
        with _ONE_AT_A_TIME:
            assert self._encoders

    @cached_property
    def _encoders(self) -> Encoders:
        from tasks.recipe.picture_encoders import read_encoders

        return read_encoders(self.path, self.encodings)


def no_weights() -> bytes:
    """The content of recipe.safetensors for a recipe that embeds nothing."""
    from safetensors.numpy import save

    return save({})


def column_encoding(encoding: Encoding) -> Any:
    """What the column's type made: for an embedded picture that of its pixels."""
    return encoding.picture if isinstance(encoding, EmbeddingEncoding) else encoding
