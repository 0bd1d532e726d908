"""The file that a killed training goes on from: the trees so far and their metrics, and whose they are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import lightgbm

from tasks import files
from tasks.errors import UserError
from tasks.params.train import LightgbmTrain
from tasks.trainers.base import Job
from tasks.trainers.lightgbm.progress import Progress
from tasks.trainers.lightgbm.trees import Forest

_FILE = "lightgbm.checkpoint"


class Checkpoints:
    """Keeps a training's progress in the job's folder, if it has one.

    The file is a line with the SHA-256 of what follows, then JSON. It is written aside and renamed, so a training that
    is killed meanwhile leaves the one before.
    """

    def __init__(self, job: Job, config: LightgbmTrain, segment: int) -> None:
        self._path = job.checkpoints / _FILE if job.checkpoints else None
        self._seconds = 60 * config.checkpoint_minutes
        self._last = time.monotonic()
        self._belongs_to = _belongs_to(job, config, segment)

    def read(self) -> Progress:
        """What was kept, or no progress yet. Raises UserError for a file that is damaged or of another training."""
        if self._path is None or not self._path.exists():
            return Progress()
        content = _read(self._path)
        for what, value in self._belongs_to.items():
            if content["belongs_to"].get(what) != value:
                raise UserError(f"{self._path}: is of another training ({what} differ); {_cure(self._path)}")
        return _progress(content)

    def write_when_due(self, progress: Progress) -> None:
        """Keeps the progress when `checkpoint_minutes` are over since the last time."""
        now = time.monotonic()
        if self._path is not None and now - self._last >= self._seconds:
            _write(self._path, {"belongs_to": self._belongs_to, **_content(progress)})
            self._last = now


def _belongs_to(job: Job, config: LightgbmTrain, segment: int) -> dict[str, str]:
    """What must be the same for a training to go on as it would have gone on."""
    parts = (job.train, job.validation)
    return {
        "the parameters": _digest(config.model_dump_json(exclude={"checkpoint_minutes"})),
        "the columns or classes": _digest(repr(job.spec)),
        "the rows": _digest(*(part.targets().tobytes() for part in parts)),
        "the versions of LightGBM": lightgbm.__version__,
        "the trees of a segment": str(segment),
    }


def _digest(*contents: str | bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content.encode() if isinstance(content, str) else content)
    return digest.hexdigest()


def _write(path: Path, content: dict[str, Any]) -> None:
    body = json.dumps(content)
    files.write_lasting(path, f"{_digest(body)}\n{body}".encode())


def _read(path: Path) -> dict[str, Any]:
    digest, _, body = path.read_bytes().partition(b"\n")
    if digest.decode("ascii", "replace") != _digest(body):
        raise UserError(f"{path}: damaged (not the bytes that were written); {_cure(path)}")
    content = json.loads(body)
    assert isinstance(content, dict), "its digest says that it is ours"
    return content


def _cure(path: Path) -> str:
    return f"remove the folder {path.parent} and run stage train again: it begins with the first tree"


def _content(progress: Progress) -> dict[str, Any]:
    return {
        "rows": progress.rows,
        "num_trees": progress.num_trees,
        "forest": dataclasses.asdict(progress.forest),
    }


def _progress(content: dict[str, Any]) -> Progress:
    forest = content["forest"]
    progress = Progress(forest=Forest(forest["head"], tuple(forest["trees"]), forest["tail"]))
    for metrics, num_trees in zip(content["rows"], content["num_trees"], strict=True):
        progress.note(metrics, num_trees)
    return progress
