"""What a path or URL on the command line means: which kind of source, and how its files are taken."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from tasks.drafting.folders import (
    IDX_NAME,
    MEDIA_SUFFIXES,
    Names,
    is_prose,
    names_in,
    pattern_of,
    suffix_of,
    tables_in,
    test_beside,
)
from tasks.errors import UserError
from tasks.sources.files import fixed_part

_PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""How folders of parts are called, in small letters."""


@dataclass(frozen=True, kw_only=True)
class Pointed:
    """A source's block, and what in it would read test files that lie beside it: proposed, not assumed."""

    source: dict[str, Any]
    test: dict[str, str] = field(default_factory=dict)
    from_names: bool = False
    """Whether columns are made of the files' names."""


def point(location: str, root: Path, query: str | None = None) -> Pointed:
    """The source that the words mean. Raises UserError when there is nothing, or several things to choose from."""
    # By the scheme: a database's URL and that of a file look alike otherwise.
    if query is not None or re.match(r"(sqlite|postgresql|mysql|mariadb|mssql|oracle|duckdb)(\+\w+)?://", location):
        return _sql(location, query)
    # Case means nothing in a scheme, and fsspec wants it small.
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", location)
    if scheme:
        return Pointed(source=_fetched(location.replace(scheme[1], scheme[1].lower(), 1)))
    place = Path(location).expanduser()
    if place.is_dir():
        return _folder(place, location, root)
    # Before patterns: the name of a file may hold brackets.
    if place.exists():
        # A pipe is waited for without an end, and a device never ends.
        if not place.is_file():
            raise UserError(f"{location}: neither a file nor a folder; give the path of a file, a glob or a folder")
        return _file(place, root)
    # The question mark of an address within an address is no pattern.
    if glob.has_magic(location) and "://" not in location:
        return _glob(location, root)
    # Such as data:,x or zip::https://...: refused by the source, with what it takes and without showing a secret.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", location):
        return Pointed(source=_fetched(location))
    raise UserError(f"{location}: there is no such file or folder; correct the path, or put the data there")


def with_test(pointed: Pointed, test: str, root: Path) -> Pointed:
    """The same source with the test files that the user names."""
    kind = pointed.source["kind"]
    if kind not in ("table", "folder", "text"):
        raise UserError(f"--test: a source of the kind {kind} takes no test file; leave it out")
    if not glob.has_magic(test) and not Path(test).expanduser().exists():
        raise UserError(f"{test}: there is no such file or folder; correct --test")
    return Pointed(source={**pointed.source, "test_path": from_root(test, root)}, from_names=pointed.from_names)


def from_root(location: str | Path, root: Path) -> str:
    """The path as params.yaml has it: from the project's root, wherever the command was given, unless absolute."""
    place = Path(location).expanduser()
    return place.as_posix() if place.is_absolute() else Path(os.path.relpath(place, root)).as_posix()


def _sql(location: str, query: str | None) -> Pointed:
    if "://" not in location:
        raise UserError(f"{location}: --query is for databases, such as sqlite:///shop.db; leave it out for files")
    if query is None:
        # Without the URL: it may hold a password in more than one place.
        raise UserError('the URL of a database wants a query; say which rows with --query "SELECT ... FROM ..."')
    return Pointed(source={"kind": "sql", "url": location, "query": query})


def _file(place: Path, root: Path) -> Pointed:
    path = from_root(place, root)
    if IDX_NAME.fullmatch(place.name):
        return _idx(place.parent, place.name, root)
    names = names_in(place)
    _refuse_parts(names, f"{place}", "unpack it, and give the folder")
    if names.media and not names.num_classes and names.labels:
        raise UserError(
            f"{place}: its labels in {names.labels} are packed with the files; unpack it, and give the folder"
        )
    if names.media:
        return _media(names, path)
    # An archive of documents only: with a table among them, they would be its notes.
    if names.inner and all(name.endswith(".txt") for name in names.inner):
        return Pointed(source={"kind": "text", "path": path})
    if not names.inner and suffix_of(place.name) not in MEDIA_SUFFIXES and is_prose(place):
        return Pointed(source={"kind": "text", "path": path})
    beside = test_beside(place)
    test = {"test_path": from_root(beside, root)} if beside else {}
    return Pointed(source={"kind": "table", "path": path}, test=test)


def _folder(place: Path, location: str, root: Path) -> Pointed:
    path = from_root(place, root)
    names = names_in(place)
    parts = _parts_below(place)
    # Files beside the folders are a data set of their own, unless they are pictures.
    if "train" in parts and len(parts) > 1 and (names.media or not names.top):
        return _of_parts(parts, root)
    # Unpacking leaves a folder that holds nothing but the data's folder.
    inner = [child for child in place.iterdir() if not child.name.startswith((".", "_"))]
    if len(inner) == 1 and inner[0].is_dir() and _parts_below(inner[0]):
        return _folder(inner[0], os.fspath(inner[0]), root)
    idx = sorted(name for name in names.top if IDX_NAME.fullmatch(name))
    if idx:
        return _idx(place, _train_first(idx)[0], root)
    if names.media:
        return _media(names, path)
    if not names.inner:
        raise UserError(f"{location}: the folder holds no files; put the data there, or correct the path")
    if not names.top and all(name.endswith(".txt") for name in names.inner):
        return Pointed(source={"kind": "text", "path": path})
    return _tables(place, location, root)


def _parts_below(place: Path) -> dict[str, Path]:
    """The folders that by their names hold train, validation or test rows."""
    folders = {name.lower(): place / name for name in os.listdir(place) if (place / name).is_dir()}  # noqa: PTH208
    return {
        part: next(folders[name] for name in known if name in folders)
        for part, known in _PARTS.items()
        if any(name in folders for name in known)
    }


def _of_parts(parts: Mapping[str, Path], root: Path) -> Pointed:
    """Parts as the publisher gave them: of classes in folders they are taken, of anything else a test is proposed."""
    train = _folder(parts["train"], os.fspath(parts["train"]), root)
    others = {part: folder for part, folder in parts.items() if part != "train"}
    if train.source["kind"] in ("folder", "text") and not {"labels", "pattern"} & set(train.source):
        # Files without a class, as in a competition's test, are nothing to judge by.
        labelled = {part: folder for part, folder in others.items() if names_in(folder).is_in_folders}
        given = {f"{part}_path": from_root(folder, root) for part, folder in labelled.items()}
        return Pointed(source={**train.source, **given})
    test = {"test_path": from_root(others["test"], root)} if "test" in others else {}
    return Pointed(source=train.source, test=test, from_names=train.from_names)


def _tables(place: Path, location: str, root: Path) -> Pointed:
    """A folder of tables with the same columns, of one table, or of documents."""
    contents = tables_in(place)
    if not contents.tables:
        return Pointed(source={"kind": "text", "path": from_root(place, root)})
    for table in contents.tables:
        # The other of the two is its test: proposed there, and not added to the rows.
        if len(contents.tables) == 2 and test_beside(table):
            return _file(table, root)
    # The folder itself, so that a file that comes later belongs to it.
    if contents.is_one and len(contents.tables) == len(contents.files):
        return Pointed(source={"kind": "table", "path": from_root(place, root)})
    if len(contents.tables) == 1:
        return _file(contents.tables[0], root)
    suffixes = {table.suffix for table in contents.tables}
    if (
        contents.is_one
        and len(suffixes) == 1
        and all(file in contents.tables for file in place.glob(f"*{min(suffixes)}"))
    ):
        return Pointed(source={"kind": "table", "path": f"{from_root(place, root)}/*{min(suffixes)}"})
    commands = "\n".join(f"  modelwright init NAME {os.fspath(table)}" for table in contents.tables)
    raise UserError(f"{location}: holds {len(contents.tables)} tables that are not one; say which:\n{commands}")


def _glob(location: str, root: Path) -> Pointed:
    files = [Path(match) for match in sorted(glob.glob(os.path.expanduser(location), recursive=True))]  # noqa: PTH111, PTH207
    files = [file for file in files if file.is_file()]
    if not files:
        raise UserError(f"{location}: no file matches; correct the pattern, or put the data there")
    if all(suffix_of(file.name) in MEDIA_SUFFIXES for file in files):
        folder = fixed_part(Path(), location)
        names = Names(inner=tuple(file.relative_to(folder).as_posix() for file in files))
        given = "with --test and --set validation_path=GLOB"
        _refuse_parts(names, location, f"give the pattern of the train files alone, and of the others {given}")
        return _media(names, from_root(location, root))
    # Twenty tell what the others are, and thousands would take a while.
    kind = "text" if all(is_prose(file) for file in files[:20]) else "table"
    return Pointed(source={"kind": kind, "path": from_root(location, root)})


def _refuse_parts(names: Names, shown: str, advice: str) -> None:
    if names.inner and names.firsts <= {name for known in _PARTS.values() for name in known}:
        raise UserError(
            f"{shown}: holds {' and '.join(sorted(names.firsts))}, which are parts and no classes; {advice}"
        )


def _media(names: Names, path: str) -> Pointed:
    """Images or recordings: classes as subfolders, a CSV file of labels, or names that hold the label."""
    source = {"kind": "folder", "path": path}
    if names.num_classes >= 2:
        return Pointed(source=source)
    if names.labels:
        # Below the folder, as all paths of a source start at the project's root.
        return Pointed(source={**source, "labels": f"{path}/{names.labels}"})
    pattern = pattern_of(names.media)
    if pattern is None:
        raise UserError(
            f"{path}: holds images or recordings, and nothing says their classes; put each class into a "
            "subfolder of its own, or add a CSV file with the columns `file` and `label`"
        )
    return Pointed(source={**source, "pattern": pattern}, from_names=True)


def _idx(folder: Path, name: str, root: Path) -> Pointed:
    """The pair of images and labels that the file belongs to, and the pair of the test."""
    stem = re.split(r"images|labels", name)[0]
    pair = _pair(folder, stem, root)
    if len(pair) < 2:
        raise UserError(f"{folder / name}: its images or labels are not beside it; put both into one folder")
    tests = sorted(other.name for other in folder.iterdir() if re.match(r"(t10k|test).*images.*idx3", other.name))
    test = _pair(folder, re.split("images", tests[0])[0], root) if tests and not tests[0].startswith(stem) else {}
    # Images without labels, or labels alone, test nothing.
    if len(test) < 2:
        return Pointed(source={"kind": "idx", **pair})
    # The publisher's own test set, by its name: taken, as all who cite the set's scores do.
    return Pointed(source={"kind": "idx", **pair, **{f"test_{key}": value for key, value in test.items()}})


def _pair(folder: Path, stem: str, root: Path) -> dict[str, str]:
    pair = {}
    for key in ("images", "labels"):
        files = sorted(
            file for file in folder.iterdir() if IDX_NAME.fullmatch(file.name) and file.name.startswith(f"{stem}{key}")
        )
        if files:
            pair[key] = from_root(files[0], root)
    return pair


def _train_first(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: (not name.startswith("train"), name))


def _fetched(url: str) -> dict[str, Any]:
    """A table behind a URL; how it is written is found out when it is there."""
    try:
        name = PurePosixPath(unquote(urlsplit(url).path)).name
    # No address, as the source says, which shows none of it.
    except ValueError:
        name = ""
    return {"kind": "url", "url": url, **({"content": {"kind": "table", "path": name}} if name else {})}
