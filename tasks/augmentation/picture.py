"""Training rows before and after, as one PNG: pictures in rows, texts side by side, values in a table."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFont import FreeTypeFont

_TILE = 96
"""Pixels on a side of one image in the picture: small scans stay readable, large photographs shrink."""
_SOUND_WIDTH = 192
"""Pixels along time: a spectrogram is wider than high."""
_GAP, _LABEL, _LINE = 6, 18, 16
_TEXT_WIDTH = 380
_MOST_TEXT_LINES = 6
"""Of one text: what comes after is left out."""
_CELL, _NAME = 96, 150
_MOST_VALUES = 8
_FONT_SIZE = 12
_INK, _FAINT, _CHANGED = "#222222", "#777777", "#b3401f"

_HEAT = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
"""From silent to loud, in even steps: the magma map of matplotlib, at 0, 0.25, 0.5, 0.75 and 1."""


@dataclass(frozen=True)
class Pictures:
    """A column of images or sounds: both [N, C, H, W] uint8, the same ones before and after."""

    column: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    is_sound: bool = False


@dataclass(frozen=True)
class Texts:
    """A column of texts, before and after."""

    column: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class ValueTable:
    """Columns of numbers and categories: name, values before, values after."""

    columns: tuple[tuple[str, Sequence[str], Sequence[str]], ...]


Section = Pictures | Texts | ValueTable


def sheet(sections: Sequence[Section]) -> bytes:
    """The sections one under the other, as PNG."""
    from PIL import Image

    drawn = [_section(section) for section in sections]
    width, height = max(part.width for part in drawn), sum(part.height for part in drawn)
    whole = Image.new("RGB", (width, height), "white")
    top = 0
    for part in drawn:
        whole.paste(part, (0, top))
        top += part.height
    return _png(whole)


def caption_only(text: str) -> bytes:
    """A picture that says why there is none."""
    whole, draw = _canvas(480, 60)
    draw.text((16, 22), text, fill=_INK, font=_font())
    return _png(whole)


def _section(section: Section) -> Picture:
    match section:
        case Pictures():
            return _pictures(section)
        case Texts():
            return _texts(section)
        case ValueTable():
            return _table(section)


def _pictures(section: Pictures) -> Picture:
    """Two labelled rows, the same pictures above and below."""
    tile_width = _SOUND_WIDTH if section.is_sound else _TILE
    whole, draw = _canvas(_GAP + len(section.before) * (tile_width + _GAP), 2 * (_LABEL + _TILE + _GAP) + _GAP)
    for row, (label, pictures) in enumerate((("before", section.before), ("after", section.after))):
        top = _GAP + row * (_LABEL + _TILE + _GAP)
        draw.text(
            (_GAP, top), _clipped(f"{section.column}, {label}", whole.width - 2 * _GAP), fill=_FAINT, font=_font()
        )
        for number, pixels in enumerate(pictures):
            tile = _sound_tile(pixels) if section.is_sound else _tile(pixels)
            whole.paste(tile, (_GAP + number * (tile_width + _GAP), top + _LABEL))
    return whole


def _texts(section: Texts) -> Picture:
    """Two columns, a text and what became of it side by side; a word that the other has not is coloured."""
    pairs = [(_wrapped(before), _wrapped(after)) for before, after in zip(section.before, section.after, strict=True)]
    heights = [max(len(before), len(after)) * _LINE + _GAP for before, after in pairs]
    whole, draw = _canvas(3 * _GAP + 2 * _TEXT_WIDTH, _GAP + _LABEL + sum(heights) + _GAP)
    lefts = (_GAP, 2 * _GAP + _TEXT_WIDTH)
    for left, label in zip(lefts, ("before", "after"), strict=True):
        draw.text((left, _GAP), _clipped(f"{section.column}, {label}", _TEXT_WIDTH), fill=_FAINT, font=_font())
    top = _GAP + _LABEL
    for texts, height in zip(pairs, heights, strict=True):
        for left, lines in zip(lefts, texts, strict=True):
            other = texts[lefts[0] == left]
            _write(draw, (left, top), lines, known={word for line in other for word in line.split()})
        top += height
    return whole


def _write(draw: Any, place: tuple[int, int], lines: Sequence[str], known: Set[str]) -> None:
    """The lines of one text; a word that is not among the `known` ones is coloured."""
    for number, line in enumerate(lines):
        start = ""
        for word in line.split(" "):
            left = place[0] + _font().getlength(start)
            colour = _INK if word in known else _CHANGED
            draw.text((left, place[1] + number * _LINE), word, fill=colour, font=_font())
            start += f"{word} "


def _table(section: ValueTable) -> Picture:
    """A line for each column with its first values, and one below with what became of them."""
    count = min(_MOST_VALUES, max(len(before) for _, before, _ in section.columns))
    whole, draw = _canvas(2 * _GAP + _NAME + count * _CELL, 2 * _GAP + len(section.columns) * (2 * _LINE + _GAP))
    for number, (name, before, after) in enumerate(section.columns):
        top = _GAP + number * (2 * _LINE + _GAP)
        draw.text((_GAP, top), _clipped(name, _NAME - _GAP), fill=_INK, font=_font())
        draw.text((_GAP, top + _LINE), "after", fill=_FAINT, font=_font())
        for place, (old, new) in enumerate(zip(before[:count], after[:count], strict=True)):
            left = _GAP + _NAME + place * _CELL
            draw.text((left, top), _clipped(old, _CELL - _GAP), fill=_INK, font=_font())
            colour = _FAINT if old == new else _CHANGED
            draw.text((left, top + _LINE), _clipped(new, _CELL - _GAP), fill=colour, font=_font())
    return whole


def _tile(pixels: NDArray[np.uint8]) -> Picture:
    """[C, H, W] as a square."""
    from PIL import Image
    from PIL.Image import Resampling

    pixels = pixels.transpose(1, 2, 0)
    tile = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    # Small scans keep their pixels sharp, as blurred ones could not be read.
    enlarged = max(tile.size) < _TILE
    return tile.resize((_TILE, _TILE), Resampling.NEAREST if enlarged else Resampling.BILINEAR)


def _sound_tile(pixels: NDArray[np.uint8]) -> Picture:
    """[1, n_mels, frames] in colours, with the low pitches at the bottom."""
    from PIL import Image
    from PIL.Image import Resampling

    steps = np.linspace(0, 255, len(_HEAT))
    colours = np.stack([np.interp(np.arange(256), steps, channel) for channel in zip(*_HEAT, strict=True)], axis=1)
    tile = Image.fromarray(colours.astype(np.uint8)[pixels[0, ::-1]])
    return tile.resize((_SOUND_WIDTH, _TILE), Resampling.BILINEAR)


def _wrapped(text: str) -> list[str]:
    """The text in lines that fit, the last one with dots where more came."""
    lines = list(_lines(" ".join(text.split())))
    if len(lines) <= _MOST_TEXT_LINES:
        return lines or [""]
    return [*lines[: _MOST_TEXT_LINES - 1], _clipped(f"{lines[_MOST_TEXT_LINES - 1]} ...", _TEXT_WIDTH)]


def _lines(text: str) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and _font().getlength(longer) > _TEXT_WIDTH:
            yield line
            longer = word
        line = _clipped(longer, _TEXT_WIDTH)
    if line:
        yield line


def _clipped(text: str, width: int) -> str:
    """As much of the text as fits, with dots where some does not."""
    if _font().getlength(text) <= width:
        return text
    while text and _font().getlength(f"{text}...") > width:
        # A twentieth at a time: a long text, letter by letter, would be measured thousands of times.
        text = text[: -max(1, len(text) // 20)]
    return f"{text}..."


# Asked for with every word, and read from its file once.
@lru_cache(maxsize=1)
def _font() -> FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: it has more letters than Pillow's own."""
    import matplotlib as mpl
    from PIL import ImageFont

    file = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    # Signs one after the other: Raqm, which joins and reorders them, is not everywhere, and fails on some mixed texts.
    return ImageFont.truetype(file, _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)


def _canvas(width: int, height: int) -> tuple[Picture, Any]:
    from PIL import Image, ImageDraw

    whole = Image.new("RGB", (width, height), "white")
    return whole, ImageDraw.Draw(whole)


def _png(whole: Picture) -> bytes:
    content = io.BytesIO()
    whole.save(content, format="PNG")
    return content.getvalue()
