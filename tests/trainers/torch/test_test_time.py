"""Images are flipped or shifted to be answered more than once; other columns stay."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.trainers.torch.test_time import check, variants

IMAGE = Field(name="scan", kind="image", shape=(2, 5, 7), factor=(1.0, 1.0), offset=(0.0, 0.0))
SOUND = Field(name="call", kind="audio", shape=(1, 5, 7), factor=(1.0,), offset=(0.0,))
AGE = Field(name="age", kind="dense", shape=(1,))


def spec(*fields: Field) -> Spec:
    return Spec(fields=fields, task="binary", classes=("a", "b"))


def blocks(height: int = 5, width: int = 7) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 2, height, width), dtype=torch.uint8, generator=draws)
    sounds = torch.randint(0, 256, (3, 1, 5, 7), dtype=torch.uint8, generator=draws)
    return {"scan": images, "call": sounds, "age": torch.rand(3, 1, generator=draws)}


def test_none_gives_the_blocks_alone() -> None:
    given = blocks()
    (only,) = variants(spec(IMAGE, SOUND, AGE), given, "none")
    assert all(only[name] is given[name] for name in given)


def test_flip_adds_the_mirror_image() -> None:
    given = blocks()
    plain, mirrored = variants(spec(IMAGE, SOUND, AGE), given, "flip")
    assert torch.equal(plain["scan"], given["scan"])
    assert torch.equal(mirrored["scan"][..., 0], given["scan"][..., -1])
    (_, twice) = variants(spec(IMAGE), mirrored, "flip")
    assert torch.equal(twice["scan"], given["scan"])


def test_shift_adds_the_four_neighbours_with_the_edge_repeated() -> None:
    given = blocks()
    found = [variant["scan"] for variant in variants(spec(IMAGE, SOUND, AGE), given, "shift")]
    padded = functional.pad(given["scan"].float(), (1, 1, 1, 1), mode="replicate").to(torch.uint8)
    places = [(1, 1), (2, 1), (0, 1), (1, 2), (1, 0)]
    for image, (down, across) in zip(found, places, strict=True):
        assert torch.equal(image, padded[..., down : down + 5, across : across + 7])


@pytest.mark.parametrize("kind", ["flip", "shift"])
def test_sounds_and_numbers_stay(kind: str) -> None:
    given = blocks()
    for variant in variants(spec(IMAGE, SOUND, AGE), given, kind):  # type: ignore[arg-type]
        assert variant["call"] is given["call"]
        assert variant["age"] is given["age"]
        assert variant["scan"].dtype == torch.uint8


def test_an_image_of_one_pixel_stays_as_it_is() -> None:
    given = blocks(1, 1)
    assert all(torch.equal(variant["scan"], given["scan"]) for variant in variants(spec(IMAGE), given, "shift"))


def test_refuses_columns_without_an_image() -> None:
    with pytest.raises(UserError, match=r"flip is for image columns, and none of call \(audio\), age \(dense\) is one"):
        check(spec(SOUND, AGE), "flip")
    check(spec(SOUND, AGE), "none")
    check(spec(IMAGE, AGE), "shift")
