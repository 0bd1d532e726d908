"""How a text file's bytes become lines: encoding and line ends, found out from the whole file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UserError

_CHUNK = 1 << 20
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")
"""How gzip, zip (and so xlsx), bzip2, xz, zstd and 7z files begin."""
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 stands first: its little-endian mark begins as that of UTF-16."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text file and how to read it; `shown` is its path as messages name it."""

    file: Path
    shown: str
    encoding: str
    newline: str
    has_quotes: bool

    def lines(self) -> Iterator[str]:
        """Physical lines with their ends."""
        with self.file.open(encoding=self.encoding, newline=self.newline) as handle:
            yield from handle


def open_text(file: Path, shown: str, given: str | None = None) -> Text:
    """The encoding given, else by the byte order mark, else UTF-8, else Windows-1252; the whole file is decoded.

    Raises UserError when the bytes do not fit, or are no text at all.
    """
    failure = ""
    with file.open("rb") as handle:
        head = handle.read(4)
    if head.startswith(_ARCHIVES):
        raise UserError(
            f"{shown}: a packed file (an archive, or a spreadsheet); unpack it, or save it as CSV or Parquet"
        )
    for encoding in _encodings(head, given):
        try:
            return _survey(file, shown, encoding)
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


def without_end(line: str) -> str:
    """The line without its line break."""
    return line.removesuffix("\n").removesuffix("\r")


def _encodings(head: bytes, given: str | None) -> tuple[str, ...]:
    if given:
        return ("utf-8-sig" if given.lower().replace("_", "-") in ("utf-8", "utf8") else given,)
    marked = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)
    return (marked,) if marked else ("utf-8", "cp1252")


def _survey(file: Path, shown: str, encoding: str) -> Text:
    """Decodes the whole file, a chunk at a time. Raises UnicodeError where it is not in that encoding."""
    has_quotes = has_newline = has_return = False
    with file.open(encoding=encoding, newline="") as handle:
        while chunk := handle.read(_CHUNK):
            if "\0" in chunk:
                raise UserError(
                    f"{shown}: holds NUL bytes, so it is no text in {encoding}; unpack it if it is an archive, "
                    "or give ingest.source.format or ingest.source.encoding"
                )
            has_quotes = has_quotes or '"' in chunk
            has_newline = has_newline or "\n" in chunk
            has_return = has_return or "\r" in chunk
    newline = "\r" if has_return and not has_newline else "\n"
    return Text(file=file, shown=shown, encoding=encoding, newline=newline, has_quotes=has_quotes)
