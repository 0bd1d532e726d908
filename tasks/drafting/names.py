"""What the names of files say, in a folder or a packed file: classes, labels, parts of a name."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"))
MEDIA_SUFFIXES = IMAGE_SUFFIXES | {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"}
IDX_NAME = re.compile(r".*(images|labels)[-.]idx[1-4]-ubyte(\.gz)?")
_MOST_NAMES = 20_000
_SIGN = re.compile(r"[_\-]")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Paths below a folder, or inside a packed file; hidden ones are left out. `top`: those in no subfolder."""

    inner: tuple[str, ...]

    @property
    def top(self) -> tuple[str, ...]:
        return tuple(name for name in self.inner if "/" not in name)

    @property
    def media(self) -> tuple[str, ...]:
        """Images and recordings."""
        return tuple(name for name in self.inner if suffix_of(name) in MEDIA_SUFFIXES)

    @property
    def num_classes(self) -> int:
        """Subfolders that hold images or recordings, if all of these lie in one."""
        firsts = [PurePosixPath(name).parts for name in self.media]
        return len({parts[0] for parts in firsts}) if all(len(parts) > 1 for parts in firsts) else 0

    @property
    def labels(self) -> str | None:
        """The CSV file among them, when there is one."""
        tables = [name for name in self.inner if suffix_of(name) == ".csv"]
        return tables[0] if len(tables) == 1 else None


def names_in(place: Path) -> Names:
    """The first names of a folder, or of a packed file; none for another file."""
    if place.is_dir():
        return Names(inner=tuple(sorted(islice(_below(place), _MOST_NAMES))))
    from tasks.sources.packed import entries, is_packed

    if not is_packed(place) or (place.suffix.lower() == ".gz" and ".tar" not in place.suffixes):
        return Names(inner=())
    return Names(inner=tuple(entry.name for entry in entries(place, os.fspath(place))[:_MOST_NAMES]))


def suffix_of(name: str) -> str:
    """The suffix in small letters."""
    return PurePosixPath(name).suffix.lower()


def pattern_of(names: tuple[str, ...]) -> str | None:
    """A regular expression that cuts each name into parts at `_` or `-`; None when they are not alike."""
    stems = [PurePosixPath(name).stem for name in names]
    signs = Counter(tuple(_SIGN.findall(stem)) for stem in stems)
    if len(signs) != 1 or not min(signs):
        return None
    marks = min(signs)
    parts = [f"(?P<part_{number}>[^_/-]+)" for number in range(1, len(marks) + 2)]
    between = [*marks, ""]
    return "".join(part + mark for part, mark in zip(parts, between, strict=True)) + r"\.\w+$"


def _below(folder: Path) -> list[str]:
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        found += [
            (Path(path) / name).relative_to(folder).as_posix() for name in files if not name.startswith((".", "_"))
        ]
        if len(found) > _MOST_NAMES:
            break
    return found
