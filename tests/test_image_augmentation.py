"""Images are changed as told, and never spoilt."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.image_augmentation import affine_maps, augment_images, draw_maps, resample
from tasks.params import AugmentImage

EVERYTHING = AugmentImage(rotate=30, scale=0.2, crop=0.2, shift=0.2)


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
