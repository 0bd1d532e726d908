"""Random changes of a batch of images: turned, moved, mirrored, lit and covered, with one resampling per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.columns.draws import RowDraws, bits_of, either_way, on_device_of
from tasks.model_input.step_rows import ALL, StepRows
from tasks.params.augment import AugmentImage

if TYPE_CHECKING:
    from torch import Generator, Tensor

_BRIGHTEST = 255.0
_GREY = 128.0
"""What an erased box is filled with: the middle of the bytes' range, which is zero for `scale: symmetric`."""


def augment_images(images: Tensor, settings: AugmentImage, generator: Generator, rows: StepRows = ALL) -> Tensor:
    """Each image with its own random turn, size, slant, move, cut, mirroring, light and erased box, in this order.

    `images`: [B, C, H, W] bytes, as float or uint8, on any device; the answer has the same shape, type and range. Draws
    come from `generator` on the CPU, so that every device sees the same ones. Settings that are all zero change nothing
    at all, and what is not asked for draws nothing. `rows` are the images that are wanted.
    """
    draws = RowDraws(generator=generator, num_rows=len(images), rows=rows)
    moved = _moved(images[rows.own], settings, draws)
    return _erased(_lit(moved, settings, draws), settings, draws)


def draw_maps(count: int, settings: AugmentImage, generator: Generator, aspect: float) -> Tensor:
    """`count` random affine maps [count, 2, 3], uniform between what the settings allow either way.

    The image is slanted, turned, scaled and moved, then a window of it is blown up to full size.
    """
    import torch

    # All seven are drawn whatever is asked for, so that one setting does not change the draws of another.
    draws = torch.rand((count, 7), generator=generator) * 2 - 1
    angle = torch.deg2rad(draws[:, 0] * settings.rotate)
    size = 1 + draws[:, 1] * settings.scale
    cut = draws[:, 2].abs() * settings.crop
    move = 2 * settings.shift * draws[:, 3:5]
    centre = cut[:, None] * draws[:, 5:7]
    maps = affine_maps(angle, zoom=size / (1 - cut), shift=(move - centre) / (1 - cut)[:, None], aspect=aspect)
    return slanted(maps, torch.deg2rad(either_way(count, settings.shear, generator)), aspect)


def affine_maps(angle: Tensor, zoom: Tensor, shift: Tensor, aspect: float) -> Tensor:
    """Maps [B, 2, 3] from places in the new image to places in the old one, as `affine_grid` reads them.

    `angle` [B] turns the content counter-clockwise (radians), `zoom` [B] makes it larger, `shift` [B, 2] moves it
    right and down, in half sides. Places run from -1 to 1 along each side, so that a turn of an oblong image needs its
    `aspect`, which is height over width.
    """
    import torch

    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    linear = torch.stack(
        [torch.stack([cosine, -sine * aspect], dim=1), torch.stack([sine / aspect, cosine], dim=1)], dim=1
    )
    return torch.cat([linear, -(linear @ shift[:, :, None])], dim=2)


def slanted(maps: Tensor, slant: Tensor, aspect: float) -> Tensor:
    """Maps whose content is first slanted by `slant` [B] (radians): what is lower moves to the right."""
    import torch

    leaning = maps[:, 0] - (torch.tan(slant) * aspect)[:, None] * maps[:, 1]
    return torch.stack([leaning, maps[:, 1]], dim=1)


def draw_signs(count: int, settings: AugmentImage, generator: Generator, rows: StepRows = ALL) -> Tensor:
    """[count, 2] of 1 and -1: whether an image is mirrored left to right, and top to bottom; each half of the time.

    With `alternate_flip` an image begins one way or the other, and then they take turns (Jordan, 2024,
    arXiv:2404.00498, section 3.6): an epoch one way, an epoch the other. Of both directions, vertical takes turns every
    second epoch, so that four epochs show all four. A batch of no epoch, as a preview's, is mirrored by chance.
    """
    import torch

    signs = torch.ones(count, 2)
    for axis, name in enumerate(("horizontal", "vertical")):
        if settings.flip not in (name, "both"):
            continue
        if settings.alternate_flip and rows.numbers is not None:
            turns = rows.epoch // 2 if settings.flip == "both" and axis else rows.epoch
            is_mirrored = torch.from_numpy(bits_of(rows.numbers, rows.seed, axis) ^ bool(turns % 2))
        else:
            is_mirrored = torch.rand(count, generator=generator) < 0.5
        signs[:, axis] -= 2 * is_mirrored.float()
    return signs


def resample(images: Tensor, maps: Tensor) -> Tensor:
    """The images [B, C, H, W] seen through the maps [B, 2, 3]: bilinear, and edge pixels go on beyond the edge.

    Edge pixels, because a black rim would be a feature that no real image has.
    """
    import torch
    from torch.nn import functional

    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    values = images if images.is_floating_point() else images.to(torch.float32)
    grid, padding = grid.to(values.dtype), "border"
    if images.device.type == "mps":
        # Where torch knows no border; within the middles of the edge pixels there is none to look beyond.
        grid, padding = within_middles(grid, images.shape[-2:]), "zeros"
    changed = functional.grid_sample(values, grid, padding_mode=padding, align_corners=False)
    return _typed_as(images, changed)


def within_middles(grid: Tensor, sides: Sequence[int]) -> Tensor:
    """Places [B, H, W, 2] in a picture of `sides` (height, width), those beyond the middles of its edge pixels moved
    there: what the border says of them."""
    import torch

    height, width = sides
    most = torch.tensor([1 - 1 / width, 1 - 1 / height], dtype=grid.dtype, device=grid.device)
    return grid.clamp(-most, most)


def mirrored(images: Tensor, signs: Tensor) -> Tensor:
    """The images [B, C, H, W], mirrored where `signs` [B, 2] is negative: pixels change places, none is resampled."""
    import torch

    negative = signs < 0
    # Asked before they are sent: a GPU would be waited for.
    any_across, any_down = negative.any(dim=0).tolist()
    across, down = on_device_of(images, negative).reshape(-1, 2, 1, 1, 1).unbind(1)
    images = torch.where(across, images.flip(3), images) if any_across else images
    return torch.where(down, images.flip(2), images) if any_down else images


def _moved(images: Tensor, settings: AugmentImage, draws: RowDraws) -> Tensor:
    height, width = images.shape[-2:]
    is_mapped = any((settings.rotate, settings.scale, settings.crop, settings.shift, settings.shear))
    maps = draw_maps(draws.num_rows, settings, draws.generator, aspect=height / width) if is_mapped else None
    signs = draw_signs(draws.num_rows, settings, draws.generator, draws.rows)[draws.rows.own]
    if maps is None:
        return mirrored(images, signs)
    maps = maps[draws.rows.own]
    return resample(images, on_device_of(images, maps * signs[:, :, None]))


def _lit(images: Tensor, settings: AugmentImage, draws: RowDraws) -> Tensor:
    """Brighter or darker, and with more or less contrast about each image's own mean; within the bytes' range."""
    if not (settings.brightness or settings.contrast):
        return images
    drawn = draws.either_way(settings.brightness * _BRIGHTEST), 1 + draws.either_way(settings.contrast)
    light, factor = (on_device_of(images, of_rows).reshape(-1, 1, 1, 1) for of_rows in drawn)
    values = images if images.is_floating_point() else images.float()
    if settings.contrast:
        # About the image's own mean, so that contrast alone makes it neither brighter nor darker.
        mean = values.mean(dim=(1, 2, 3), keepdim=True)
        values, light = values * factor, light + mean * (1 - factor)
    return _typed_as(images, (values + light).clamp_(0, _BRIGHTEST))


def _erased(images: Tensor, settings: AugmentImage, draws: RowDraws) -> Tensor:
    """With a grey box of random size in a random place: random erasing, Zhong et al. 2017, arXiv:1708.04896."""
    if not settings.erase:
        return images
    size, place = on_device_of(images, draws.uniform(2, 2)).unbind(1)
    size = size * settings.erase
    start = place * (1 - size)
    rows, columns = (
        _between(start[:, axis], size[:, axis], images.shape[2 + axis]).unsqueeze(2 - axis) for axis in (0, 1)
    )
    return images.masked_fill((rows & columns).unsqueeze(1), _GREY)


def _between(start: Tensor, size: Tensor, length: int) -> Tensor:
    """[B, length]: the pixels whose middle lies within `size` from `start`, both [B] shares of the side."""
    import torch

    middles = (torch.arange(length, device=start.device) + 0.5) / length
    return (middles >= start[:, None]) & (middles < (start + size)[:, None])


def _typed_as(images: Tensor, changed: Tensor) -> Tensor:
    return changed if images.is_floating_point() else changed.round().clamp(0, _BRIGHTEST).to(images.dtype)
