"""Broken IDX files, pictures, sounds, documents and tables of labels."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.bad_input.outcomes import Broken, Quarantined, Refused, Write
from tests.small_tables import image
from tests.sounds import packed

PICTURES = [image([[shade, 255], [7, 9]]) for shade in range(3)]
_RAMP = np.arange(400, dtype=np.int16) * 50
_WAVES = [[row * column % 256 for column in range(64)] for row in range(64)]
PHOTO, JPEG = image(_WAVES), image(_WAVES, "JPEG")
ANEW = "copy or download it anew"


def idx(sizes: tuple[int, ...], content: bytes, kind: int = 8) -> bytes:
    """An IDX file whose header says so, whatever its content."""
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, kind, len(sizes), *sizes) + content


def idx_pair(images: bytes = idx((2, 2, 2), bytes(8)), labels: bytes = idx((2,), b"\0\1")) -> Write:
    """A source of these two files; those that are not given are whole."""

    def write(folder: Path) -> Mapping[str, Any]:
        (folder / "images").write_bytes(images)
        (folder / "labels").write_bytes(labels)
        return {"kind": "idx", "images": "images", "labels": "labels"}

    return write


def tree(files: Mapping[str, bytes], **more: Any) -> Write:
    """A source of a folder with these files."""

    def write(folder: Path) -> Mapping[str, Any]:
        for name, content in files.items():
            (folder / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "set" / name).write_bytes(content)
        return {"kind": "folder", "path": "set", **more}

    return write


def sound(num_samples: int = 400, rate: int = 8_000) -> bytes:
    """A ramp, as WAV bytes of 16 bits."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{num_samples}h", *(sample * 50 for sample in range(num_samples))))
    return content.getvalue()


def huge_png(side: int = 65_000) -> bytes:
    """A few bytes that say that they are a picture of four thousand million pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def among_pictures(broken: bytes, name: str = "broken.png") -> Write:
    """A source of three whole pictures in two classes, and this one."""
    whole = {f"{'ab'[number % 2]}/{number}.png": content for number, content in enumerate(PICTURES)}
    return tree({**whole, f"a/{name}": broken})


def among_sounds(broken: bytes) -> Write:
    """A source of three whole sounds in two classes, and this one."""
    whole = {f"{'ab'[number % 2]}/{number}.wav": sound(400 + number) for number in range(3)}
    return tree({**whole, "a/broken.wav": broken})


def labelled(table: bytes) -> Write:
    """A source of two pictures with this table of labels."""
    files = {"1.png": PICTURES[0], "2.png": PICTURES[1], "labels.csv": table}
    return tree(files, labels="set/labels.csv")


def documents(files: Mapping[str, bytes]) -> Write:
    """A source of documents in folders."""

    def write(folder: Path) -> Mapping[str, Any]:
        return {**tree(files)(folder), "kind": "text"}

    return write


def _picture(broken: bytes, name: str = "broken.png") -> Broken:
    reason = f"image cannot be decoded as an image ({len(broken)} bytes)"
    return Broken(among_pictures(broken, name), Quarantined("unusable_image", reason), "label")


def _sound(broken: bytes, reason: str | None = None) -> Broken:
    reason = reason or f"audio cannot be decoded as audio ({len(broken)} bytes)"
    return Broken(among_sounds(broken), Quarantined("unusable_audio", reason), "label")


def _idx(write: Write, where: str, what: str, cure: str = ANEW) -> Broken:
    return Broken(write, Refused(where, what, cure), "label")


def _labels(table: bytes, where: str, what: str, cure: str) -> Broken:
    return Broken(labelled(table), Refused(where, what, cure), "label")


IDX: dict[str, Broken] = {
    "IDX of fewer images than it says": _idx(idx_pair(idx((2, 2, 2), bytes(7))), "images", "the file ends in number 2"),
    "IDX of more images than it says": _idx(
        idx_pair(idx((2, 2, 2), bytes(9))), "images", "the file goes on after them"
    ),
    "IDX of fewer labels than it says": _idx(idx_pair(labels=idx((2,), b"\0")), "labels", "the file ends in number 2"),
    "IDX of other counts": _idx(
        idx_pair(labels=idx((3,), b"\0\1\0")), "labels", "3 labels for the 2 images", "give the two files that belong"
    ),
    "IDX of a wrong mark": _idx(idx_pair(b"\1\0\x08\3" + bytes(20)), "images", "no IDX file", "as it was published"),
    "IDX of an unknown type": _idx(idx_pair(idx((2, 2, 2), bytes(8), kind=7)), "images", "no IDX file", "as it was"),
    "IDX of too few dimensions": _idx(
        idx_pair(idx((2,), b"\0\1")), "images", "images are unsigned bytes", "give the file of images"
    ),
    "IDX of 255 dimensions": _idx(idx_pair(b"\0\0\x08\xff" + bytes(20)), "images", "its header is cut off"),
    "IDX of sizes below 0": _idx(idx_pair(idx((2, 2**32 - 1, 2**32 - 1), bytes(8))), "images", "cannot be"),
    "IDX of pictures without pixels": _idx(idx_pair(idx((2, 0, 2), b"")), "images", "cannot be"),
    "IDX of 4 thousand million pictures": _idx(
        idx_pair(idx((2**32 - 1, 2, 2), bytes(8)), idx((2**32 - 1,), b"\0\1")), "images", "the file ends in number 3"
    ),
    "IDX of no images": _idx(
        idx_pair(idx((0, 2, 2), b""), idx((0,), b"")), "images", "has no rows", "put the data there"
    ),
    "IDX of no bytes": _idx(idx_pair(b""), "images", "no IDX file", "as it was published"),
    "IDX that is text": _idx(idx_pair(labels=b"0\n1\n"), "labels", "no IDX file", "as it was published"),
}

PICTURE_FILES: dict[str, Broken] = {
    "PNG cut short": _picture(PHOTO[: len(PHOTO) // 2]),
    "JPEG cut short": _picture(JPEG[: len(JPEG) // 2], "broken.jpg"),
    "PNG that is text": _picture(b"no picture"),
    "PNG of no bytes": _picture(b""),
    "PNG of 65,000 by 65,000": _picture(huge_png()),
}

SOUND_FILES: dict[str, Broken] = {
    "WAV with a wrong header": _sound(b"RIFX" + sound()[4:]),
    "WAV with a rate of 0": _sound(sound()[:24] + bytes(4) + sound()[28:]),
    "WAV without samples": _sound(sound(0), "audio holds no samples"),
    "WAV that claims more than there is": _sound(sound()[:-200]),
    "WAV of its header only": _sound(sound()[:44]),
    "WAV that is text": _sound(b"no sound"),
    "WAV of no bytes": _sound(b""),
    "FLAC of its mark only": _sound(b"fLaC"),
    "FLAC cut short": _sound(packed(_RAMP, "FLAC", "PCM_16")[:-20]),
    "OGG cut short": _sound(packed(_RAMP, "OGG", "VORBIS")[:-20]),
    "MP3 of its mark only": _sound(b"ID3\4"),
    "MP3 that goes on as nothing": _sound(b"\xff\xfb" + bytes(100)),
}

LABELS: dict[str, Broken] = {
    "labels of files that are not there": _labels(
        b"file,label\n1.png,a\n3.png,b\n", "set/labels.csv", "names 1 of its files wrongly", "paths start below"
    ),
    "labels of a file twice": _labels(
        b"file,label\n1.png,a\n1.png,b\n", "set/labels.csv:3", "has a row already", "leave one"
    ),
    "labels without a column file": _labels(
        b"name,label\n1.png,a\n", "set/labels.csv", "its columns are", "should be file"
    ),
    "labels that are ragged": _labels(b"file,label\n1.png\n", "set/labels.csv:2", "1 cell,", "mend that line"),
    "labels with an open quote": _labels(
        b'file,label\n"1.png,a\n2.png,b\n', "set/labels.csv", "cannot be read", "mend its quotes"
    ),
    "labels of nothing": _labels(b"", "set/labels.csv", "its columns are missing", "should be file"),
    "labels with NUL bytes": _labels(b"file,label\n1.png,\0\n", "set/labels.csv", "NUL bytes", "mend it"),
    "a file without a label": Broken(
        tree(
            {f"{number}.png": content for number, content in enumerate(PICTURES)}
            | {"broken.png": image([[1, 2]]), "labels.csv": b"file,label\n0.png,a\n1.png,b\n2.png,a\n"},
            labels="set/labels.csv",
        ),
        Quarantined("missing_target", "label is missing"),
        "label",
    ),
    "a text file among pictures": Broken(
        among_pictures(b"notes", "notes.txt"),
        Refused("set/a/notes.txt", "no image and no audio file", "remove it"),
        "label",
    ),
    "a document with NUL bytes": Broken(
        documents({"a/1.txt": b"some words", "b/2.txt": b"some\0words"}),
        Refused("set/b/2.txt", "NUL bytes", "take the file out, or mend it"),
        "label",
    ),
    "a document without words": Broken(
        documents({"a/1.txt": b"one", "a/2.txt": b"two", "b/3.txt": b"three", "a/broken.txt": b""}),
        Quarantined("nothing_present", "text is missing"),
        "label",
    ),
}
