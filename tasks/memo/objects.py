"""DVC's cache, whose objects are hashed before they are believed; damaged ones are put aside, and the stage runs.

DVC takes whatever lies read-only under an object's name for the object: it never reads what it once has written.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.parallel import parallel_map

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.repo import Repo

_logger = logging.getLogger(__name__)


class CheckedCache:
    """Stands before a repository's cache and run cache, in this process."""

    def __init__(self, repo: Repo) -> None:
        self._cache, self._runs = repo.cache.local, repo.stage_cache
        self._dvc = Path(repo.dvc_dir)
        self._check, self._get, self._load_run = self._cache.check, self._cache.get, self._runs._load_cache
        self._cache.check, self._cache.get, self._runs._load_cache = self.check, self.get, self.load_run
        self._folder_of_runs = self._runs._get_cache_dir
        self._runs._get_cache_dir = self.folder_of_runs
        self._believed: set[str] = set()
        self._hashes_all = False

    @contextmanager
    def hashing(self, outs: Iterable[Output] = ()) -> Iterator[None]:
        """Within, each object that DVC asks for is hashed, once a run: what is restored, and what is kept already of
        what a stage has made. Otherwise only lists of files are: their objects may stay unread.

        Of `outs`, which a stage has made, those that are kept already are hashed at once, by all cores: DVC asks for
        one after another.
        """
        self._hashes_all = True
        try:
            self._look_ahead(outs)
            yield
        finally:
            self._hashes_all = False

    def sweep(self) -> None:
        """Removes what killed processes were writing; to be called under the repository's lock, when nobody writes."""
        objects = Path(self._cache.path)
        # Others may be writing to a cache that several repositories share.
        if objects.is_dir() and objects.is_relative_to(self._dvc):
            for folder in (objects, *(path for path in objects.iterdir() if len(path.name) == 2 and path.is_dir())):
                for draft in folder.glob(".*.tmp"):
                    files.remove(draft)

    def check(self, oid: str, *args: Any, **kwargs: Any) -> Any:
        """As DVC's: raises FileNotFoundError when there is no such object, or only a damaged one."""
        self._look_at(oid, self._hashes_all)
        return self._check(oid, *args, **kwargs)

    def get(self, oid: str) -> Any:
        """As DVC's, which reads a list of files before it checks it."""
        self._look_at(oid, oid.endswith(".dir"))
        return self._get(oid)

    def folder_of_runs(self, key: str) -> str:
        """As DVC's, which asks each entry in it, and links to nothing as well, when it was written."""
        folder = Path(self._folder_of_runs(key))
        entries = list(folder.iterdir()) if folder.is_dir() else []
        for place in (folder, *entries):
            if place.is_symlink() and not place.exists():
                self._put_aside(place, place.name)
        # In a folder that is there, DVC takes an entry for granted.
        if entries and not any(map(os.path.lexists, entries)):
            folder.rmdir()
        return str(folder)

    def load_run(self, key: str, value: str) -> Any:
        """As DVC's, which takes away an entry of the run cache that is no YAML, and ends at one that is no text."""
        path = Path(self._runs._get_cache_path(key, value))
        if os.path.lexists(path) and not _is_text(path):
            self._put_aside(path, value)
        return self._load_run(key, value)

    def _look_ahead(self, outs: Iterable[Output]) -> None:
        places = {oid: Path(self._cache.oid_to_path(oid)) for out in outs for oid in _oids(out)}
        kept = {oid: path for oid, path in places.items() if oid not in self._believed and path.is_file()}
        # A damaged one is hashed once more, and put aside, when DVC asks for it.
        digests = parallel_map(_md5, kept.values())
        self._believed.update(oid for oid, digest in zip(kept, digests, strict=True) if digest == oid)

    def _look_at(self, oid: str, reads: bool) -> None:
        path = Path(self._cache.oid_to_path(oid))
        if path.is_file():
            is_damaged = reads and oid not in self._believed and _md5(path) != oid.split(".")[0]
        else:  # a folder, a link to nothing, or a pipe, at which one would wait for ever
            is_damaged = os.path.lexists(path)
        if is_damaged:
            self._put_aside(path, oid)
            raise FileNotFoundError(path)
        if reads:
            self._believed.add(oid)

    def _put_aside(self, path: Path, name: str) -> None:
        aside = Path(self._cache.path).parent / "damaged" / name
        aside.parent.mkdir(exist_ok=True)
        files.remove(aside)
        path.rename(aside)
        _logger.warning("%s in DVC's cache was damaged; it is %s now, and what it held is made again", path, aside)


def _oids(out: Output) -> Iterator[str]:
    """The objects of an output: of a folder those of its files."""
    if out.use_cache and out.obj is not None:
        yield from (info.value for _, _, info in out.obj) if out.hash_info.isdir else (out.hash_info.value,)


def _is_text(path: Path) -> bool:
    try:
        return path.is_file() and path.read_text(encoding="utf-8") is not None
    except UnicodeDecodeError:
        return False


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
