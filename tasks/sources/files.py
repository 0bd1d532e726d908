"""Which files are meant by a path, a glob or a folder, and the digest of their content."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import MissingSourceError, UserError


@contextmanager
def read_errors(shown: str) -> Iterator[None]:
    """Says a file that cannot be read as a UserError."""
    try:
        yield
    # Files are listed first and read later: in between somebody may take one away.
    except FileNotFoundError:
        raise UserError(f"{shown}: the file went away while it was read; run again") from None
    except PermissionError as error:
        raise UserError(
            f"{shown}: cannot be read ({error.strerror or error}); give yourself the right to read it"
        ) from None
    except OSError as error:
        raise UserError(
            f"{shown}: cannot be read ({error.strerror or error}); check the disk, or copy the file anew"
        ) from error


def find_files(root: Path, location: str) -> list[Path]:
    """The files of a file's path, a glob or a folder, sorted by name. Raises UserError when there are none.

    In a folder, names that begin with `.` or `_` are left out, as Spark and others mark what is no data.
    """
    place = root / Path(location).expanduser()
    with read_errors(location):
        if place.is_dir():
            files = [file for file in place.iterdir() if file.is_file() and not file.name.startswith((".", "_"))]
            return _some(
                sorted(files), f"{location}: the folder holds no files; put the data there, or correct the path"
            )
        # Before it is taken for a pattern: the name of a file may hold brackets.
        if place.exists():
            return [_regular(place, location)]
    # A plain path that is not there gets a message of its own: it matches no pattern, and means none.
    if not glob.has_magic(location):
        raise MissingSourceError(
            f"{location}: there is no such file or folder; correct ingest.source, or put the data there"
        )
    matches = [Path(match) for match in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207 (absolute globs)
    files = [match for match in matches if match.is_file()]
    return _some(files, f"{location}: no file matches; correct the pattern in ingest.source, or put the data there")


def fixed_part(root: Path, location: str) -> Path:
    """The file or folder that is named; of a glob, the folder that all its matches lie in."""
    place = root / Path(location).expanduser()
    # A file that is added later to a folder of the glob changes the folder, which is what is watched.
    while glob.has_magic(str(place)) and not place.exists():
        place = place.parent
    return place


def shown_path(root: Path, file: Path) -> str:
    """The file as messages name it: below the project's root where it lies there."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else os.fspath(file)


def digest_files(groups: Mapping[str, Iterable[Path]]) -> str:
    """Over the content alone of a single file; else over groups, names relative to their folder, and contents."""
    listed = [(group, file) for group, files in groups.items() for file in files]
    # A file that is only renamed or moved is the same source.
    if len(listed) == 1:
        return _digest(listed[0][1])
    content = hashlib.sha256()
    for group, files in groups.items():
        paths = list(files)
        # Below their common folder, so that a project may be moved.
        folder = os.path.commonpath([path.parent for path in paths])
        for path in paths:
            content.update(f"{group}\0{path.relative_to(folder).as_posix()}\0{_digest(path)}\n".encode())
    return content.hexdigest()


def _digest(file: Path) -> str:
    with read_errors(str(file)), file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _regular(place: Path, location: str) -> Path:
    if not place.is_file():
        raise UserError(f"{location}: neither a file nor a folder; give the path of a file, a glob or a folder")
    return place


def _some(files: list[Path], message: str) -> list[Path]:
    if not files:
        raise MissingSourceError(message)
    return files
