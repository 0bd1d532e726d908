"""The parts that are done, beside the answers that they will be: what a run that is killed leaves for the next one.

A part is done when its record is there, which is written last. Answers become one file when all parts are there: a
reader finds the whole file or none, and a run that goes on leaves the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from tasks import files
from tasks.errors import UserError

_JOB = "job.json"


class Journal:
    """The parts of one job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, number: int) -> dict[str, Any] | None:
        """What a part came to; None of one that is still to be done."""
        file = self._record(number)
        if not file.exists():
            return None
        record: dict[str, Any] = files.read_json(file)
        return record

    def write(
        self, number: int, answers: pl.DataFrame | None, quarantined: pl.DataFrame | None, record: dict[str, Any]
    ) -> None:
        """One part, all of it or nothing."""
        for name, table in (("answers", answers), ("quarantine", quarantined)):
            if table is not None and table.height:
                with files.aside(self._part(name, number)) as draft:
                    table.write_parquet(draft, compression="zstd", compression_level=1)
        files.write_json(self._record(number), record)

    def parts(self, name: str) -> list[Path]:
        """The files of the parts that have such rows, in order."""
        return sorted(self._folder.glob(f"{name}-*.parquet"))

    def remove(self) -> None:
        """When all that is in it is elsewhere."""
        files.remove(self._folder)

    def _part(self, name: str, number: int) -> Path:
        return self._folder / f"{name}-{number:06d}.parquet"

    def _record(self, number: int) -> Path:
        return self._folder / f"done-{number:06d}.json"


@contextmanager
def journal_of(folder: Path, job: str, shown: str) -> Iterator[Journal]:
    """That of this job; parts of another one are removed: other rows, or another model.

    Raises UserError when another process is at work on the same answers.
    """
    from filelock import FileLock, Timeout

    with files.storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    try:
        with FileLock(lock, timeout=0):
            if not _is_of(folder, job):
                files.remove(folder)
                files.write_json(folder / _JOB, {"job": job})
            yield Journal(folder)
            if not folder.exists():
                lock.unlink(missing_ok=True)
    except Timeout:
        raise UserError(
            f"{shown}: another process is writing these answers; wait for it, or give another --out"
        ) from None


def _is_of(folder: Path, job: str) -> bool:
    file = folder / _JOB
    return file.is_file() and files.read_json(file).get("job") == job
