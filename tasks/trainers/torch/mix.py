"""Two training rows become one, and so do their targets: mixup and cutmix, on the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.model_input.inputs import Field, Spec
from tasks.params.augment import Mix

if TYPE_CHECKING:
    from torch import Generator, Tensor

Box = tuple[slice, slice]
"""Rows and columns of a picture."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """How a batch is mixed: row i keeps `weight` of itself, the rest is row `partner[i]`'s.

    `cut` is the middle of cutmix's box (down, across) and its side, as shares of the picture's; None for mixup.
    """

    partner: Tensor
    weight: float
    cut: tuple[float, float, float] | None = None


def draw_mixture(settings: Mix, spec: Spec, num_rows: int, generator: Generator) -> Mixture | None:
    """One partner for each row and one weight for the batch, from Beta(alpha, alpha); None where it is not mixed.

    mixup: Zhang et al. 2018, arXiv:1710.09412. cutmix: Yun et al. 2019, arXiv:1905.04899, where the weight is what the
    box leaves of the first picture, to the pixel. Without `mix` nothing is drawn.
    """
    import torch

    if settings.kind == "none":
        return None
    # All are drawn whether or not the batch is mixed, and for mixup too: what follows draws the same either way.
    is_mixed, quantile, down, across = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    partner = torch.randperm(num_rows, generator=generator)
    if is_mixed >= settings.share:
        return None
    weight = _beta(settings.alpha, quantile)
    if settings.kind == "mixup":
        return Mixture(partner=partner, weight=weight)
    cut = (down, across, math.sqrt(1 - weight))
    picture = next(field for field in spec.fields if field.is_picture)
    return Mixture(partner=partner, weight=1 - _area(picture, cut), cut=cut)


def mix_blocks(spec: Spec, blocks: Mapping[str, Tensor], mixture: Mixture) -> dict[str, Tensor]:
    """The batch's blocks, each mixed in its own way.

    Dense ones and, by mixup, pictures are weighted means; by cutmix a picture has a box of its partner's. Category
    indices become weights [B, K], which networks read as they read indices. Tokens have no mean: the row with the
    larger weight gives them.
    """
    return {field.name: _mixed(field, blocks[field.name], mixture) for field in spec.fields}


def weighted(own: Tensor, other: Tensor, weight: float) -> Tensor:
    """weight * own + (1 - weight) * other."""
    return own * weight + other * (1 - weight)


def box(field: Field, cut: tuple[float, float, float]) -> Box:
    """The rows and columns of a picture that cutmix replaces: a box of its shape, cut off at the rim."""
    down, across, side = cut
    return _run(down, side, field.shape[1]), _run(across, side, field.shape[2])


def _mixed(field: Field, block: Tensor, mixture: Mixture) -> Tensor:
    from torch.nn import functional

    if field.kind == "tokens":
        return block if mixture.weight >= 0.5 else block[mixture.partner]
    if field.kind == "category_index":
        block = functional.one_hot(block.long(), field.num_inputs)
    values = block.float()
    other = values[mixture.partner]
    if not field.is_picture or mixture.cut is None:
        return weighted(values, other, mixture.weight)
    rows, columns = box(field, mixture.cut)
    # A block of float32 is not copied by `float()`, and the batch itself must not change.
    values = values.clone()
    values[:, :, rows, columns] = other[:, :, rows, columns]
    return values


def _run(middle: float, side: float, length: int) -> slice:
    size = round(side * length)
    start = int(middle * length) - size // 2
    return slice(max(start, 0), max(min(start + size, length), 0))


def _area(field: Field, cut: tuple[float, float, float]) -> float:
    """The box's share of the picture."""
    rows, columns = box(field, cut)
    return float((rows.stop - rows.start) * (columns.stop - columns.start) / (field.shape[1] * field.shape[2]))


def _beta(alpha: float, quantile: float) -> float:
    """A draw of Beta(alpha, alpha), by its inverse: from torch's generator, which has no Beta of its own."""
    from scipy.special import betaincinv

    return float(betaincinv(alpha, alpha, quantile))
