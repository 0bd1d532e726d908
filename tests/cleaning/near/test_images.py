from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from tasks.cleaning.findings import SCHEMA, Findings
from tasks.cleaning.near.images import near_images
from tasks.columns.image import pixels
from tests.shared_data import shared
from tests.small_tables import cut, image

DEFAULT = 12
Change = Callable[[Image.Image], Image.Image]


def drawn(seed: int) -> Image.Image:
    """A picture of soft spots, 120 x 90, neither black nor white anywhere."""
    coarse = np.random.default_rng(seed).integers(30, 220, (24, 32, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((120, 90), Image.Resampling.BILINEAR)


def as_bytes(picture: Image.Image, form: str = "PNG", **settings: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, format=form, **settings)
    return content.getvalue()


def table(*columns: Sequence[bytes | None]) -> pl.DataFrame:
    names = ["scan", "photo"]
    contents = [pl.Series(name, own, dtype=pl.Binary) for name, own in zip(names, columns, strict=False)]
    return pl.DataFrame([pl.int_range(len(columns[0]), eager=True).alias("_row"), *contents])


def near(rows: pl.DataFrame, distance: int = DEFAULT) -> Findings:
    return near_images(lambda: iter([rows]), [name for name in rows.columns if name != "_row"], distance)


def compressed(picture: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(as_bytes(picture.convert("RGB"), "JPEG", quality=60)))


CHANGES: dict[str, Change] = {
    "compressed": compressed,
    "smaller": lambda picture: picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)),
    "larger": lambda picture: picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.08),
    "flatter": lambda picture: ImageEnhance.Contrast(picture).enhance(0.9),
    "grey": lambda picture: ImageOps.grayscale(picture),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_pictures_that_were_changed_a_little_are_found(change: Change) -> None:
    pictures = [drawn(seed) for seed in range(12)]
    rows = table([as_bytes(picture) for picture in (*pictures, *map(change, pictures))])
    findings = near(rows)
    assert findings["row"].to_list() == list(range(12, 24))
    others = findings["reason"].str.extract(r"image of row (\d+) ").cast(pl.Int64)
    assert others.to_list() == list(range(12))


def test_what_is_found_says_which_row_and_how_near() -> None:
    same, other = as_bytes(drawn(0)), as_bytes(drawn(1))
    findings = near(table([other, same, as_bytes(drawn(0), "BMP")]))
    assert findings.schema == pl.Schema(SCHEMA)
    reason = "scan is nearly the image of row 1 (0 of 256 bits differ)"
    assert findings.rows() == [(2, "near_duplicate_image", reason, 1.0)]


def test_mirrored_and_turned_pictures_are_others() -> None:
    picture = drawn(0)
    rows = table([as_bytes(each) for each in (picture, ImageOps.mirror(picture), picture.rotate(180))])
    assert near(rows).is_empty()


def test_a_camera_held_upright_gives_the_same_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = as_bytes(drawn(0).transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=exif)
    assert near(table([as_bytes(drawn(0)), turned]))["row"].to_list() == [1]


def test_with_several_images_all_must_be_near() -> None:
    one, two, three = (as_bytes(drawn(seed)) for seed in range(3))
    findings = near(table([one, one, one, two], [two, three, two, two]))
    assert findings["row"].to_list() == [2]
    assert findings["reason"].item() == "scan and photo are nearly the images of row 0 (0 of 256 bits differ)"


def test_blank_missing_and_broken_images_are_not_judged() -> None:
    white, black = (image(np.full((9, 9), shade, dtype=np.uint8)) for shade in (255, 0))
    assert near(table([white, black, white, None, None, b"none", b"none"])).is_empty()


@pytest.mark.parametrize("rows", [table([]), table([as_bytes(drawn(0))])], ids=len)
def test_one_row_or_none_is_near_nothing(rows: pl.DataFrame) -> None:
    assert near(rows).schema == pl.Schema(SCHEMA)
    assert near(rows).is_empty()
    assert near_images(lambda: iter([]), ["scan"], DEFAULT).is_empty()


PICTURES = table([as_bytes(CHANGES["compressed"](drawn(seed % 4))) for seed in range(10)]).filter(pl.col("_row") != 2)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(places=st.lists(st.integers(0, 9), max_size=4))
def test_parts_cut_anywhere_lead_to_the_same_rows(places: list[int]) -> None:
    findings = near_images(lambda: iter(cut(PICTURES, places)), ["scan"], DEFAULT)
    assert findings.equals(near(PICTURES))
    assert findings["row"].to_list() == [4, 5, 7, 8, 9]


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table([as_bytes(drawn(seed % 30)) for seed in range(60)])
    findings = []
    for num_threads in (1, 4):
        monkeypatch.setattr(pixels, "_num_threads", lambda _, num_threads=num_threads: num_threads)
        findings.append(near(rows))
    assert findings[0].equals(findings[1])
    assert findings[0].height == 30


def test_different_digits_are_not_near_one_another() -> None:
    content = gzip.decompress(shared("mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    digits = np.frombuffer(content, dtype=np.uint8, offset=16).reshape(-1, 28, 28)[:4_000]
    scans = [image(digit) for digit in digits]
    again = [as_bytes(Image.fromarray(digit).resize((56, 56), Image.Resampling.BICUBIC)) for digit in digits[:200]]
    assert near(table([*scans, *again]))["row"].to_list() == list(range(4_000, 4_200))


def test_different_hands_are_not_near_one_another_and_copies_of_them_are() -> None:
    files = sorted(path for path in shared("sign-digits").glob("*/*") if path.stat().st_size < 100_000)[::4]
    photos = [path.read_bytes() for path in files]
    copies = [as_bytes(pixels.decode(photo).image.resize((80, 80)), "JPEG", quality=70) for photo in photos[:60]]  # type: ignore[union-attr]
    findings = near(table([*photos, *copies]))
    assert findings["row"].to_list() == list(range(len(photos), len(photos) + len(copies)))
