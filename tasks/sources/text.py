"""Documents: a file each or a line each, labelled by the folder or the file that they stand in."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import TextSource
from tasks.sources.base import SPLIT, Place, Source
from tasks.sources.files import fixed_part, read_errors
from tasks.sources.formats.encoding import decode, needs_guess, open_text, without_end
from tasks.sources.formats.legacy_encodings import MOST_SAMPLED, Guess, guess, sample_of
from tasks.sources.labels import FILE, LABEL
from tasks.sources.packed import Entry, digest_entries
from tasks.sources.tree import files_by_split, in_batches, top_folder

if TYPE_CHECKING:
    import polars as pl

Document = Literal["file", "line"]
LabelledBy = Literal["folder", "stem", "suffix", "none"]

# A document of 256 MiB is a file of lines that was taken for one text.
_LARGEST = 1 << 28


class Documents(Source):
    """Each file, or each line that is not blank, is a row; its text is kept as it is, but for a line's end."""

    kind = "text"

    def __init__(self, config: TextSource, place: Place) -> None:
        self._config = config
        self._root = place.root
        self.location = config.path

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        known: dict[str, ColumnTypeName] = {"text": "text"}
        if self._labelled_by != "none":
            known[LABEL] = "category"
        return known | ({SPLIT: "category"} if self.split_column else {})

    @property
    def split_column(self) -> str | None:
        return SPLIT if self._config.test_path or self._config.validation_path else None

    @property
    def id_columns(self) -> tuple[str, ...]:
        return (FILE,) if self._document == "file" else ()

    def parts(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        columns = [*self.id_columns, "text", *([] if self._labelled_by == "none" else [LABEL])]
        schema = dict.fromkeys(columns, pl.String)
        for split, files in self._groups.items():
            rows = (row for entry in files for row in self._rows(entry))
            for batch in in_batches(rows, _num_chars):
                frame = pl.DataFrame(batch, schema=schema, orient="row")
                yield frame.with_columns(pl.lit(split).alias(SPLIT)) if self.split_column else frame

    def digest(self) -> str:
        return digest_entries(self._groups)

    def watched(self) -> list[Path]:
        given = (self._config.path, self._config.validation_path, self._config.test_path)
        return [fixed_part(self._root, location) for location in given if location]

    @cached_property
    def _groups(self) -> dict[str, list[Entry]]:
        return files_by_split(self._root, self._config)

    @cached_property
    def _in_folders(self) -> bool:
        """Whether subfolders hold all files. Raises UserError when they hold some, and nobody said what is meant."""
        files = self._groups["train"]
        num_inside = sum(top_folder(entry) is not None for entry in files)
        # A wrong guess here would make a class of a folder, or a text of a list.
        if 0 < num_inside < len(files) and "auto" in (self._config.document, self._config.label):
            raise UserError(
                f"{self.location}: {num_inside:,} of {len(files):,} files lie in subfolders, the others do not; "
                "give ingest.source.document and ingest.source.label"
            )
        return num_inside == len(files)

    @cached_property
    def _document(self) -> Document:
        if self._config.document != "auto":
            return self._config.document
        return "file" if self._in_folders else "line"

    @cached_property
    def _labelled_by(self) -> LabelledBy:
        setting, files = self._config.label, self._groups["train"]
        if setting == "none" or setting == "folder":
            return setting
        # One file of lines has no other to be told from, so its name is no label.
        if setting == "auto" and (self._in_folders or self._document == "file" or len(files) == 1):
            return "folder" if self._in_folders else "none"
        if self._document == "file":
            raise UserError(
                f"{self.location}: ingest.source.label: file makes each document a class of its own; "
                "set it to folder, or ingest.source.document to line"
            )
        return "suffix" if _only_suffixes_differ(files) else "stem"

    def _rows(self, entry: Entry) -> Iterator[tuple[str, ...]]:
        label = self._label(entry)
        with read_errors(entry.shown):
            if self._document == "file":
                yield entry.name, self._whole(entry), *label
                return
            for line in open_text(entry, self._config.encoding).lines():
                # Blank lines stand between documents, and are none.
                if line.strip():
                    yield without_end(line), *label

    def _whole(self, entry: Entry) -> str:
        with entry.open() as handle:
            content = handle.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UserError(
                f"{entry.shown}: larger than {_LARGEST >> 20} MiB, and a row holds a whole file; "
                "set ingest.source.document to line, or cut it up"
            )
        return decode(content, entry.shown, self._config.encoding, lambda: self._likely)

    def doubts(self) -> list[str]:
        if self._config.encoding:
            return []
        likely = self._likely if self._document == "file" else self._first_of_lines
        return [f"{self.location}: where it is not UTF-8: {likely.doubt}"] if likely and likely.doubt else []

    @property
    def _first_of_lines(self) -> Guess | None:
        """What the first file is guessed to be, when it is no UTF-8."""
        first = self._groups["train"][0]
        with read_errors(first.shown):
            return open_text(first).guess

    @cached_property
    def _likely(self) -> Guess | None:
        """The likeliest encoding of the documents that are no UTF-8, of all together: one may hold a word or two."""
        sample = b""
        # Until there is enough: one document may have a single letter beyond ASCII.
        for entry in (entry for files in self._groups.values() for entry in files):
            with read_errors(entry.shown), entry.open() as handle:
                content = handle.read(_LARGEST)
            if needs_guess(content):
                sample += sample_of(io.BytesIO(content)) + b"\n"
            if len(sample) > MOST_SAMPLED:
                break
        return guess(sample) if sample else None

    def _label(self, entry: Entry) -> tuple[str, ...]:
        match self._labelled_by:
            case "none":
                return ()
            case "stem":
                return (PurePosixPath(entry.name).stem,)
            case "suffix":
                return (PurePosixPath(entry.name).suffix[1:],)
            case "folder":
                return (self._folder_of(entry),)

    def _folder_of(self, entry: Entry) -> str:
        folder = top_folder(entry)
        if folder is None:
            raise UserError(
                f"{entry.shown}: lies in no subfolder that would name its class; put it into one, "
                "or begin its name with _ to leave it out"
            )
        return folder


def _only_suffixes_differ(files: list[Entry]) -> bool:
    """As in rt-polarity.pos and rt-polarity.neg."""
    paths = [PurePosixPath(entry.name) for entry in files]
    # Then the stem says the same of every file.
    return len({path.stem for path in paths}) == 1 and len({path.suffix for path in paths}) > 1


def _num_chars(row: tuple[str, ...]) -> int:
    return sum(map(len, row))
