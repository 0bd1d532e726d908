"""How a text file's bytes become text: encoding and line ends, found out from the whole file."""

from __future__ import annotations

import codecs
import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tasks.errors import UserError
from tasks.sources.formats.legacy_encodings import WINDOWS_1252, Guess, guess, is_utf_8, sample_of
from tasks.sources.formats.line_starts import MARK, declared_separator, with_blank_lines, without_marks
from tasks.sources.packed import Entry

_CHUNK = 1 << 20
_BLOCK = 1 << 24
_ARCHIVES = (b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"PK\x03\x04", b"\x1f\x8b")
"""How bzip2, xz, zstd, 7z, zip (and so xlsx) and gzip files begin."""
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 stands first: its little-endian mark begins as that of UTF-16."""
_MOSTLY = 0.4
"""UTF-16 without a mark: in western text, at least so large a share of every second byte is NUL, and no other."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text file and how to read it; `shown` is its path as messages name it."""

    entry: Entry
    shown: str
    encoding: str
    newline: str
    has_quotes: bool
    num_skipped: int = 0
    """Lines at its beginning that are no rows: what the user says, and Excel's `sep=`."""
    separator: str | None = None
    """What `sep=` says."""
    guess: Guess | None = None
    """What speaks for the encoding, when neither the user, nor a mark, nor the bytes' being UTF-8 tells it."""

    def lines(self) -> Iterator[str]:
        """Physical lines with their ends, from the first that may be a row."""
        with self.entry.open() as content, io.TextIOWrapper(content, self.encoding, newline=self.newline) as handle:
            for line in itertools.islice(handle, self.num_skipped, None):
                yield line.lstrip(MARK) if line.startswith(MARK) else line

    def blocks(self) -> Iterator[bytes]:
        """The text as UTF-8 in blocks cut anywhere; a lone carriage return that ends lines is a line feed here."""
        with self.entry.open() as content:
            decoded = self._decoded(content)
            if self.newline == "\r":
                decoded = (block.replace(b"\r", b"\n") for block in decoded)
            yield from with_blank_lines(without_marks(decoded), self.num_skipped)

    def skipping(self, num_lines: int) -> Text:
        """The text without its first lines; a first line that only says the separator is skipped in any case."""
        first = next(replace(self, num_skipped=0).lines(), "")
        separator = declared_separator(first)
        return replace(self, num_skipped=max(num_lines, int(separator is not None)), separator=separator)

    def _decoded(self, content: io.BufferedIOBase) -> Iterator[bytes]:
        # The usual case is passed on as it is: decoding and encoding again would take longer than reading.
        if self.encoding in ("utf-8", "utf-8-sig"):
            first = content.read(_BLOCK)
            yield first.removeprefix(codecs.BOM_UTF8) if self.encoding == "utf-8-sig" else first
            while block := content.read(_BLOCK):
                yield block
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        while block := content.read(_BLOCK):
            yield decoder.decode(block).encode()
        # A letter may be cut by the end of a block; what is left over belongs to the last.
        yield decoder.decode(b"", final=True).encode()


def open_text(entry: Entry, given: str | None = None, like: Guess | None = None) -> Text:
    """The encoding given, else by the byte order mark, else UTF-8, else the likeliest; the whole file is decoded.

    `like` is what a file was guessed to be that belongs with this one, which alone may be too short to tell.
    Raises UserError when the bytes do not fit, or are no text at all.
    """
    with entry.open() as handle:
        head = handle.read(4096)
    # Their bytes would be taken for letters of some old encoding.
    if head.startswith(_ARCHIVES):
        raise UserError(
            f"{entry.shown}: a packed file (an archive, or a spreadsheet); unpack it, or save it as CSV or Parquet"
        )
    with _misfits(entry.shown, given):
        encoding = _encoding(head, given)
        try:
            return _survey(entry, encoding)
        except UnicodeDecodeError:
            # Only where nothing says what the encoding is may it be guessed.
            if given or encoding != "utf-8":
                raise
        with entry.open() as handle:
            likely = guess(sample_of(handle))
        # Files of one table come from one program, so a long one speaks for a short one.
        if like and like.is_sure and not (likely and likely.is_sure):
            likely = like
        return _survey_likely(entry, likely)


def decode(
    content: bytes, shown: str, given: str | None = None, likely: Callable[[], Guess | None] | None = None
) -> str:
    """A small document's bytes as text, by the same rules. Raises UserError when they do not fit.

    `likely` says the likeliest encoding of it and those that belong with it: one alone may be too short to tell.
    """
    with _misfits(shown, given):
        encoding = _encoding(content[:4096], given)
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            if given or encoding != "utf-8":
                raise
            best = likely() if likely else guess(sample_of(io.BytesIO(content)))
            text, encoding = _decoded_likely(content, best)
    # Decoded rightly, no text holds NUL.
    if "\0" in text:
        raise UserError(f"{shown}: holds NUL bytes, so it is no text in {encoding}; take the file out, or mend it")
    return text


def needs_guess(content: bytes) -> bool:
    """Whether nothing in the bytes tells their encoding: no mark, and they are no UTF-8."""
    return _encoding(content[:4096], None) == "utf-8" and not is_utf_8(content)


def without_end(line: str) -> str:
    """The line without its line break."""
    return line.removesuffix("\n").removesuffix("\r")


@contextmanager
def _misfits(shown: str, given: str | None) -> Iterator[None]:
    """Says bytes that do not fit, and encodings that nobody knows, as UserErrors."""
    try:
        yield
    except LookupError:
        raise UserError(f"{shown}: ingest.source.encoding {given} is unknown; write utf-8, utf-16 or cp1252") from None
    except UnicodeError as error:
        if given:
            raise UserError(
                f"{shown}: not {given}: {error}; correct ingest.source.encoding, or leave it out to have it found out"
            ) from None
        raise UserError(
            f"{shown}: neither UTF-8 nor Windows-1252 text, nor any other that is known by its letters; "
            "give its encoding as ingest.source.encoding"
        ) from None


def _encoding(head: bytes, given: str | None) -> str:
    """What is given, or marked; else UTF-8."""
    if given:
        # A byte order mark would become part of the first column's name.
        return "utf-8-sig" if given.lower().replace("_", "-") in ("utf-8", "utf8") else given
    marked = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)
    return marked or _unmarked_utf_16(head) or "utf-8"


def _survey_likely(entry: Entry, likely: Guess | None) -> Text:
    """In the likeliest encoding; in Windows-1252 when bytes beyond the sample do not fit."""
    if likely:
        try:
            return replace(_survey(entry, likely.encoding), guess=likely)
        except UnicodeDecodeError:
            likely = replace(likely, encoding=WINDOWS_1252, is_sure=False)
    return replace(_survey(entry, WINDOWS_1252), guess=likely)


def _decoded_likely(content: bytes, likely: Guess | None) -> tuple[str, str]:
    """The text, and its encoding."""
    if likely:
        try:
            return content.decode(likely.encoding), likely.encoding
        except UnicodeDecodeError:
            pass
    return content.decode(WINDOWS_1252), WINDOWS_1252


def _unmarked_utf_16(head: bytes) -> str | None:
    """UTF-16 by its NULs, when no mark says so: they stand in every second place, after or before each letter."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > _MOSTLY * len(head) / 2 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > _MOSTLY * len(head) / 2 and not odd else None


def _survey(entry: Entry, encoding: str) -> Text:
    """Decodes the whole file, a chunk at a time. Raises UnicodeError where it is not in that encoding."""
    # In the others, a byte below 128 may be half a letter.
    is_ascii_based = encoding in ("utf-8", "utf-8-sig", "cp1252")
    decoder = codecs.getincrementaldecoder(encoding)()
    has_quotes = has_newline = has_return = pending = False
    with entry.open() as handle:
        while chunk := handle.read(_CHUNK):
            # ASCII needs no decoding, and most chunks are nothing else.
            if is_ascii_based and chunk.isascii() and not pending:
                text: bytes | str = chunk
                marks: tuple[bytes | str, ...] = (b"\0", b'"', b"\n", b"\r")
            else:
                text, marks = decoder.decode(chunk), ("\0", '"', "\n", "\r")
                pending = bool(decoder.getstate()[0])
            nul, quote, newline, carriage_return = (mark in text for mark in marks)  # type: ignore[operator]
            if nul:
                raise UserError(
                    f"{entry.shown}: holds NUL bytes, so it is no text in {encoding}; unpack it if it is an archive, "
                    "or give ingest.source.format or ingest.source.encoding"
                )
            has_quotes, has_newline, has_return = (
                has_quotes or quote,
                has_newline or newline,
                has_return or carriage_return,
            )
    # Raises when the file ends in half a letter.
    decoder.decode(b"", final=True)
    line_end = "\r" if has_return and not has_newline else "\n"
    return Text(entry=entry, shown=entry.shown, encoding=encoding, newline=line_end, has_quotes=has_quotes)
