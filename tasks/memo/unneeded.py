"""What of DVC's cache nothing needs any more: pure rules over what is in it, and their use on a project.

Needed is what dvc.lock has, here, in every branch, tag and experiment, and in the commits that registered versions
came from; what the run cache has kept of late; and the whole way of the rows to each registered model and to what it
was judged by, of which the run cache knows the steps: so a version can be had again though nobody committed it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.errors import UserError
from tasks.memo.dvc_errors import dvc_errors
from tasks.memo.pipeline_lock import locked_files
from tasks.memo.repository import repository

if TYPE_CHECKING:
    from dvc.repo import Repo

_OBJECT = re.compile(r"[0-9a-f]{32}(\.dir)?")
_LIST = ".dir"
_MODELS = "models/"


@dataclass(frozen=True, kw_only=True)
class CachedStep:
    """One entry of DVC's run cache: a stage that ran with these inputs and left these outputs, by their objects."""

    file: Path
    written: float
    """In seconds since 1970."""

    inputs: frozenset[str]
    outputs: Mapping[str, str]
    """Objects by their paths."""


@dataclass(frozen=True, kw_only=True)
class UnneededCache:
    """What may go: objects and entries of the run cache, and damaged files that were put aside. `shared` is a cache
    that other repositories may use as well, of which nothing may go."""

    objects: tuple[Path, ...] = ()
    steps: tuple[Path, ...] = ()
    damaged: tuple[Path, ...] = ()
    num_bytes: int = 0
    num_objects: int = 0
    """All that there are, needed ones as well."""

    shared: Path | None = None


def unneeded_cache(root: Path, before: float | None, commits: Iterable[str], models: Collection[str]) -> UnneededCache:
    """What nothing needs, and was written before that time; `models` are digests of folders of registered models.
    Without a time nothing may go.

    Raises UserError, and so nothing goes, where a revision or a needed list of files cannot be read.
    """
    with dvc_errors(root):
        repo = repository(root)
        cache = Path(repo.cache.local.path)
        if not cache.resolve().is_relative_to((root / ".dvc").resolve()):
            return UnneededCache(shared=cache)
        if before is None:
            return UnneededCache(num_objects=sum(1 for _ in _objects(cache)))
        used = _used(repo, commits)
        steps = [*_steps(Path(repo.stage_cache.cache_dir))]
    recent = {oid for step in steps if step.written >= before for oid in step.outputs.values()}
    made = {
        oid
        for step in steps
        for path, oid in step.outputs.items()
        if models and path.startswith(_MODELS) and _digest(cache, oid) in models
    }
    needed = _with_members(cache, used | recent | lineage(made, steps))
    objects = {_oid(path): path for path in _objects(cache)}
    going = {oid: path for oid, path in objects.items() if oid not in needed and path.stat().st_mtime < before}
    damaged = [path for path in _children(cache.parent / "damaged") if path.lstat().st_mtime < before]
    return UnneededCache(
        objects=tuple(going.values()),
        steps=tuple(step.file for step in steps if going.keys() & set(step.outputs.values())),
        damaged=tuple(damaged),
        num_bytes=sum(path.lstat().st_size for path in (*going.values(), *damaged)),
        num_objects=len(objects),
    )


@contextmanager
def nobody_at_work(root: Path) -> Iterator[None]:
    """Within it no run of the project begins. Raises UserError while one is at work."""
    with locked_files(root, [root / "data", root / "models", root / "reports"]):
        yield


def remove_unneeded(unneeded: UnneededCache) -> None:
    """Removes it; to be called within `nobody_at_work`, as is `unneeded_cache` before: a run may need it by now."""
    # The entries first: one that is left names objects that are there.
    for path in (*unneeded.steps, *unneeded.objects, *unneeded.damaged):
        with files.storage_errors(path):
            files.remove(path)
    for folder in {step.parent for step in unneeded.steps}:
        # In a folder that is there, DVC takes an entry for granted.
        if folder.is_dir() and not _children(folder):
            folder.rmdir()


def lineage(models: Collection[str], steps: Sequence[CachedStep]) -> set[str]:
    """These objects, all that they came from, step by step, and what the steps that read them made of them.

    Only what a step read leads to a step before it: reports of two models often have a file in common, and that makes
    neither a part of the other's way.
    """
    makers: dict[str, list[CachedStep]] = {}
    for step in steps:
        for oid in step.outputs.values():
            makers.setdefault(oid, []).append(step)
    waiting = [step for step in steps if step.inputs & set(models) or set(step.outputs.values()) & set(models)]
    needed, on_the_way = set(models), {step.file for step in waiting}
    while waiting:
        step = waiting.pop()
        needed |= step.inputs | set(step.outputs.values())
        before = [maker for oid in step.inputs for maker in makers.get(oid, []) if maker.file not in on_the_way]
        on_the_way |= {maker.file for maker in before}
        waiting += before
    return needed


def _used(repo: Repo, commits: Iterable[str]) -> set[str]:
    """Objects of the lock, here and wherever git knows another one."""
    from scmrepo.exceptions import SCMError
    from scmrepo.git import Git

    scm = repo.scm
    known = []
    if isinstance(scm, Git):
        for commit in commits:
            try:
                known.append(scm.resolve_rev(commit))
            except SCMError:
                # Rewritten, or of another clone. What it had is found by its model, as far as it is here.
                continue
    everywhere = {"all_branches": True, "all_tags": True, "all_experiments": True} if isinstance(scm, Git) else {}
    with _quiet_about_what_never_ran():
        collected: Iterable[Any] = repo.used_objs(revs=known or None, **everywhere).values()
    return {str(info.value) for infos in collected for info in infos}


@contextmanager
def _quiet_about_what_never_ran() -> Iterator[None]:
    """DVC warns of each output of a stage that never ran that its cache will not be collected: there is none."""
    logger = logging.getLogger("dvc.output")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _steps(folder: Path) -> Iterator[CachedStep]:
    from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml

    for file in folder.glob("*/*/*"):
        try:
            content = load_yaml(file)
            yield CachedStep(
                file=file,
                written=file.stat().st_mtime,
                inputs=frozenset(str(one["md5"]) for one in content.get("deps", []) if "md5" in one),
                outputs={str(one["path"]): str(one["md5"]) for one in content.get("outs", []) if "md5" in one},
            )
        # DVC takes such an entry away when it meets it.
        except (YAMLFileCorruptedError, UnicodeDecodeError, AttributeError, TypeError, KeyError):
            continue


def _objects(cache: Path) -> Iterator[Path]:
    for folder in _children(cache):
        if len(folder.name) == 2 and folder.is_dir():
            yield from (path for path in folder.iterdir() if _OBJECT.fullmatch(_oid(path)))


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _oid(path: Path) -> str:
    return path.parent.name + path.name


def _place(cache: Path, oid: str) -> Path:
    return cache / oid[:2] / oid[2:]


def _with_members(cache: Path, oids: Iterable[str]) -> set[str]:
    """The objects, and those that the lists of files among them name."""
    needed = set(oids)
    for oid in [oid for oid in needed if oid.endswith(_LIST) and _place(cache, oid).is_file()]:
        needed |= set(_members(cache, oid).values())
    return needed


def _members(cache: Path, oid: str) -> dict[str, str]:
    """The objects of a folder by the paths within it."""
    path = _place(cache, oid)
    try:
        return {str(one["relpath"]): str(one["md5"]) for one in json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, TypeError, KeyError):
        raise UserError(
            f"{path}: is damaged, so nobody knows which objects it needs, and nothing was removed; remove this file, "
            "and the next `modelwright run` makes anew what it listed"
        ) from None


def _digest(cache: Path, oid: str) -> str | None:
    """What `folder_digest` says of a folder that lies in the cache; None where a piece of it is missing."""
    if not oid.endswith(_LIST) or not _place(cache, oid).is_file():
        return None
    digest = hashlib.sha256()
    for name, member in sorted(_members(cache, oid).items()):
        file = _place(cache, member)
        if not file.is_file():
            return None
        digest.update(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()
