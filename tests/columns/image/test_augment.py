"""Images are changed as told, and never spoilt."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.image.augment import (
    affine_maps,
    augment_images,
    draw_maps,
    draw_signs,
    resample,
    slanted,
    within_middles,
)
from tasks.params.augment import AugmentImage

EVERYTHING = AugmentImage(
    rotate=30, scale=0.2, crop=0.2, shift=0.2, shear=20, flip="both", brightness=0.2, contrast=0.2, erase=0.3
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(height: int = 9, width: int = 9, count: int = 5) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), generator=generator(1), dtype=torch.uint8)


def changed(
    picture: torch.Tensor, angle: float = 0, zoom: float = 1, shift: tuple[float, float] = (0, 0)
) -> torch.Tensor:
    maps = affine_maps(
        torch.tensor([math.radians(angle)]),
        torch.tensor([zoom], dtype=torch.float32),
        torch.tensor([shift], dtype=torch.float32),
        aspect=picture.shape[-2] / picture.shape[-1],
    )
    return resample(picture, maps)


def test_nothing_set_changes_nothing() -> None:
    before = images()
    assert torch.equal(augment_images(before, AugmentImage(), generator()), before)
    assert torch.equal(changed(before[:1]), before[:1])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shape_type_and_range_stay(dtype: torch.dtype) -> None:
    before = images(8, 12).to(dtype)
    after = augment_images(before, EVERYTHING, generator())
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert not torch.equal(after, before)
    assert after.min() >= before.min()
    assert after.max() <= before.max()


def test_the_same_seed_gives_the_same_images() -> None:
    before = images()
    first = augment_images(before, EVERYTHING, generator(3))
    assert torch.equal(first, augment_images(before, EVERYTHING, generator(3)))
    assert not torch.equal(first, augment_images(before, EVERYTHING, generator(4)))


def test_each_image_is_changed_in_its_own_way() -> None:
    after = augment_images(images(count=1).repeat(2, 1, 1, 1), EVERYTHING, generator())
    assert not torch.equal(after[0], after[1])


def test_a_quarter_turn_is_counter_clockwise() -> None:
    before = images(count=1)
    assert torch.equal(changed(before, angle=90), torch.rot90(before, 1, dims=(2, 3)))


def test_a_half_turn_of_an_oblong_image() -> None:
    before = images(6, 10, count=1)
    assert torch.equal(changed(before, angle=180), before.flip(2, 3))


def test_a_turned_oblong_image_keeps_its_angles() -> None:
    """A quarter turn takes a column through the centre to the row through the centre, at the same length."""
    before = torch.zeros(1, 1, 11, 21)
    before[0, 0, 3:8, 10] = 1
    after = changed(before, angle=90)
    expected = torch.zeros(1, 1, 11, 21)
    expected[0, 0, 5, 8:13] = 1
    assert torch.allclose(after, expected, atol=1e-5)


def test_a_shift_moves_right_and_down() -> None:
    before = torch.zeros(1, 1, 10, 10)
    before[0, 0, 4, 4] = 1
    after = changed(before, shift=(0.4, 0.2))  # in half sides: 2 pixels and 1 pixel
    assert torch.allclose(after, before.roll((1, 2), dims=(2, 3)), atol=1e-5)


def test_a_zoom_makes_things_larger() -> None:
    before = torch.zeros(1, 1, 12, 12)
    before[0, 0, 4:8, 4:8] = 1
    after = changed(before, zoom=2)
    assert after.sum() == pytest.approx(64, rel=0.15)


def test_a_crop_shows_a_window_of_the_image() -> None:
    maps = draw_maps(500, AugmentImage(crop=0.5), generator(), aspect=1.0)
    scale, centre = maps[:, 0, 0], maps[:, :, 2]
    assert (scale > 0.5 - 1e-6).all()
    assert (scale <= 1).all()
    assert (centre.abs() <= (1 - scale)[:, None] + 1e-6).all()


@settings(max_examples=30, deadline=None)
@given(
    rotate=st.floats(0, 180),
    scale=st.floats(0, 0.99),
    crop=st.floats(0, 0.99),
    shift=st.floats(0, 0.99),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
)
def test_there_is_never_a_nan(rotate: float, scale: float, crop: float, shift: float, height: int, width: int) -> None:
    before = torch.rand(2, 1, height, width, generator=generator())
    after = augment_images(before, AugmentImage(rotate=rotate, scale=scale, crop=crop, shift=shift), generator())
    assert after.isfinite().all()
    assert after.max() <= 1 + 1e-5


def test_a_flip_alone_is_exact_and_half_of_the_images_have_it() -> None:
    before = images(7, 10, count=400)
    for flip, axes in (("horizontal", [(), (3,)]), ("vertical", [(), (2,)]), ("both", [(), (3,), (2,), (2, 3)])):
        after = augment_images(before, AugmentImage(flip=flip), generator())
        found = [(after == before.flip(axis)).all(dim=(1, 2, 3)).float().mean() for axis in axes]
        assert sum(found) == pytest.approx(1)
        assert all(share == pytest.approx(1 / len(axes), abs=0.08) for share in found)


def test_a_flip_and_a_turn_are_one_resampling() -> None:
    before = images(7, 10, count=40).float()
    after = augment_images(before, AugmentImage(flip="horizontal", rotate=20), generator(5))
    draws = generator(5)
    maps = draw_maps(40, AugmentImage(rotate=20), draws, aspect=0.7)
    is_flipped = (draw_signs(40, AugmentImage(flip="horizontal"), draws)[:, 0] < 0).reshape(-1, 1, 1, 1)
    expected = torch.where(is_flipped, resample(before.flip(3), maps), resample(before, maps))
    assert torch.allclose(after, expected, atol=0.05)


def test_a_slant_moves_the_lower_half_to_the_right() -> None:
    before = torch.zeros(1, 1, 21, 41)
    before[0, 0, :, 20] = 1
    maps = affine_maps(torch.zeros(1), torch.ones(1), torch.zeros(1, 2), aspect=21 / 41)
    after = resample(before, slanted(maps, torch.tensor([math.radians(45)]), aspect=21 / 41))[0, 0]
    assert [int(row.argmax()) for row in after[[0, 5, 10, 15, 20]]] == [10, 15, 20, 25, 30]


def test_light_moves_all_pixels_alike_within_their_range() -> None:
    before = torch.full((300, 1, 4, 4), 100.0)
    after = augment_images(before, AugmentImage(brightness=0.2), generator())
    assert (after == after[:, :, :1, :1]).all()
    steps = after[:, 0, 0, 0] - 100
    assert 45 < float(steps.abs().max()) <= 51
    bright = augment_images(torch.full((300, 1, 4, 4), 250.0), AugmentImage(brightness=1), generator())
    assert bright.max() == 255
    assert bright.min() == 0


def test_contrast_keeps_each_images_mean() -> None:
    before = images(count=20).float() / 4 + 100
    after = augment_images(before, AugmentImage(contrast=0.5), generator())
    assert torch.allclose(after.mean(dim=(1, 2, 3)), before.mean(dim=(1, 2, 3)), atol=1e-2)
    ratio = after.std(dim=(1, 2, 3)) / before.std(dim=(1, 2, 3))
    assert 0.5 <= ratio.min() < 0.8
    assert 1.2 < ratio.max() <= 1.5


def test_an_erased_box_is_grey_and_no_larger_than_told() -> None:
    before = torch.zeros(200, 2, 20, 30)
    after = augment_images(before, AugmentImage(erase=0.4), generator())
    assert set(after.unique().tolist()) == {0.0, 128.0}
    grey = after[:, 0] == 128
    assert torch.equal(grey, after[:, 1] == 128)
    rows, columns = grey.any(dim=2).sum(dim=1), grey.any(dim=1).sum(dim=1)
    assert rows.max() <= 9
    assert columns.max() <= 13
    assert torch.equal(grey.sum(dim=(1, 2)), rows * columns)


def test_what_is_not_asked_for_draws_nothing() -> None:
    before = images()
    alone = augment_images(before, AugmentImage(rotate=30, shift=0.2), generator(3))
    draws = generator(3)
    augment_images(before, AugmentImage(rotate=30, shift=0.2), draws)
    reference = generator(3)
    torch.rand((5, 7), generator=reference)
    assert torch.equal(torch.rand(4, generator=draws), torch.rand(4, generator=reference))
    assert torch.equal(alone, resample(before, draw_maps(5, AugmentImage(rotate=30, shift=0.2), generator(3), 1.0)))


def test_places_within_the_middles_of_the_edge_pixels_see_what_the_border_shows() -> None:
    """What stands in for torch's border where a device does not have it."""
    images = torch.rand(5, 2, 6, 9, generator=torch.Generator().manual_seed(0)) * 255
    maps = draw_maps(5, AugmentImage(rotate=40, shift=0.4, scale=0.3), torch.Generator().manual_seed(1), aspect=6 / 9)
    grid = torch.nn.functional.affine_grid(maps, [5, 2, 6, 9], align_corners=False)
    assert float(grid.abs().max()) > 1.5
    moved = torch.nn.functional.grid_sample(
        images, within_middles(grid, (6, 9)), padding_mode="zeros", align_corners=False
    )
    torch.testing.assert_close(moved, resample(images, maps), atol=1e-3, rtol=1e-4)
