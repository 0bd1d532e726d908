"""The pictures and sounds that benchmarks/quality_media.py judges by: how each set is read and split.

Where the publisher says which files are test files, these are; else five folds, drawn once and the same for everyone.
Recordings are also tested on one speaker after the other, of whom nothing was learnt.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FOLDS = 5
_SPOKEN_TEST = range(5)
"""Of each digit and speaker the recordings that the publisher tests on."""

Files = list[tuple[str, str, bytes]]
"""Label, name and content of each."""


@dataclass(frozen=True, kw_only=True)
class MediaSet:
    """One set; `read` makes of its folder each fold's training files and test files."""

    name: str
    folder: str
    split: str
    read: Callable[[Path], Iterator[tuple[Files, Files]]]


def _recordings(folder: Path) -> Files:
    """Named DIGIT_SPEAKER_NUMBER.wav."""
    with zipfile.ZipFile(folder / "recordings.zip") as packed:
        names = sorted(name for name in packed.namelist() if name.endswith(".wav"))
        return [(Path(name).name[0], Path(name).name, packed.read(name)) for name in names]


def _spoken(folder: Path) -> Iterator[tuple[Files, Files]]:
    def is_test(name: str) -> bool:
        return int(Path(name).stem.split("_")[2]) in _SPOKEN_TEST

    files = _recordings(folder)
    yield [file for file in files if not is_test(file[1])], [file for file in files if is_test(file[1])]


def _spoken_by_speaker(folder: Path) -> Iterator[tuple[Files, Files]]:
    files = _recordings(folder)
    speakers = [name.split("_")[1] for _, name, _ in files]
    for speaker in sorted(set(speakers)):
        sides: tuple[Files, Files] = [], []
        for file, own in zip(files, speakers, strict=True):
            sides[own == speaker].append(file)
        yield sides


def _sign_digits(folder: Path) -> Iterator[tuple[Files, Files]]:
    from sklearn.model_selection import StratifiedKFold

    files = [(file.parent.name, file.name, file.read_bytes()) for file in sorted(folder.glob("*/*.[jJ][pP][gG]"))]
    labels = [label for label, _, _ in files]
    for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(np.zeros(len(files)), labels):
        yield [files[number] for number in train], [files[number] for number in test]


def _mnist(folder: Path) -> Iterator[tuple[Files, Files]]:
    yield _pictures_of(folder, "train"), _pictures_of(folder, "t10k")


def _pictures_of(folder: Path, part: str) -> Files:
    """As PNG files, which keep every byte; behind headers of 16 and 8 bytes."""
    images = _bytes_of(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = _bytes_of(folder / f"{part}-labels-idx1-ubyte.gz", 8)
    pairs = zip(images, labels, strict=True)
    return [(str(label), f"{number:05}.png", _png(image)) for number, (image, label) in enumerate(pairs)]


def _bytes_of(file: Path, header: int) -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)


def _png(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


SETS: dict[str, MediaSet] = {
    media.name: media
    for media in (
        MediaSet(name="spoken-digits", folder="spoken-digits", split="official", read=_spoken),
        MediaSet(name="spoken-speakers", folder="spoken-digits", split="each speaker", read=_spoken_by_speaker),
        MediaSet(name="sign-digits", folder="sign-digits", split="5 folds", read=_sign_digits),
        MediaSet(name="mnist", folder="mnist", split="official", read=_mnist),
    )
}
