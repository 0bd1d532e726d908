from __future__ import annotations

import io
import random
import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks.columns.image import pixels
from tasks.columns.image.column import ImageColumn, ImageEncoding
from tasks.errors import UserError
from tasks.params.clean import CleanImage
from tasks.params.normalize import NormalizeImage
from tests.small_tables import image

IMAGE = ImageColumn()
GREY = np.array([[0, 10, 20], [100, 200, 255]], dtype=np.uint8)
COLOUR = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
FORMS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")


def learnt(contents: list[bytes], **settings: Any) -> ImageEncoding:
    chosen = NormalizeImage.model_validate(settings)
    return IMAGE.finish(IMAGE.fit(pl.Series("x", contents), chosen), chosen)


def encoded(contents: list[bytes], encoding: ImageEncoding) -> np.ndarray[Any, Any]:
    return IMAGE.transform(pl.Series("x", contents), encoding)


def test_pixels_come_through_as_they_are() -> None:
    grey, colour = image(GREY), image(COLOUR)
    assert np.array_equal(encoded([grey], learnt([grey])), GREY[None, None])
    assert np.array_equal(encoded([colour], learnt([colour])), COLOUR.transpose(2, 0, 1)[None])


@pytest.mark.parametrize("form", FORMS)
def test_every_common_form_is_known_and_read(form: str) -> None:
    content = image(COLOUR, form)
    assert IMAGE.could_be(pl.Series("x", [content, None]))
    assert IMAGE.faults(pl.Series("x", [content])).to_list() == [None]
    assert encoded([content], learnt([content], channels=3)).shape == (1, 3, 4, 5)


def test_bytes_and_text_that_are_no_pictures() -> None:
    assert not IMAGE.could_be(pl.Series("x", [image(GREY), b"PK\x03\x04"]))
    assert not IMAGE.could_be(pl.Series("x", ["text"]))


def test_the_first_image_gives_the_size_and_all_others_take_it() -> None:
    encoding = learnt([b"", image(GREY), image(COLOUR)])
    assert (encoding.channels, encoding.height, encoding.width) == (1, 2, 3)
    assert encoded([image(COLOUR), image(GREY)], encoding).shape == (2, 1, 2, 3)
    given = learnt([image(GREY)], height=7, width=5, channels=3)
    assert encoded([image(GREY)], given).shape == (1, 3, 7, 5)


def test_grey_values_above_eight_bits_keep_their_order() -> None:
    """Pillow's own conversion makes all of them white."""
    scan = np.array([[0, 256], [30_000, 65_535]], dtype=np.uint16)
    for form in ("PNG", "TIFF"):
        content = image(scan, form)
        assert encoded([content], learnt([content])).tolist() == [[[[0, 1], [117, 255]]]]


def test_a_camera_held_upright_gives_an_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = io.BytesIO()
    Image.fromarray(GREY).save(content, format="PNG", exif=exif)
    assert np.array_equal(encoded([content.getvalue()], learnt([content.getvalue()]))[0, 0], np.rot90(GREY, -1))


@pytest.mark.parametrize(("scale", "low", "high"), [("min_max", 0, 1), ("symmetric", -1, 1)])
def test_bytes_are_scaled_when_used(scale: str, low: float, high: float) -> None:
    encoding = learnt([image([[0, 255]])], scale=scale)
    scaled = encoding.field("x").scaled(encoded([image([[0, 255]])], encoding))
    assert scaled.ravel().tolist() == pytest.approx([low, high], abs=1e-6)


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_standard_has_mean_0_and_deviation_1_in_every_channel(pixels: np.ndarray[Any, Any]) -> None:
    contents = [image(pixels), image(255 - pixels), image(pixels // 3)]
    encoding = learnt(contents, scale="standard")
    scaled = encoding.field("x").scaled(encoded(contents, encoding))
    assert scaled.mean(axis=(0, 2, 3)) == pytest.approx(0, abs=1e-6)
    assert scaled.std(axis=(0, 2, 3)) == pytest.approx(1, abs=1e-6)


def test_images_of_one_shade_are_zero() -> None:
    content = image(np.full((3, 3), 77, dtype=np.uint8))
    encoding = learnt([content], scale="standard")
    assert np.abs(encoding.field("x").scaled(encoded([content], encoding))).max() < 1e-5


def test_a_part_of_other_sizes_and_colours_only_adds_its_pixels() -> None:
    settings = NormalizeImage(scale="standard")
    grey, colour = (IMAGE.fit(pl.Series("x", [image(pixels)]), settings) for pixels in (GREY, COLOUR))
    merged = IMAGE.merge(grey, colour)
    assert merged is not None
    assert (merged.height, merged.width, merged.channels, merged.sums.num_pixels) == (2, 3, 1, 26)
    assert IMAGE.merge(None, merged) == IMAGE.merge(merged, None) == merged


def test_damaged_bytes_are_at_fault_and_never_crash() -> None:
    dice = random.Random(0)
    with warnings.catch_warnings():
        # Pillow warns of odd metadata.
        warnings.simplefilter("ignore")
        for form in FORMS:
            whole = image(COLOUR, form)
            for _ in range(60):
                damaged = bytearray(whole[: dice.choice([len(whole), dice.randrange(len(whole))])])
                for _ in range(dice.randrange(1, 4)):
                    if damaged:
                        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
                found = pixels.decode(bytes(damaged))
                fault = IMAGE.faults(pl.Series("x", [bytes(damaged)]), CleanImage(blank="keep", min_side=1)).item()
                assert (found is None) == (fault is not None)


def camera(pixels: np.ndarray[Any, Any], orientation: int, form: str = "JPEG") -> bytes:
    """A photograph of a camera that was held so (EXIF)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format=form, exif=exif)
    return content.getvalue()


def with_alpha(pixels: np.ndarray[Any, Any], alpha: np.ndarray[Any, Any]) -> bytes:
    return image(np.dstack([pixels, alpha]))


FLAT = np.full((4, 5, 3), 200, dtype=np.uint8)
BLANK = {
    "colour": image(FLAT),
    "colour as JPEG": image(FLAT, "JPEG"),
    "grey": image(FLAT[:, :, 0]),
    "16 bits of which none counts": image(np.arange(20, dtype=np.uint16).reshape(4, 5)),
    "seen through": with_alpha(FLAT, np.arange(20, dtype=np.uint8).reshape(4, 5)),
    "in a palette": image(FLAT, "GIF"),
}
CHECKS = np.where(np.indices((16, 16)).sum(axis=0) % 2, 140, 100).astype(np.uint8)
NOT_BLANK = {
    "one pixel": image([[7, 7], [7, 8]]),
    "16 bits": image(np.array([[0, 0], [0, 256]], dtype=np.uint16)),
    "one channel": image(np.dstack([FLAT[:, :, :2], COLOUR[:, :, 2]])),
    "checks that even out": image(CHECKS, "JPEG"),
}


@pytest.mark.parametrize("content", BLANK.values(), ids=BLANK.keys())
def test_blank_images_go_are_flagged_or_stay(content: bytes) -> None:
    values = pl.Series("scan", [content, None], dtype=pl.Binary)
    reason = "scan is blank: all pixels are of one colour"
    assert IMAGE.faults(values).to_list() == [reason, "scan has no image"]
    assert IMAGE.flags(values).to_list() == [None, None]
    flagged = CleanImage(blank="flag")
    assert IMAGE.faults(values, flagged).to_list() == [None, "scan has no image"]
    assert IMAGE.flags(values, flagged).to_list() == [reason, None]
    kept = CleanImage(blank="keep")
    assert IMAGE.faults(values, kept).to_list() == [None, "scan has no image"]
    assert IMAGE.flags(values, kept).null_count() == 2


@pytest.mark.parametrize("content", NOT_BLANK.values(), ids=NOT_BLANK.keys())
def test_images_with_anything_on_them_are_not_blank(content: bytes) -> None:
    assert IMAGE.faults(pl.Series("scan", [content])).item() is None
    assert IMAGE.flags(pl.Series("scan", [content]), CleanImage(blank="flag")).item() is None


def test_images_that_are_too_small_say_their_size_and_the_limit() -> None:
    line = image(np.arange(9, dtype=np.uint8)[:, None])
    assert IMAGE.faults(pl.Series("scan", [line])).item() == "scan is 1 x 9 pixels, smaller than 2"
    assert IMAGE.faults(pl.Series("scan", [line]), CleanImage(min_side=1)).item() is None
    large = image(np.random.default_rng(0).integers(0, 256, (40, 90, 3)).astype(np.uint8), "JPEG")
    assert IMAGE.faults(pl.Series("scan", [large]), CleanImage(min_side=41)).item() == (
        "scan is 90 x 40 pixels, smaller than 41"
    )
    assert IMAGE.faults(pl.Series("scan", [large]), CleanImage(min_side=40)).item() is None


def test_a_size_is_that_of_the_upright_picture() -> None:
    content = camera(np.random.default_rng(0).integers(0, 256, (40, 90, 3)).astype(np.uint8), 6)
    assert IMAGE.faults(pl.Series("scan", [content]), CleanImage(min_side=41)).item().startswith("scan is 40 x 90 ")
    encoding = learnt([content])
    assert (encoding.height, encoding.width) == (90, 40)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_how_images_fit_is_learnt_and_kept(fit: str) -> None:
    encoding = learnt([image(COLOUR)], height=8, width=8, fit=fit)
    assert encoding.fit == fit
    assert ImageEncoding.model_validate_json(encoding.model_dump_json()) == encoding
    black = (encoded([image(COLOUR // 2 + 128)], encoding) == 0).all(axis=(0, 1))
    assert black.any() == (fit == "pad")


def test_an_encoding_from_before_there_was_a_choice_stretches() -> None:
    before = learnt([image(GREY)]).model_dump(exclude={"fit"})
    assert ImageEncoding.model_validate(before).fit == "stretch"


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_standard_is_that_of_images_as_they_were_fitted(fit: str) -> None:
    contents = [image(COLOUR), image(GREY), image(COLOUR[:2])]
    encoding = learnt(contents, scale="standard", height=4, width=6, channels=3, fit=fit)
    scaled = encoding.field("x").scaled(encoded(contents, encoding))
    assert scaled.mean(axis=(0, 2, 3)) == pytest.approx(0, abs=1e-6)
    assert scaled.std(axis=(0, 2, 3)) == pytest.approx(1, abs=1e-6)


def test_what_cannot_be_decoded_is_not_made_up() -> None:
    with pytest.raises(UserError, match="holds bytes that are no image; `clean` takes such rows out"):
        encoded([b"text"], learnt([image(GREY)]))


def shown(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(IMAGE.depict(content).png)))


def test_a_person_is_shown_what_the_model_gets() -> None:
    """Scans of 16 bits were white on the report, and photographs lay on their side."""
    deep, photograph = io.BytesIO(), io.BytesIO()
    Image.fromarray(GREY.astype(np.uint16) * 257).save(deep, "PNG")
    assert np.array_equal(shown(deep.getvalue()), np.repeat(GREY[:, :, None], 3, axis=2))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR).save(photograph, "PNG", exif=exif)
    assert np.array_equal(shown(photograph.getvalue()), np.rot90(COLOUR, -1))
    assert IMAGE.depict(photograph.getvalue()).text == "4 by 5 pixels"
    for content in (deep.getvalue(), photograph.getvalue()):
        encoding = learnt([content], channels=3)
        assert np.array_equal(encoded([content], encoding)[0].transpose(1, 2, 0), shown(content))
