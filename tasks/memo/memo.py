"""The memo: DVC's lock, cache and run cache, for stages that run in this process. The only module that imports dvc.

What `dvc repro` does around a command is done here around a function, with DVC's own parts and in the same order
(dvc.stage.Stage.reproduce and .run): so both leave the same dvc.lock, the same cache, and skip each other's work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.errors import UserError
from tasks.files import remove, storage_errors
from tasks.memo.code import CODE, Code, source_of
from tasks.memo.code_record import check_tool
from tasks.memo.dvc_errors import dvc_errors
from tasks.memo.inputs import Inputs
from tasks.memo.lockfile import write_entry
from tasks.memo.locks import put_right, waited_for
from tasks.memo.objects import CheckedCache
from tasks.memo.own_code import STAGE as OWN_CODE
from tasks.memo.own_code import CodeLists, list_own_files
from tasks.memo.reasons import status_in_words, why_out_of_date
from tasks.memo.repository import links_noted_at_once, repository, stages_of, unreadable
from tasks.params.file import read_yaml
from tasks.paths import STAGES, Project
from tasks.validation.suite_file import missing_suite

if TYPE_CHECKING:
    from dvc.dependency import Dependency
    from dvc.stage import Stage

_OF_DVC = ("dvc.yaml", ".dvc/config", ".dvc/config.local", ".dvcignore")

Outcome = Literal["ran", "unchanged", "restored"]
Reasons = tuple[str, ...]


class Memo:
    """What is known of one pipeline's stages: what is unchanged, what can be restored, what was just done.

    Of one run: parameters, code and suite are what they were when it was made.
    """

    def __init__(self, root: Path, pipeline: str, params: Mapping[str, Any] | None = None) -> None:
        """`params` is params.yaml as the stages are given it; read here when it is not given."""
        self._root = root
        with dvc_errors(root), storage_errors(root):
            # DVC tells what it does at INFO, and sets that level when imported; here the front end tells.
            logging.getLogger("dvc").setLevel(logging.WARNING)
            self._repo = repository(root)
            put_right(self._repo)
            self._cache = CheckedCache(self._repo)
            self._stages = stages_of(self._repo)
        self._loaded: dict[str, Stage] = {}
        self._pipeline = pipeline
        self._params = read_yaml(root / "params.yaml") if params is None else params
        paths = Project(root=root).pipeline(pipeline)
        self._code = Code(paths.project)
        check_tool(paths.project, self._code)
        self._lists = CodeLists(self._code, paths, self._params["pipelines"])
        self._inputs = Inputs(root)
        self._hash_given()
        self._code_at_start = {
            path: self._lists.digests(path) for path in self._files_read_by_all() if self._lists.has(path)
        }
        self._code.check()
        self._is_code_written = False

    def reasons(self, stage_name: str) -> Reasons:
        """Why the stage is out of date, such as "train.learning_rate 0.001 -> 0.01"; empty when it is not."""
        with self._locked():
            return self._reasons(self._load(stage_name))

    def perform(self, stage_name: str, work: Callable[[], object], *, force: Reasons = ()) -> tuple[Outcome, Reasons]:
        """Runs `work` if the stage is out of date, or for the reasons in `force`; restores what was done before."""
        with ExitStack() as reserved:
            with self._locked():
                self._write_code()
                if stage_name == "normalize":
                    self._write_own_code()
                stage = self._load(stage_name)
                reasons = force or self._reasons(stage)
                if not reasons:
                    return "unchanged", ()
                self._check_dependencies(stage)
                _remove_unreadable(stage)
                # Outputs may be links into the cache: they are removed, never written into.
                stage.remove_outs(ignore_remove=False, force=False)
                # What is forced is to run again, whatever the run cache has.
                if not force and self._restored(stage):
                    self._save(stage)
                    return "restored", reasons
                stage.save_deps()
                # Until all is saved: another run must not remove what this one has just written.
                reserved.enter_context(self._reserved(stage))
            work()
            with self._locked():
                self._save(stage, edited=self._edited(stage_name))
            return "ran", reasons

    def put_back(self, stage_name: str) -> None:
        """The stage's outputs as dvc.lock has them, after a run that could not even begin."""
        with self._locked():
            _remove_unreadable(self._load(stage_name))
            self._load(stage_name).checkout(force=True, allow_missing=True)

    @property
    def cache(self) -> Path:
        """The folder in which DVC keeps the content of the outputs."""
        return Path(self._repo.cache.local.path)

    def outputs(self, stage_name: str) -> set[str]:
        """What the stage leaves, as paths from the root."""
        return {out.def_path for out in self._load(stage_name).outs}

    def inputs(self) -> set[str]:
        """What all stages read and none of them leaves, and what DVC itself goes by."""
        made = {out for name in (OWN_CODE, *STAGES) for out in self.outputs(name)}
        paths = {"params.yaml", *_OF_DVC, *self._files_read_by_all()} - made
        return {path for path in paths if not source_of(path)}

    def installed_code(self) -> set[Path]:
        """The code that stages are made of, where it lies outside of the project."""
        sources = filter(None, map(source_of, self._code_at_start))
        return set(filter(None, map(self._code.installed, sources)))

    def _load(self, stage_name: str) -> Stage:
        from dvc.dependency import ParamsDependency

        if stage_name not in self._loaded:
            with dvc_errors(self._root):
                stage = self._stages[CODE if stage_name == CODE else f"{stage_name}@{self._pipeline}"]
            for dep in stage.deps:
                if isinstance(dep, ParamsDependency):
                    # The values that the stage is given, parsed once: DVC would read the file again after the stage,
                    # which somebody may have edited by then.
                    dep.read_params = partial(self._values, dep.params)
                else:
                    # DVC itself walks the same code for each stage that reads it.
                    dep._build = partial(self._inputs.hashed, dep.def_path, dep._build)
            self._loaded[stage_name] = stage
        return self._loaded[stage_name]

    def _hash_given(self) -> None:
        given = self.inputs()
        with self._locked():
            self._cache.sweep()
            for dep in self._files_read(CODE, OWN_CODE, *STAGES):
                if dep.def_path in given and dep.exists:
                    dep.get_hash()
        self._inputs.given = frozenset(given)

    def _write_code(self) -> None:
        """Does once a run what the stage `code` does in `dvc repro`; from now on its lists are what they are."""
        if self._is_code_written:
            return
        self._write_lists(CODE, self._code.write)
        for dep in self._files_read(*STAGES):
            if source_of(dep.def_path):
                dep.get_hash()
        self._inputs.given |= {path for path in self._code_at_start if source_of(path)}
        self._is_code_written = True

    def _write_own_code(self) -> None:
        """The same of `own_code`, at its place in the order, so that the lock has its entry where DVC puts it."""
        if list_own_files(Project(root=self._root), self._params["pipelines"]):
            self._stages = stages_of(self._repo)
            del self._loaded[OWN_CODE]
        self._write_lists(OWN_CODE, self._lists.write_own)

    def _write_lists(self, stage_name: str, write: Callable[[], object]) -> None:
        stage = self._load(stage_name)
        if self._reasons(stage):
            stage.save_deps()
            write()
            self._save(stage, edited=self._edited(stage_name))

    def _files_read(self, *stage_names: str) -> Iterator[Dependency]:
        from dvc.dependency import ParamsDependency

        for name in stage_names:
            yield from (dep for dep in self._load(name).deps if not isinstance(dep, ParamsDependency))

    def _files_read_by_all(self) -> set[str]:
        return {dep.def_path for dep in self._files_read(CODE, OWN_CODE, *STAGES)}

    def _edited(self, stage_name: str) -> list[Dependency]:
        """What the stage reads and somebody edited while it ran, or since the run began."""
        return [dep for dep in self._files_read(stage_name) if self._is_edited(dep.def_path)]

    def _is_edited(self, path: str) -> bool:
        is_list = self._lists.has(path)
        return self._lists.digests(path) != self._code_at_start[path] if is_list else self._inputs.edited(path)

    def _values(self, names: Iterable[str], **_: object) -> dict[str, Any]:
        """Parameters by their dotted names, as DVC's own read_params gives them; a missing one is left out."""
        values: dict[str, Any] = {}
        for name in names:
            value: Any = self._params
            for key in name.split("."):
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None:
                values[name] = value
        return values

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from dvc.repo import lock_repo

        # A run keeps these as they were when it began; DVC reads them again, in 20 ms, whenever it locks or unlocks.
        kept = {name: getattr(self._repo, name) for name in ("config", "dvcignore")}
        with ExitStack() as held:
            held.enter_context(dvc_errors(self._root))
            held.enter_context(storage_errors(self._root))
            held.enter_context(waited_for(lambda: lock_repo(self._repo)))
            held.enter_context(self._repo.scm_context(quiet=True))
            self._repo.__dict__.update(kept)
            yield
        self._repo.__dict__.update(kept)

    @contextmanager
    def _reserved(self, stage: Stage) -> Iterator[None]:
        """Keeps other processes from the stage's files while it runs, without the whole repository's lock."""
        from dvc.rwlock import rwlock

        # Code was taken when the run began: whoever writes its lists anew meanwhile takes nothing away.
        reads = [dep.fs_path for dep in stage.deps if not self._lists.has(dep.def_path)]
        writes = [out.fs_path for out in stage.outs]
        # The user's setting, for file systems without flock, such as NFS.
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        name = f"modelwright {stage.name}"
        with ExitStack() as held:
            with dvc_errors(self._root):
                # Only errors of the lock are DVC's: those of the stage pass as they are.
                held.enter_context(
                    waited_for(lambda: rwlock(self._repo.tmp_dir, self._repo.fs, name, reads, writes, hardlink))
                )
            yield

    def _restored(self, stage: Stage) -> bool:
        from dvc.stage.cache import RunCacheNotFoundError

        try:
            with self._cache.hashing():
                self._repo.stage_cache.restore(stage)
        except RunCacheNotFoundError:
            return False
        return True

    def _save(self, stage: Stage, *, edited: Sequence[Dependency] = ()) -> None:
        """Outputs into the cache, the run into the run cache, the stage into dvc.lock.

        As Stage.run ends, but for its inputs: DVC would hash them now, as whoever edited them meanwhile left them.
        """
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.meta import Meta

        # Nobody knows which of the contents was read. Without a digest the stage is out of date, whatever the file
        # holds next time; were it edited back, the first digest would say that all is well.
        for dep in edited:
            dep.hash_info, dep.meta = HashInfo(), Meta()
        stage.save_outs()
        stage.md5 = stage.compute_md5()
        # Such as register's: a registry must be asked, not restored from a cache.
        uncached = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
        if not uncached and not edited:
            self._repo.stage_cache.save(stage)
        with self._cache.hashing(stage.outs), links_noted_at_once(self._repo):
            # DVC's own would reserve the outputs once more, under another name, for which the first is another process.
            type(stage).commit.__wrapped__(stage)
        write_entry(self._root, stage)

    def _check_dependencies(self, stage: Stage) -> None:
        for dep in stage.deps:
            if not dep.exists or unreadable(Path(dep.fs_path)):
                if dep.def_path == f"expectations/{self._pipeline}.json":
                    raise UserError(missing_suite(Path(dep.def_path)))
                raise UserError(
                    f"{dep.def_path}: missing, and {stage.name} needs it; run the stage that makes it "
                    f"(`modelwright run {self._pipeline}` runs all)"
                )

    def _reasons(self, stage: Stage) -> Reasons:
        # Beside the source, which `code` reads, editors leave links to nothing.
        reads = [] if stage.name == CODE else self._files_read(stage.name.partition("@")[0])
        places = filter(None, (unreadable(Path(file.fs_path)) for file in (*reads, *stage.outs)))
        if missing := [status_in_words(place.relative_to(self._root).as_posix(), "deleted") for place in places]:
            return tuple(missing)
        return why_out_of_date(stage, f"pipelines.{self._pipeline}", self._code_at_start)


def _remove_unreadable(stage: Stage) -> None:
    for out in stage.outs:
        if place := unreadable(Path(out.fs_path)):
            remove(place)
