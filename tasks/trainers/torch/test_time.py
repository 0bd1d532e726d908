"""Images changed a little, to be answered as well: the mean of the answers errs less than one of them.

Krizhevsky et al. 2012 average over crops and mirror images in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor

from tasks.errors import UserError
from tasks.model_input.inputs import Spec

Kind = Literal["none", "flip", "shift"]


def check(spec: Spec, kind: Kind) -> None:
    """Raises UserError where images are to be changed and no column is one."""
    if kind == "none" or _images(spec):
        return
    names = ", ".join(f"{field.name} ({field.kind})" for field in spec.fields)
    raise UserError(
        f"train.test_time_augmentation: {kind} is for image columns, and none of {names} is one; "
        "remove test_time_augmentation"
    )


def variants(spec: Spec, blocks: Mapping[str, Tensor], kind: Kind) -> Iterator[dict[str, Tensor]]:
    """The blocks as they are, and then with all images [B, C, H, W] changed alike: flipped left to right, or shifted
    by one pixel to each of the four sides, where the edge is repeated."""
    yield dict(blocks)
    for change in _changes(kind):
        yield {**blocks, **{name: change(blocks[name]) for name in _images(spec)}}


def _images(spec: Spec) -> list[str]:
    return [field.name for field in spec.fields if field.kind == "image"]


def _changes(kind: Kind) -> list[Callable[[Tensor], Tensor]]:
    match kind:
        case "none":
            return []
        case "flip":
            return [_flipped]
        case "shift":
            return [_shifted_up, _shifted_down, _shifted_left, _shifted_right]


def _flipped(images: Tensor) -> Tensor:
    return images.flip(-1)


def _shifted_up(images: Tensor) -> Tensor:
    return torch.cat([images[..., 1:, :], images[..., -1:, :]], dim=-2)


def _shifted_down(images: Tensor) -> Tensor:
    return torch.cat([images[..., :1, :], images[..., :-1, :]], dim=-2)


def _shifted_left(images: Tensor) -> Tensor:
    return torch.cat([images[..., 1:], images[..., -1:]], dim=-1)


def _shifted_right(images: Tensor) -> Tensor:
    return torch.cat([images[..., :1], images[..., :-1]], dim=-1)
