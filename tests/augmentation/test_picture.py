"""The before-and-after sheet holds whatever rows hold."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tasks.augmentation.picture import Pictures, Section, Texts, ValueTable, caption_only, sheet


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_sections_stand_one_under_the_other() -> None:
    parts: list[Section] = [
        Pictures("scan", pictures(3, 3, 8, 9), pictures(3, 3, 8, 9)),
        Pictures("call", pictures(2, 1, 20, 50), pictures(2, 1, 20, 50), is_sound=True),
        Texts("note", ("some words",), ("some other words",)),
        ValueTable((("age", ["1", "2"], ["1.1", "2.1"]), ("colour", ["red", "blue"], ["red", "red"]))),
    ]
    alone = [opened(sheet([part])) for part in parts]
    whole = opened(sheet(parts))
    assert whole.height == sum(part.height for part in alone)
    assert whole.width == max(part.width for part in alone)
    assert sheet(parts) == sheet(parts)


def test_low_pitches_are_at_the_bottom() -> None:
    loud_and_low = np.zeros((1, 1, 10, 10), dtype=np.uint8)
    loud_and_low[0, 0, 0] = 255
    tile = np.asarray(opened(sheet([Pictures("call", loud_and_low, loud_and_low, is_sound=True)])))[24:120, 6:198]
    assert tile[-1].mean() > 200
    assert tile[0].mean() < 10


@pytest.mark.parametrize(
    "text", ["", "x" * 5_000, "word " * 2_000, "Grüße 🎉 漢字\n\t\u0645\u0631\u062d\u0628\u0627", "\x00"]
)
def test_any_text_fits(text: str) -> None:
    whole = opened(sheet([Texts(text or "note", (text, "b"), ("a", text)), ValueTable(((text, [text], [text]),))]))
    assert whole.width == 3 * 6 + 2 * 380
    assert whole.height < 350


def test_a_word_that_is_new_is_coloured() -> None:
    same = np.asarray(opened(sheet([Texts("note", ("a b",), ("a b",))])))
    changed = np.asarray(opened(sheet([Texts("note", ("a b",), ("a c",))])))
    grey = lambda pixels: np.ptp(pixels.astype(int), axis=2).max() < 3  # noqa: E731
    assert grey(same)
    assert not grey(changed)


def test_a_caption_alone() -> None:
    assert opened(caption_only("No column is augmented in this pipeline.")).size == (480, 60)
