"""What may befall raw values: as strong as it says, the same every time, and a stronger one of the same kind."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.audio import disturbances as of_sounds
from tasks.columns.audio.sound import decode
from tasks.columns.disturbance import MISSING, TYPOS, RawColumn
from tasks.columns.image import disturbances as of_images
from tasks.columns.image.column import ImageEncoding
from tasks.columns.number.disturbances import NOISE
from tasks.columns.typos import with_typo
from tests.small_tables import image
from tests.sounds import tone

GREY = ImageEncoding(height=32, width=48, channels=1, factor=(1.0,), offset=(0.0,))


def column(values: pl.Series, std: float = 1.0, encoding: Any = None) -> RawColumn:
    return RawColumn(values=values, encoding=encoding, std=std, random=np.random.default_rng(5))


def named(kinds: tuple[Any, ...], name: str) -> Any:
    return next(kind for kind in kinds if kind.name == name)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content))).astype(np.float64)


def test_every_type_names_what_may_befall_it_with_growing_words() -> None:
    for name in TYPE_NAMES:
        kinds = column_type(name).disturbances
        assert len({kind.name for kind in kinds}) == len(kinds) > 0
        # A picture or sound that is missing is no row to be answered: it is refused.
        assert (MISSING in kinds) != column_type(name).is_media
        for kind in kinds:
            assert len({kind.sentence(strength) for strength in kind.strengths}) == 3
    assert MISSING.sentence(0.05) == "5 % of cells missing"
    assert NOISE.sentence(0.25) == "numbers with noise of 0.25 standard deviations"


@pytest.mark.parametrize("values", [[1.5] * 200, ["a"] * 200, [True] * 200])
def test_so_many_cells_go_missing_and_the_same_ones_of_a_larger_share(values: list[Any]) -> None:
    series = pl.Series("x", values)
    few, more, all_of_them = (MISSING.change(column(series), share) for share in (0.05, 0.2, 1.0))
    assert (few.null_count(), more.null_count(), all_of_them.null_count()) == (10, 40, 200)
    assert more.filter(few.is_null()).null_count() == 10
    assert few.dtype == series.dtype


def test_noise_has_the_deviation_that_it_says() -> None:
    values = pl.Series("x", [None, *np.linspace(-3, 3, 20_000)])
    noisy = NOISE.change(column(values, std=4.0), 0.25)
    assert noisy[0] is None
    off = (noisy - values).drop_nulls().to_numpy()
    assert off.std() == pytest.approx(1.0, rel=0.02)
    assert off.mean() == pytest.approx(0, abs=0.03)
    # Twice the strength is twice the same noise.
    assert (NOISE.change(column(values, std=4.0), 0.5) - values).drop_nulls().to_numpy() == pytest.approx(2 * off)


def test_a_typo_is_one_slip_of_a_key() -> None:
    kinds = set()
    for seed in range(200):
        text = with_typo("carbon", np.random.default_rng(seed))
        assert text != "carbon"
        kinds.add(len(text) - 6 if len(text) != 6 else "swapped" if sorted(text) == sorted("carbon") else "beside")
    assert kinds == {-1, 1, "swapped", "beside"}
    for text in ("a", "aa", " ", "ß", "東京"):
        for seed in range(20):
            assert with_typo(text, np.random.default_rng(seed)) != text


def test_so_many_cells_get_one_typo_and_missing_ones_stay() -> None:
    values = pl.Series("x", ["Ulm", "Bonn", None, ""] * 100)
    mistyped = TYPOS.change(column(values), 0.1)
    changed = mistyped.ne_missing(values)
    # Of 40 drawn cells those that hold a letter.
    assert 10 < changed.sum() <= 40
    assert set(values.filter(changed)) == {"Ulm", "Bonn"}
    stronger = TYPOS.change(column(values), 0.2)
    assert stronger.filter(changed).to_list() == mistyped.filter(changed).to_list()
    with_text = pl.Series("x", ["Ulm", "Bonn"] * 100)
    assert TYPOS.change(column(with_text), 0.1).ne_missing(with_text).sum() == 20


def test_images_are_disturbed_as_strongly_as_it_says() -> None:
    flat = pl.Series("x", [image(np.full((32, 48), 128, dtype=np.uint8))] * 6)

    def disturbed(name: str, strength: float, values: pl.Series = flat) -> list[np.ndarray]:
        kind = named(of_images.DISTURBANCES, name)
        return [pixels(content) for content in kind.change(column(values, encoding=GREY), strength)]

    noise = np.stack(disturbed("image_noise", 0.1)) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    assert {float(picture.mean()) for picture in disturbed("light", 0.2)} == {128 - 51.0, 128 + 51.0}
    random = np.random.default_rng(0)
    drawn = random.integers(0, 256, (32, 48)).astype(np.uint8)
    textured = pl.Series("x", [image(drawn)])
    (blurred,) = disturbed("blur", 0.05, textured)
    assert blurred == pytest.approx(gaussian_filter(drawn.astype(np.float64), 1.6, mode="nearest"), abs=0.5)
    square = GREY.model_copy(update={"height": 32, "width": 32})
    kind = named(of_images.DISTURBANCES, "turn")
    corner = np.zeros((32, 32), dtype=np.uint8)
    corner[2:10, 3:9] = 200
    (turned,) = kind.change(column(pl.Series("x", [image(corner)]), encoding=square), 90.0)
    assert any(np.array_equal(pixels(turned), np.rot90(corner, times)) for times in (1, 3))


def test_photographs_are_brought_to_the_size_that_the_model_reads_first() -> None:
    random = np.random.default_rng(1)
    large = image(random.integers(0, 256, (320, 480, 3)).astype(np.uint8), "JPEG")
    colour = GREY.model_copy(update={"channels": 3})
    kind = named(of_images.DISTURBANCES, "light")
    (changed,) = kind.change(column(pl.Series("x", [large]), encoding=colour), 0.0)
    of_type = column_type("image")
    blocks = [of_type.transform(pl.Series("x", [content]), colour) for content in (large, changed)]
    assert np.array_equal(*blocks)


def test_noise_in_sounds_is_so_many_decibels_below_them() -> None:
    values = pl.Series("x", [tone(440, seconds=1.0, loudness=0.3)])
    before = decode(values[0])
    kind = named(of_sounds.DISTURBANCES, "sound_noise")
    after = decode(kind.change(column(values), 20.0)[0])
    noise = after.samples - before.samples
    assert after.rate == before.rate
    assert 10 * np.log10(np.mean(before.samples**2) / np.mean(noise**2)) == pytest.approx(20, abs=0.3)


def test_sounds_recorded_too_loud_are_cut_off_at_full_scale() -> None:
    values = pl.Series("x", [tone(440, loudness=0.3)])
    before = decode(values[0]).samples
    kind = named(of_sounds.DISTURBANCES, "gain")
    assert decode(kind.change(column(values), 6.0)[0]).samples == pytest.approx(before * 10**0.3, rel=1e-5)
    loud = decode(kind.change(column(values), 20.0)[0]).samples
    assert np.abs(loud).max() == 1
    assert loud == pytest.approx(np.clip(before * 10, -1, 1), abs=1e-5)
