"""The files below a folder, of a glob or in an archive, by their paths there; and rows from them in batches."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tasks.errors import UserError
from tasks.params.sources import FolderSource, TextSource
from tasks.sources.files import find_files, fixed_part, read_errors
from tasks.sources.packed import Entry, entries, is_packed, plain_entry

Item = TypeVar("Item")

_MAX_ITEMS = 16_384
_MAX_BYTES = 32 << 20


def files_below(root: Path, location: str, max_unpacked_mib: int | None = None) -> list[Entry]:
    """All visible files, sorted by their paths below the folder, the glob's fixed part, or the archive.

    Folders that all files of an archive lie in are left out of their paths: packing adds them. A .gz file stands for
    what it holds. Raises UserError when there is none, two have one name, or they cannot be read.
    """
    place = root / Path(location).expanduser()
    with read_errors(location):
        if place.is_dir():
            listed = _opened(_walk(place, (place.resolve(),)), place, root, max_unpacked_mib)
        elif glob.has_magic(location) and not place.exists():
            listed = _opened(find_files(root, location), fixed_part(root, location), root, max_unpacked_mib)
        else:
            [file] = find_files(root, location)
            listed = entries(file, location, max_unpacked_mib)
            listed = _without_wrapper(listed) if is_packed(file) else listed
    # A folder of hidden files alone.
    if not listed:
        raise UserError(f"{location}: the folder holds no files; put the data there, or correct the path")
    return _each_once(sorted(listed, key=lambda entry: entry.name))


def files_by_split(root: Path, config: FolderSource | TextSource) -> dict[str, list[Entry]]:
    """The files of train, and those of validation and test when they come by themselves.

    Raises UserError for a file in two of them.
    """
    given = {"train": config.path, "validation": config.validation_path, "test": config.test_path}
    groups = {
        split: files_below(root, location, config.max_unpacked_mib) for split, location in given.items() if location
    }
    # By where links lead: a file may go by two names.
    known: dict[Path, str] = {}
    for split, files in groups.items():
        setting = "path" if split == "train" else f"{split}_path"
        for entry in files:
            place = entry.plain.resolve() if entry.plain else None
            other = known.setdefault(place, setting) if place else setting
            if other != setting:
                raise UserError(
                    f"{entry.shown}: lies in {other} and in {setting}, so that it would be learnt from and judged by; "
                    "give folders of which neither holds the other"
                )
    return groups


def top_folder(entry: Entry) -> str | None:
    """The first folder of the file's path; None for a file that lies in none."""
    folder, slash, _ = entry.name.partition("/")
    return folder if slash else None


def in_batches(
    items: Iterable[Item], num_bytes: Callable[[Item], int], max_items: int = _MAX_ITEMS
) -> Iterator[list[Item]]:
    """Lists of at most so many items; a new one begins when 32 MiB are reached."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += num_bytes(item)
        if size >= _MAX_BYTES or len(batch) == max_items:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _walk(folder: Path, ancestors: tuple[Path, ...]) -> Iterator[Path]:
    """Links to folders are followed, and refused where they lead in a circle."""
    for path in folder.iterdir():
        # As in `find_files`: what begins so is no data.
        if path.name.startswith((".", "_")):
            continue
        if path.is_file():
            yield path
            continue
        if not path.is_dir():
            raise UserError(f"{path}: neither a file nor a folder, or a link that leads nowhere; remove it")
        target = path.resolve()
        # A folder that is linked twice is read twice; only a circle would never end.
        if target in ancestors:
            raise UserError(f"{path}: this link leads back to a folder it lies in; remove it")
        yield from _walk(path, (*ancestors, target))


def _opened(files: Iterable[Path], base: Path, root: Path, max_unpacked_mib: int | None) -> list[Entry]:
    """The files by their paths below `base`, without those that are hidden there."""
    listed: list[Entry] = []
    for file in files:
        name = PurePosixPath(_readable(file.relative_to(base)))
        shown = _readable(file.relative_to(root) if file.is_relative_to(root) else file)
        if any(part.startswith((".", "_")) for part in name.parts):
            continue
        # A .gz stands for one file; other archives are files that the source refuses.
        if file.suffix.lower() != ".gz":
            listed.append(plain_entry(file, shown, name.as_posix()))
            continue
        # a/b.txt.gz holds a/b.txt: labels and patterns go by that.
        held = entries(file, shown, max_unpacked_mib)
        listed += [replace(entry, name=(name.parent / entry.name).as_posix()) for entry in held]
    return listed


def _readable(path: Path) -> str:
    """As text that every file can hold: a byte that is no UTF-8 becomes a replacement sign."""
    return os.fsencode(path.as_posix()).decode(errors="replace")


def _without_wrapper(listed: list[Entry]) -> list[Entry]:
    parents = [PurePosixPath(entry.name).parent.as_posix() for entry in listed]
    # A zip of one folder has its name before every path, which would be the only class.
    wrapper = os.path.commonpath(parents)
    return [replace(entry, name=entry.name.removeprefix(f"{wrapper}/")) for entry in listed]


def _each_once(listed: list[Entry]) -> list[Entry]:
    # Sorted by name by now, so equal ones stand side by side: b.txt and b.txt.gz.
    for first, second in itertools.pairwise(listed):
        if first.name == second.name:
            raise UserError(f"{first.shown} and {second.shown} are both called {first.name}; rename one of them")
    return listed
