"""What table files are written in: by their names, else by how they begin."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from tasks.errors import UserError
from tasks.sources.files import read_errors
from tasks.sources.packed import Entry

FileFormat = Literal["csv", "parquet", "jsonl", "arrow", "excel"]

_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
}

_MARKS: dict[bytes, FileFormat] = {b"PAR1": "parquet", b"ARROW1": "arrow", b"PK": "excel", b"\xd0\xcf\x11\xe0": "excel"}
"""How the files begin: of Excel, new ones as zip, old ones as OLE; other zip files have been unpacked by now."""


def common_format(files: list[Entry], location: str, chosen: FileFormat | None) -> tuple[FileFormat, list[Entry]]:
    """What all files are written in, and those of them to read. Raises UserError when they differ.

    With a format given, files that by their name are of another one are left out.
    """
    if chosen:
        named = [file for file in files if _by_name(file.name) == chosen]
        return chosen, named or files
    kinds: dict[str, Entry] = {}
    for file in files:
        # By names alone: opening a thousand files to see that they are alike takes minutes.
        kinds.setdefault(_by_name(file.name) or f"unknown suffix {_suffix(file.name)!r}", file)
    if len(kinds) > 1:
        examples = ", ".join(f"{kind} ({PurePosixPath(file.name).name})" for kind, file in sorted(kinds.items()))
        raise UserError(
            f"{location}: files of several formats: {examples}; "
            "give a glob that takes one of them, such as folder/*.csv, or ingest.source.format"
        )
    return file_format(files[0]), files


def file_format(file: Entry) -> FileFormat:
    """By the file's name, and when that does not say, by how it begins."""
    known = _by_name(file.name)
    if known:
        return known
    with read_errors(file.shown), file.open() as handle:
        head = handle.read(1024)
    marked = next((kind for mark, kind in _MARKS.items() if head.startswith(mark)), None)
    if marked:
        return marked
    # What begins with a brace could be CSV, too, but hardly anybody writes such a header.
    return "jsonl" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


def _by_name(name: str) -> FileFormat | None:
    return _SUFFIXES.get(_suffix(name))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
