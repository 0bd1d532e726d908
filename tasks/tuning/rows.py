"""The rows that trials are judged on: folds of the training rows, encoded once for all trials that encode them alike.

The pipeline's test rows are not among them. In time, where there are no folds, the rows before the test's are cut once
more, and the newest of them are judged on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks import files
from tasks.digests import file_digest, folder_digest
from tasks.errors import UserError
from tasks.memo.chain import run_plain
from tasks.params.pipeline import Pipeline
from tasks.params.search_space import NumberRange, Space
from tasks.params.split import KeyedSplit, goes_by_time
from tasks.paths import PARTS, Paths, Project
from tasks.splitting.fold_paths import FoldPaths
from tasks.splitting.folds import num_folds
from tasks.splitting.forward import before_test, cut_once_more
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tuning.trial_paths import TrialPaths

_ALL = 0.99
"""How many rows clean may take out: that is for the run to say."""

_FEW = 16
"""Ways of encoding that are kept for other trials; of more, hardly any comes again."""


@dataclass(frozen=True, kw_only=True)
class TuningRows:
    """Cleaned rows, a folder a fold. `is_shared`: whether encoded rows are kept for other trials."""

    paths: Paths
    folder: Path
    identity: str
    num_rows: int
    num_folds: int
    in_time: bool
    is_shared: bool

    @contextmanager
    def encoded(self, config: Pipeline) -> Iterator[Callable[[int], TrialPaths]]:
        """What gives each fold as the pipeline's normalize and augment make it, when it is asked for."""
        if not self.is_shared:
            with files.scratch(self.folder / "encoded") as scratch:
                yield lambda number: self._encode(config, number, scratch / str(number))
            return
        key = hashlib.sha256(f"{config.normalize.model_dump_json()}{config.augment.model_dump_json()}".encode())
        place = self.folder / f"encoded-{key.hexdigest()[:16]}"
        yield lambda number: self._shared(config, number, place / str(number))

    def _shared(self, config: Pipeline, number: int, place: Path) -> TrialPaths:
        from filelock import FileLock

        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            # Else two processes would encode the same rows.
            with FileLock(place.with_name(f"{number}.lock")):
                if not place.exists():
                    with files.aside(place) as draft:
                        self._encode(config, number, draft)
        return self._paths(place)

    def _encode(self, config: Pipeline, number: int, place: Path) -> TrialPaths:
        from tasks import augment, normalize

        own = self._paths(place)
        linked(self.folder / str(number), place)
        normalize.run(config.normalize, own)
        augment.run(config.augment, own)
        return own

    def _paths(self, folder: Path) -> TrialPaths:
        return TrialPaths(project=self.paths.project, pipeline=self.paths.pipeline, folder=folder)


def tuning_rows(paths: Paths, config: Pipeline, space: Space) -> TuningRows:
    """Brings the pipeline's rows up to date, by the memo, and divides them; what is there already is taken as it is.

    Raises UserError or GateError as the stages do.
    """
    has_folds = num_folds(config.split) > 0
    # Folds of the pipeline's own are cleaned by its own stages, and are in the memo with the rest.
    run_plain(paths.project, paths.pipeline, last="clean" if has_folds else "validate")
    identity = _identity(paths, config)
    folder = paths.tuning / f"rows-{identity[:16]}"
    for other in paths.tuning.glob("rows-*"):
        if other != folder:
            files.remove(other)
    if not folder.exists():
        with files.aside(folder) as draft:
            draft.mkdir()
            if has_folds:
                _take_folds(paths, config.split.folds if isinstance(config.split, KeyedSplit) else 0, draft)
            else:
                _divide(paths, config, draft)
    numbers = sorted(int(place.name) for place in folder.iterdir() if place.name.isdecimal())
    judged = [storage.count_rows(folder / str(number) / "clean" / "test") for number in numbers]
    return TuningRows(
        paths=paths,
        folder=folder,
        identity=identity,
        num_rows=sum(judged),
        num_folds=len(numbers),
        in_time=goes_by_time(config.split),
        is_shared=_num_encodings(space) <= _FEW,
    )


def linked(source: Path, target: Path) -> None:
    """The folder once more, its files as further names of the same: none of them is ever written into."""
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    # DVC's cache may be linked to: what the link leads to is what has to stay.
    real = os.path.realpath(source)
    try:
        os.link(real, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(real, target)


def _identity(paths: Paths, config: Pipeline) -> str:
    """A digest of all that decides which rows a trial is judged on."""
    content = [
        folder_digest(paths.valid),
        file_digest(paths.dataset),
        config.split.model_dump_json(),
        config.clean.model_dump_json(),
        str(config.tune.folds),
    ]
    return hashlib.sha256("\n".join(map(str, content)).encode()).hexdigest()


def _divide(paths: Paths, config: Pipeline, folder: Path) -> None:
    """Folds that the pipeline does not have, by its own split; or the newest rows before the test's."""
    from tasks import clean, split

    with files.scratch(paths.tuning / "whole") as scratch:
        whole = Project(root=scratch).pipeline(paths.pipeline)
        linked(paths.valid, whole.valid)
        _link_file(paths.dataset, whole.dataset)
        in_time = goes_by_time(config.split)
        if not in_time:
            with _naming_tune_folds():
                split.run(config.split.model_copy(update={"folds": config.tune.folds}), whole)
        else:
            split.run(config.split, whole)
            storage.write_parts(whole.valid, before_test(whole))
            split.run(cut_once_more(config.split, read_dataset(whole.dataset)), whole)
        with _naming_tune_folds():
            clean.run(config.clean.model_copy(update={"max_quarantined": _ALL}), whole)
        if not in_time:
            _take_folds(whole, config.tune.folds, folder)
        else:
            _take(whole, folder / "0")


@contextmanager
def _naming_tune_folds() -> Iterator[None]:
    """The stages know folds as those of the split: these are made by another setting."""
    try:
        yield
    except UserError as error:
        raise type(error)(str(error).replace("split.folds", "tune.folds")) from None


def _take_folds(whole: Paths, count: int, folder: Path) -> None:
    for number in range(count):
        _take(FoldPaths.of(whole, number), folder / str(number))


def _take(source: Paths, folder: Path) -> None:
    for part in PARTS:
        linked(source.clean(part), folder / "clean" / part)
    for file in (source.cleaned, source.dataset):
        _link_file(file, folder / file.name)


def _link_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _link(str(source), str(target))


def _num_encodings(space: Space) -> float:
    """How many ways of encoding rows there are to try."""
    number = 1.0
    for name, values in space.items():
        if name.startswith("train."):
            continue
        if isinstance(values, NumberRange):
            number *= values.high - values.low + 1 if values.whole else float("inf")
        else:
            number *= len(values.values)
    return number
