"""Images or recordings in a folder or an archive, labelled by subfolder, by name, or in a CSV file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import FolderSource
from tasks.sources.base import SPLIT, Place, Source, Stretch
from tasks.sources.files import find_files, fixed_part
from tasks.sources.kept_rows import KeptRows
from tasks.sources.known_files import KnownFiles
from tasks.sources.labels import FILE, LABEL, FileLabels, folder_labels, pattern_labels, table_labels
from tasks.sources.packed import Entry, digest_entries, plain_entry
from tasks.sources.tree import files_by_split, in_batches
from tasks.tables.kept_parts import KeptParts
from tasks.tables.name_cuts import BYTES_PER_PART, cut_by_names

if TYPE_CHECKING:
    import polars as pl

Content = Literal["image", "audio"]
FileContent = tuple[Entry, bytes]

_CONTENTS: dict[str, Content] = {
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".gif": "image",
    ".bmp": "image",
    ".webp": "image",
    ".tif": "image",
    ".tiff": "image",
    ".wav": "audio",
    ".flac": "audio",
    ".ogg": "audio",
    ".oga": "audio",
    ".opus": "audio",
    ".mp3": "audio",
}
# Thumbnails are small: 32 MiB of them would be a hundred thousand Python objects at once.
_MAX_FILES = 1024
_LABELS = "labels"
_LARGEST = 1 << 30
"""A recording of hours; the whole of a file is one cell."""


class Folder(Source):
    """Each file is a row: its path below the folder, its bytes as they are, and what is known of it.

    A file that labels or the pattern say nothing of has nulls there, so that `clean` takes it out with the reason.
    """

    kind = "folder"
    digests_its_rows = True

    def __init__(self, config: FolderSource, place: Place) -> None:
        self._config = config
        self._root = place.root
        self._known = KnownFiles(place.known_files, place.look)
        self.kept_parts = KeptParts(place.known_files)
        self.location = config.path
        self._last_digest: tuple[int, str | None] = (0, None)

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        # What a file of labels or a pattern says may be numbers or dates: that is inferred.
        known: dict[str, ColumnTypeName] = {self._content: self._content}
        if not (self._config.labels or self._config.pattern):
            known[LABEL] = "category"
        return known | ({SPLIT: "category"} if self.split_column else {})

    @property
    def split_column(self) -> str | None:
        return SPLIT if self._config.test_path or self._config.validation_path else None

    @property
    def id_columns(self) -> tuple[str, ...]:
        return (FILE,)

    @property
    def missing(self) -> tuple[str, ...]:
        return ("",) if self._config.labels else ()

    def parts(self) -> Iterator[pl.DataFrame]:
        for split, files in self._groups.items():
            yield from self._rows(split, files)

    def stretches(self, rows_per_part: int) -> list[Stretch]:
        # What is packed is read as a whole, and how large it is, is not known before.
        if any(entry.file is None for entry in self._all_files()):
            return []
        stretches = []
        for split, files in self._groups.items():
            first, sized = 0, ((entry.name, self._known.size(entry)) for entry in files)
            for count in cut_by_names(sized, rows_per_part, BYTES_PER_PART):
                own = files[first : first + count]
                parts, digest = partial(self._rows, split, own), partial(self._known_digest, split, own)
                stretches.append(Stretch(self, num_rows=count, parts=parts, known_digest=digest))
                first += count
        return stretches

    def _rows(self, split: str, files: list[Entry]) -> Iterator[pl.DataFrame]:
        import polars as pl

        schema = {FILE: pl.String, self._content: pl.Binary} | dict.fromkeys(self._labels.columns, pl.String)
        for batch in in_batches(self._contents(split, files), _num_bytes, _MAX_FILES):
            labels = [self._labels.of(entry) for entry, _ in batch]
            columns = [
                [entry.name for entry, _ in batch],
                [content for _, content in batch],
                *zip(*labels, strict=True),
            ]
            frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
            yield frame.with_columns(pl.lit(split).alias(SPLIT)) if self.split_column else frame

    def _known_digest(self, split: str, files: list[Entry]) -> str | None:
        """SHA-256 of all that the rows of these files are, when none of them need be opened for it."""
        known, content = self._known.known(split), hashlib.sha256(f"{split}\0".encode())
        for entry in files:
            if entry.name not in known:
                return None
            content.update(f"{entry.name}\0{known[entry.name]}\0{self._labels.of(entry)}\n".encode())
        return content.hexdigest()

    def digest(self) -> str:
        # Another label is another content, though no picture changed.
        groups = self._groups | ({_LABELS: [self._table]} if self._table else {})
        num_read, digest = self._last_digest
        # Asked before the rows, and again behind them.
        if digest is None or num_read != self._known.num_read:
            digest = digest_entries(groups, self._known.digest)
            self._last_digest = self._known.num_read, digest
            self._known.keep()
        return digest

    def watched(self) -> list[Path]:
        config = self._config
        given = (config.path, config.validation_path, config.test_path, config.labels)
        return [fixed_part(self._root, location) for location in given if location]

    @cached_property
    def _groups(self) -> dict[str, list[Entry]]:
        """The files of each split, without the CSV file of labels when it lies among them."""
        config = self._config
        groups = files_by_split(self._root, config)
        kept = {split: [entry for entry in files if not self._is_table(entry)] for split, files in groups.items()}
        if not all(kept.values()):
            raise UserError(f"{self.location}: holds nothing but the labels; put the files there, or correct the path")
        self._known.look_at(kept)
        return kept

    def _is_table(self, entry: Entry) -> bool:
        table = self._table.plain if self._table else None
        # By name first: samefile asks the disk.
        return bool(table and entry.plain and entry.plain.name == table.name and entry.plain.samefile(table))

    @cached_property
    def _table(self) -> Entry | None:
        if not self._config.labels:
            return None
        # A glob of labels means the first match; none at all has been refused by then.
        [file] = find_files(self._root, self._config.labels)[:1]
        return plain_entry(file, self._config.labels, file.name)

    @cached_property
    def _content(self) -> Content:
        """What the files hold, by their names. Raises UserError when they are of both kinds, or of another."""
        chosen = self._config.content
        first_of: dict[Content, Entry] = {}
        for entry in self._all_files():
            first_of.setdefault(_content_of(entry, None if chosen == "auto" else chosen), entry)
        if len(first_of) > 1:
            raise UserError(
                f"{self.location}: both images ({first_of['image'].name}) and audio ({first_of['audio'].name}); "
                "put them into folders of their own, or give a glob that takes one kind, such as folder/**/*.png"
            )
        return next(iter(first_of))

    @cached_property
    def _labels(self) -> FileLabels:
        labels = self._labels_of_files()
        taken = {FILE, self._content, self.split_column} & set(labels.columns)
        if taken:
            raise UserError(
                f"{self.location}: {taken.pop()} is the name of a column that is there already; "
                "rename it in ingest.source.labels or ingest.source.pattern"
            )
        return labels

    def _labels_of_files(self) -> FileLabels:
        files = self._all_files()
        if self._config.pattern:
            return pattern_labels(files, self._config.pattern, self.location)
        if not self._table:
            return folder_labels(files, self.location)
        names = {entry.name for entry in files}
        # Paths start below each folder, so train/1.png and test/1.png are both 1.png.
        if len(names) < len(files):
            raise UserError(
                f"{self._table.shown}: a file of one name is in two of path, validation_path and test_path, so "
                "that a row could mean either; rename one of them"
            )
        # Before it is read: what is written to it from now on looks new to the next run.
        self._known.digest(_LABELS, self._table)
        return table_labels(self._table, names)

    def _all_files(self) -> list[Entry]:
        return [entry for files in self._groups.values() for entry in files]

    def _contents(self, split: str, files: list[Entry]) -> Iterator[FileContent]:
        # The rows of a split alone: a file of one name may be in each.
        only = (self.split_column, split) if self.split_column else None
        folder = self.kept_parts.folder if self._known.known(split) else None
        return self._known.contents(split, files, _read, KeptRows(folder, self._content, only))


def _content_of(entry: Entry, chosen: Content | None) -> Content:
    """By the suffix; what is wanted when there is none."""
    suffix = _suffix(entry.name)
    # Some sets are published without suffixes: then the user's word is all there is.
    content = chosen if chosen and not suffix else _CONTENTS.get(suffix)
    if content is None or (chosen and content != chosen):
        raise UserError(
            f"{entry.shown}: no {chosen or 'image and no audio'} file, by its name; remove it, begin its name with _, "
            "or give a glob that leaves it out, such as folder/**/*.png"
        )
    return content


def _suffix(name: str) -> str:
    """As PurePath has it, in small letters; a PurePath takes ten times as long, and there may be a million names."""
    stem, point, suffix = name.rpartition("/")[2].rpartition(".")
    return f".{suffix.lower()}" if stem and point and suffix else ""


def _read(entry: Entry) -> bytes:
    content = entry.read(_LARGEST)
    if len(content) > _LARGEST:
        raise UserError(f"{entry.shown}: larger than {_LARGEST >> 20:,} MiB, and a row holds a whole file; cut it up")
    return content


def _num_bytes(read: FileContent) -> int:
    return len(read[1])
