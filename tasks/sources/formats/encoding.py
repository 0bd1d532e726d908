"""How a text file's bytes become text: encoding and line ends, found out from the whole file."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.errors import UserError
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

    def lines(self) -> Iterator[str]:
        """Physical lines with their ends."""
        with self.entry.open() as content, io.TextIOWrapper(content, self.encoding, newline=self.newline) as handle:
            yield from handle

    def blocks(self) -> Iterator[bytes]:
        """The text as UTF-8 in blocks cut anywhere; a lone carriage return that ends lines is a line feed here."""
        with self.entry.open() as content:
            for block in self._decoded(content):
                yield block.replace(b"\r", b"\n") if self.newline == "\r" else block

    def _decoded(self, content: io.BufferedIOBase) -> Iterator[bytes]:
        if self.encoding in ("utf-8", "utf-8-sig"):
            first = content.read(_BLOCK)
            yield first.removeprefix(codecs.BOM_UTF8) if self.encoding == "utf-8-sig" else first
            while block := content.read(_BLOCK):
                yield block
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        while block := content.read(_BLOCK):
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()


def open_text(entry: Entry, given: str | None = None) -> Text:
    """The encoding given, else by the byte order mark, else UTF-8, else Windows-1252; the whole file is decoded.

    Raises UserError when the bytes do not fit, or are no text at all.
    """
    shown, failure = entry.shown, ""
    with entry.open() as handle:
        head = handle.read(4096)
    if head.startswith(_ARCHIVES):
        raise UserError(
            f"{shown}: a packed file (an archive, or a spreadsheet); unpack it, or save it as CSV or Parquet"
        )
    for encoding in _encodings(head, given):
        try:
            return _survey(entry, encoding)
        except LookupError:
            raise UserError(
                f"{shown}: ingest.source.encoding {given} is unknown; write utf-8, utf-16 or cp1252"
            ) from None
        except UnicodeError as error:
            failure = str(error)
    if given:
        raise UserError(
            f"{shown}: not {given}: {failure}; correct ingest.source.encoding, or leave it out to have it found out"
        )
    raise UserError(f"{shown}: neither UTF-8 nor Windows-1252 text; give its encoding as ingest.source.encoding")


def decode(content: bytes, shown: str, given: str | None = None) -> str:
    """A small document's bytes as text, by the same rules. Raises UserError when they do not fit."""
    for encoding in _encodings(content[:4096], given):
        try:
            text = content.decode(encoding)
        except LookupError:
            raise UserError(
                f"{shown}: ingest.source.encoding {given} is unknown; write utf-8, utf-16 or cp1252"
            ) from None
        except UnicodeError:
            continue
        if "\0" in text:
            raise UserError(f"{shown}: holds NUL bytes, so it is no text in {encoding}; take the file out, or mend it")
        return text
    said = f"not {given}" if given else "neither UTF-8 nor Windows-1252 text"
    raise UserError(f"{shown}: {said}; give its encoding as ingest.source.encoding")


def without_end(line: str) -> str:
    """The line without its line break."""
    return line.removesuffix("\n").removesuffix("\r")


def _encodings(head: bytes, given: str | None) -> tuple[str, ...]:
    if given:
        return ("utf-8-sig" if given.lower().replace("_", "-") in ("utf-8", "utf8") else given,)
    marked = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)
    if marked or (marked := _unmarked_utf_16(head)):
        return (marked,)
    return ("utf-8", "cp1252")


def _unmarked_utf_16(head: bytes) -> str | None:
    """UTF-16 by its NULs, when no mark says so: they stand in every second place, after or before each letter."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > _MOSTLY * len(head) / 2 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > _MOSTLY * len(head) / 2 and not odd else None


def _survey(entry: Entry, encoding: str) -> Text:
    """Decodes the whole file, a chunk at a time. Raises UnicodeError where it is not in that encoding."""
    is_ascii_based = encoding in ("utf-8", "utf-8-sig", "cp1252")
    decoder = codecs.getincrementaldecoder(encoding)()
    has_quotes = has_newline = has_return = pending = False
    with entry.open() as handle:
        while chunk := handle.read(_CHUNK):
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
    decoder.decode(b"", final=True)
    line_end = "\r" if has_return and not has_newline else "\n"
    return Text(entry=entry, shown=entry.shown, encoding=encoding, newline=line_end, has_quotes=has_quotes)
