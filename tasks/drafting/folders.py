"""What lies in a folder or a packed file: tables that are one, those with test rows, classes in the names of files."""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from tasks.errors import UserError

_SUFFIXES = """
    .arrow .csv .data .feather .gz .ipc .json .jsonl .ndjson .parquet .pq .tab .tar .tgz .tsv .xls .xlsx .zip
    """
_TABLE_SUFFIXES = frozenset(_SUFFIXES.split())
# Enough lines to judge by, and one read of the disk.
_HEAD = 1 << 16
_SEPARATORS = "\t;|,"
# Titles, empty lines and a footnote stand in tables as well.
_ALIKE = 0.9
_TRAIN_NAME = re.compile(r"(^|[_\-.])(train|training|data)($|[_\-.])", re.IGNORECASE)

IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"))
MEDIA_SUFFIXES = IMAGE_SUFFIXES | {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"}
IDX_NAME = re.compile(r".*(images|labels)[-.]idx[1-4]-ubyte(\.gz)?")
# A million of pictures need not be listed to know that they are pictures.
_MOST_NAMES = 20_000
_ANY_SIZE = 1 << 40
"""MiB; no file is as large."""
_SIGN = re.compile(r"[_\-]")


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The files of a folder, those that are tables, and whether these have the same columns."""

    files: tuple[Path, ...]
    tables: tuple[Path, ...]
    is_one: bool


def tables_in(folder: Path) -> Tables:
    """Looks into each file of the folder. With files named as tables there, no others are taken for tables."""
    files = tuple(sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith((".", "_"))))
    # `.data` is what UCI calls its tables, and others anything: such files are looked into.
    named = [file for file in files if file.suffix.lower() in _TABLE_SUFFIXES - {".data"}]
    tables = tuple(named or [file for file in files if not is_prose(file)])
    heads = [columns_of(table) for table in tables]
    return Tables(files=files, tables=tables, is_one=len(set(heads)) <= 1 and None not in heads)


def test_beside(file: Path) -> Path | None:
    """A file beside it that by its name holds the test rows, and has the same columns: a.data and a.test."""
    for match in _TRAIN_NAME.finditer(file.name):
        # File systems tell small letters from capital ones, and nobody else does.
        for word in ("test", "TEST", "Test"):
            other = file.with_name(f"{file.name[: match.start(2)]}{word}{file.name[match.end(2) :]}")
            if other != file and other.is_file() and _alike(columns_of(file), columns_of(other)):
                return other
    return None


def columns_of(file: Path) -> tuple[str, ...] | None:
    """The columns of a table; None when it cannot be read as one."""
    from tasks.params.sources import TableSource
    from tasks.sources import source
    from tasks.sources.base import Place

    place = Place(root=file.parent, downloads=file.parent)
    try:
        part = next(iter(source(TableSource(kind="table", path=str(file.absolute())), place).parts()), None)
    except UserError:
        return None
    return None if part is None else tuple(part.columns)


def is_prose(file: Path) -> bool:
    """Whether the file is text whose lines fall into no columns."""
    if file.suffix.lower() in _TABLE_SUFFIXES:
        return False
    with file.open("rb") as handle:
        head = handle.read(_HEAD)
    text = _decoded(head)
    # JSON: rows, though they have no columns to count.
    if text is None or text.lstrip().startswith(("{", "[")):
        return False
    # A head that was cut ends in half a line.
    lines = [line for line in text.splitlines()[: -1 if len(head) == _HEAD else None] if line.strip()]
    return len(lines) > 1 and not any(_in_columns(lines, mark) for mark in (*_SEPARATORS, None))


def _decoded(head: bytes) -> str | None:
    """The text; None for bytes that are none, as of Parquet or a packed file."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="replace")
    return None if b"\0" in head or head.startswith(b"\x1f\x8b") else head.decode("utf-8", errors="replace")


def _in_columns(lines: list[str], separator: str | None) -> bool:
    """Whether next to all lines have the same number of cells: two, or three where blanks part them."""
    counts = Counter(len(line.split(separator)) for line in lines)
    width, num_lines = counts.most_common(1)[0]
    # Two words on each line are a sentence as often as a row.
    return width >= (2 if separator else 3) and num_lines >= _ALIKE * len(lines)


def _alike(first: tuple[str, ...] | None, second: tuple[str, ...] | None) -> bool:
    return first is not None and first == second


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
    def firsts(self) -> frozenset[str]:
        """The first folder of each path, in small letters, below the folder that an archive was made of."""
        folders = [PurePosixPath(name).parent.parts for name in self.inner]
        # A level at a time, while all files lie in one folder.
        while folders and all(folders) and len({parts[0] for parts in folders}) == 1:
            folders = [parts[1:] for parts in folders]
        return frozenset(parts[0].lower() if parts else "" for parts in folders)

    @property
    def is_in_folders(self) -> bool:
        """Whether all files lie in subfolders."""
        return bool(self.inner) and not self.top

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

    # A .gz holds one file, which is read as if it lay there itself.
    if not is_packed(place) or (place.suffix.lower() == ".gz" and ".tar" not in place.suffixes):
        return Names(inner=())
    # The names of a zip are read without unpacking it: how much of it may come is for the source to say.
    most = _ANY_SIZE if zipfile.is_zipfile(place) else None
    return Names(inner=tuple(entry.name for entry in entries(place, os.fspath(place), most)[:_MOST_NAMES]))


def suffix_of(name: str) -> str:
    """The suffix in small letters."""
    return PurePosixPath(name).suffix.lower()


def pattern_of(names: tuple[str, ...]) -> str | None:
    """A regular expression that cuts each name into parts at `_` or `-`; None when they are not alike."""
    stems = [PurePosixPath(name).stem for name in names]
    signs = Counter(tuple(_SIGN.findall(stem)) for stem in stems)
    # Names cut otherwise than all others would have no label.
    if len(signs) != 1 or not min(signs):
        return None
    marks = min(signs)
    parts = [f"(?P<part_{number}>[^_/-]+)" for number in range(1, len(marks) + 2)]
    between = [*marks, ""]
    return "".join(part + mark for part, mark in zip(parts, between, strict=True)) + r"\.\w+$"


def _below(folder: Path) -> list[str]:
    names: list[str] = []
    for path, folders, files in os.walk(folder):
        # In place: so os.walk leaves the others out, and goes in one order on every disk.
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        names += [
            (Path(path) / name).relative_to(folder).as_posix() for name in files if not name.startswith((".", "_"))
        ]
        if len(names) > _MOST_NAMES:
            break
    return names
