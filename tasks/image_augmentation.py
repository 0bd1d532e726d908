"""Random changes of a batch of images: turned, scaled, moved and cut out, with one resampling per image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.params import AugmentImage

if TYPE_CHECKING:
    from torch import Generator, Tensor


def augment_images(images: Tensor, settings: AugmentImage, generator: Generator) -> Tensor:
    """Each image changed by its own random turn, size, move and cut.

    `images`: [B, C, H, W] float or uint8 on any device; the answer has the same shape, type and range. Draws come from
    `generator` on the CPU, so that every device sees the same ones. Settings that are all zero change nothing at all.
    """
    if not any((settings.rotate, settings.scale, settings.crop, settings.shift)):
        return images
    height, width = images.shape[-2:]
    maps = draw_maps(len(images), settings, generator, aspect=height / width)
    return resample(images, maps.to(images.device))


def draw_maps(count: int, settings: AugmentImage, generator: Generator, aspect: float) -> Tensor:
    """`count` random affine maps [count, 2, 3], uniform between what the settings allow either way.

    The image is turned, scaled and moved, then a window of it is blown up to full size.
    """
    import torch

    draws = torch.rand((count, 7), generator=generator) * 2 - 1
    angle = torch.deg2rad(draws[:, 0] * settings.rotate)
    size = 1 + draws[:, 1] * settings.scale
    cut = draws[:, 2].abs() * settings.crop
    move = 2 * settings.shift * draws[:, 3:5]
    centre = cut[:, None] * draws[:, 5:7]
    return affine_maps(angle, zoom=size / (1 - cut), shift=(move - centre) / (1 - cut)[:, None], aspect=aspect)


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


def resample(images: Tensor, maps: Tensor) -> Tensor:
    """The images [B, C, H, W] seen through the maps [B, 2, 3]: bilinear, and edge pixels go on beyond the edge.

    Edge pixels, because a black rim would be a feature that no real image has.
    """
    import torch
    from torch.nn import functional

    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    values = images if images.is_floating_point() else images.to(torch.float32)
    changed = functional.grid_sample(values, grid.to(values.dtype), padding_mode="border", align_corners=False)
    return changed if images.is_floating_point() else changed.round().clamp(0, 255).to(images.dtype)
