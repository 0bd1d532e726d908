from __future__ import annotations

import io
import random
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.columns.image import pixels
from tasks.columns.image.column import ImageColumn
from tasks.columns.image.pixels import Fit, Frame, read
from tasks.errors import UserError
from tasks.params.clean import CleanImage
from tasks.params.normalize import NormalizeImage
from tests.small_tables import image

BILINEAR = Image.Resampling.BILINEAR


def photograph(width: int, height: int, seed: int = 0, orientation: int = 1) -> bytes:
    """A JPEG of smooth colours with some noise."""
    dice = np.random.default_rng(seed)
    coarse = Image.fromarray(dice.integers(0, 256, (6, 8, 3)).astype(np.uint8)).resize((width, height), BILINEAR)
    noisy = np.asarray(coarse).astype(int) + dice.integers(-8, 9, (height, width, 3))
    exif, content = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(content, format="JPEG", quality=90, exif=exif)
    return content.getvalue()


def plainly(content: bytes, frame: Frame) -> np.ndarray[Any, Any]:
    """The same by Pillow alone, from the whole picture: scaled, then cut or filled up."""
    picture = Image.open(io.BytesIO(content)).convert("L" if frame.channels == 1 else "RGB")
    width, height, fit = frame.width, frame.height, frame.fit
    if fit != "stretch":
        wide = picture.height * frame.width // picture.width
        by_width = (wide >= frame.height) == (fit == "crop")
        high = picture.width * frame.height // picture.height
        width, height = (frame.width, max(wide, 1)) if by_width else (max(high, 1), frame.height)
    scaled = picture.resize((width, height), BILINEAR)
    left, top = round((width - frame.width) / 2), round((height - frame.height) / 2)
    cut = scaled.crop((left, top, left + frame.width, top + frame.height))
    return np.asarray(cut).reshape(frame.height, frame.width, frame.channels).transpose(2, 0, 1)


sides = st.integers(1, 40)
frames = st.builds(Frame, sides, sides, st.sampled_from([1, 3]), st.sampled_from(get_args(Fit)))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(width=sides, height=sides, frame=frames)
def test_every_fit_is_what_scaling_then_cutting_or_filling_gives(width: int, height: int, frame: Frame) -> None:
    content = image(np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8))
    found = read(content, frame)
    assert found is not None
    assert found.shape == (frame.channels, frame.height, frame.width)
    assert np.abs(found.astype(int) - plainly(content, frame)).max() <= 1


def test_crop_keeps_the_middle_and_pad_adds_black() -> None:
    wide = image(np.repeat(np.array([[10, 10, 90, 90, 90, 90, 30, 30]], dtype=np.uint8), 4, axis=0))
    cropped = read(wide, Frame(4, 4, 1, "crop"))
    assert cropped is not None
    assert cropped.tolist() == [[[90] * 4] * 4]
    padded = read(wide, Frame(8, 8, 1, "pad"))
    assert padded is not None
    assert padded[0, :2].max() == padded[0, 6:].max() == 0
    assert padded[0, 2:6].tolist() == [[10, 10, 90, 90, 90, 90, 30, 30]] * 4


@pytest.mark.parametrize("fit", get_args(Fit))
def test_a_line_of_pixels_does_not_become_a_giant(fit: Fit) -> None:
    line = image(np.arange(60_000, dtype=np.uint16).astype(np.uint8)[None])
    found = read(line, Frame(512, 512, 3, fit))
    assert found is not None
    assert found.shape == (3, 512, 512)


@pytest.mark.parametrize("fit", get_args(Fit))
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (501, 375), (333, 700), (97, 95)])
def test_a_photograph_decoded_in_part_is_nearly_the_whole_one(fit: Fit, channels: int, width: int, height: int) -> None:
    content, frame = photograph(width, height), Frame(32, 48, channels, fit)
    found = read(content, frame)
    assert found is not None
    differences = np.abs(found.astype(int) - plainly(content, frame))
    assert differences.max() <= 4
    assert differences.mean() < 0.7


def test_large_photographs_are_decoded_in_part() -> None:
    picture = pixels.decode(photograph(640, 480), enough=64)
    assert picture is not None
    assert (picture.width, picture.height, picture.image.size) == (640, 480, (160, 120))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_upright_when_decoded_in_part_too(orientation: int) -> None:
    content = photograph(320, 200, orientation=orientation)
    picture = pixels.decode(content, enough=40)
    whole = pixels.decode(content)
    assert picture is not None
    assert whole is not None
    upright = (200, 320) if orientation >= 5 else (320, 200)
    assert (picture.width, picture.height) == whole.image.size == upright
    small = picture.image.resize((32, 32), BILINEAR)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(whole.image.resize((32, 32), BILINEAR))).max() <= 4


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "MPO", "AVIF"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_with_exif_data_never_crash(form: str) -> None:
    exif, content, dice = Image.Exif(), io.BytesIO(), random.Random(0)
    exif[0x0112], exif[0x010F] = 6, "camera"
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    try:
        Image.fromarray(colours).save(content, format=form, exif=exif)
    except (KeyError, OSError):
        pytest.skip(f"Pillow was built without {form}")
    unread = 0
    for _ in range(150):
        damaged = bytearray(content.getvalue())
        for _ in range(dice.randrange(1, 6)):
            damaged[dice.randrange(min(len(damaged), dice.choice([64, 300])))] = dice.randrange(256)
        picture = pixels.decode(bytes(damaged), enough=dice.choice([None, 1, 64]))
        unread += picture is None
    assert 0 < unread < 150


def test_threads_change_neither_bytes_nor_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [photograph(90 + number, 80, number) for number in range(50)]
    contents[30] = image(np.full((9, 9), 3, dtype=np.uint8))
    values, column = pl.Series("x", contents), ImageColumn()
    chosen = NormalizeImage(scale="standard", height=20, width=20, fit="crop")
    found = []
    for num_threads in (1, 2, 5):
        monkeypatch.setattr(pixels, "_num_threads", lambda _, num_threads=num_threads: num_threads)
        state = column.fit(values, chosen)
        block = column.transform(values, column.finish(state, chosen))
        found.append((state, block.tobytes(), column.faults(values, CleanImage()).to_list()))
    assert found[0] == found[1] == found[2]


def test_many_photographs_are_shared_among_threads_and_scans_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "num_cores", lambda: 3)
    large, small = photograph(300, 200), image(np.zeros((28, 28), dtype=np.uint8))
    assert pixels._num_threads(pl.Series([large] * 40)) == 3
    assert pixels._num_threads(pl.Series([small] * 40)) == 1
    assert pixels._num_threads(pl.Series([large])) == 1
    assert pixels._num_threads(pl.Series([None] * 40, dtype=pl.Binary)) == 1


def test_a_mistake_in_a_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_num_threads", lambda _: 2)
    values, column = pl.Series("x", [*[image([[0, 9], [1, 2]])] * 40, b"none"]), ImageColumn()
    with pytest.raises(UserError, match="no image"):
        column.transform(values, column.finish(column.fit(values, NormalizeImage()), NormalizeImage()))
