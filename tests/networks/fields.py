"""Columns as networks read them, and random rows of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec

DENSE = Field(name="a.b", kind="dense", shape=(3,), labels=("x", "y", "z"))
TEXT = Field(name="words", kind="sparse", shape=(9,))
TOWN = Field(name="town", kind="category_index", shape=(4,), labels=tuple("abcd"))
WORDS = Field(name="note", kind="tokens", shape=(7,), vocabulary=50)


def image(name: str = "scan", channels: int = 1, height: int = 8, width: int = 8) -> Field:
    factor, offset = (1 / 255,) * channels, (-0.5,) * channels
    return Field(name=name, kind="image", shape=(channels, height, width), factor=factor, offset=offset)


def sound(name: str = "call", n_mels: int = 8, frames: int = 8) -> Field:
    return Field(name=name, kind="audio", shape=(1, n_mels, frames), factor=(1 / 255,), offset=(0.0,))


def spec(*fields: Field, classes: tuple[str, ...] = ("a", "b", "c")) -> Spec:
    return Spec(fields=fields, task="multiclass" if classes else "regression", classes=classes)


def batch(of: Spec, rows: int = 4) -> dict[str, Tensor]:
    return {field.name: block(field, rows) for field in of.fields}


def block(field: Field, rows: int) -> Tensor:
    match field.kind:
        case "image" | "audio":
            return torch.randint(0, 256, (rows, *field.shape), dtype=torch.uint8)
        case "category_index":
            return torch.randint(0, field.num_inputs, (rows,), dtype=torch.int32)
        case "tokens":
            return torch.randint(0, field.vocabulary, (rows, *field.shape), dtype=torch.int32)
        case _:
            return torch.randn(rows, *field.shape)


def num_weights(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def layer_names(network: nn.Module) -> list[str]:
    """The kinds of the layers that compute something, in their order."""
    leaves = (module for module in network.modules() if not list(module.children()))
    return [type(leaf).__name__ for leaf in leaves if type(leaf).__name__ not in ("Dropout", "ScaleBytes")]
