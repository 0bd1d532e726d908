"""The files below a folder, of a glob or in an archive, by their paths there; and rows from them in batches."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tasks.errors import UserError
from tasks.params.sources import FolderSource, TextSource
from tasks.sources.files import find_files, fixed_part, read_errors
from tasks.sources.packed import Entry, entries, is_packed

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
            listed = _opened(_walk(slashed(place), "", (place.resolve(),)), root, max_unpacked_mib)
        elif glob.has_magic(location) and not place.exists():
            matches = _named(find_files(root, location), fixed_part(root, location))
            listed = _opened(matches, root, max_unpacked_mib)
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
    # Next to always there is one alone, and nothing to ask the disk.
    if len(groups) > 1:
        _check_apart(groups)
    return groups


def _check_apart(groups: Mapping[str, list[Entry]]) -> None:
    # By where links lead: a file may go by two names.
    known: dict[str, str] = {}
    for split, files in groups.items():
        setting = "path" if split == "train" else f"{split}_path"
        for entry, place in _with_places(files):
            other = known.setdefault(place, setting)
            if other != setting:
                raise UserError(
                    f"{entry.shown}: lies in {other} and in {setting}, so that it would be learnt from and judged by; "
                    "give folders of which neither holds the other"
                )


def _with_places(files: list[Entry]) -> Iterator[tuple[Entry, str]]:
    """The files that are not packed, each with the place that links lead to."""
    resolved = cache(Path.resolve)
    for entry in files:
        if path := entry.plain:
            # The folder is the same for thousands of files, and resolving asks the disk about each part of a path.
            yield entry, str(path.resolve() if path.is_symlink() else resolved(path.parent) / path.name)


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


def slashed(folder: Path) -> str:
    """What the paths of the files in the folder begin with."""
    text = folder.as_posix()
    return "" if text == "." else text if text.endswith("/") else f"{text}/"


def _walk(base: str, below: str, ancestors: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """Files, each with its path below `base`; links to folders are followed, and refused where they lead in a circle.

    In text, as a Path for each of a million files takes ten times as long as to list them.
    """
    with os.scandir(f"{base}{below}" or ".") as listing:
        # As in `find_files`: what begins so is no data.
        children = [child for child in listing if not child.name.startswith((".", "_"))]
    for child in children:
        name = f"{below}{child.name}"
        path = Path(f"{base}{name}") if child.is_symlink() or not child.is_file() else None
        if path is None or path.is_file():
            yield f"{base}{name}", name
            continue
        if not path.is_dir():
            raise UserError(f"{path}: neither a file nor a folder, or a link that leads nowhere; remove it")
        target = path.resolve()
        # A folder that is linked twice is read twice; only a circle would never end.
        if target in ancestors:
            raise UserError(f"{path}: this link leads back to a folder it lies in; remove it")
        yield from _walk(base, f"{name}/", (*ancestors, target))


def _named(files: Iterable[Path], base: Path) -> Iterator[tuple[str, str]]:
    """Files, each with its path below `base`, without those that are hidden there."""
    for file in files:
        name = file.relative_to(base)
        if not any(part.startswith((".", "_")) for part in name.parts):
            yield file.as_posix(), name.as_posix()


def _opened(files: Iterable[tuple[str, str]], root: Path, max_unpacked_mib: int | None) -> list[Entry]:
    """Files with their paths below the folder, as entries; a .gz file as what it holds."""
    listed: list[Entry] = []
    above = slashed(root)
    for file, below in files:
        name, shown = below, file.removeprefix(above)
        # Asked of each of a million files: most names are plain.
        if not file.isascii():
            name, shown = _readable(name), _readable(shown)
        # A .gz stands for one file; other archives are files that the source refuses.
        if not file.lower().endswith(".gz"):
            listed.append(Entry(shown=shown, name=name, file=file))
            continue
        # a/b.txt.gz holds a/b.txt: labels and patterns go by that.
        held = entries(Path(file), shown, max_unpacked_mib)
        listed += [replace(entry, name=(PurePosixPath(name).parent / entry.name).as_posix()) for entry in held]
    return listed


def _readable(path: str) -> str:
    """As text that every file can hold: a byte that is no UTF-8 becomes a replacement sign."""
    return os.fsencode(path).decode(errors="replace")


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
