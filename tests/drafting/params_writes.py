"""Writing params.yaml while nobody else may."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tasks import files
from tasks.paths import Project


def held_at_each_write(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A list that gets, for each time that params.yaml is written from now on, whether its lock was held."""
    write, held = files.write_text, []

    def watched(path: Path, content: str) -> None:
        if path == project.params:
            try:
                FileLock(project.params_lock).acquire(timeout=0).lock.release()
                held.append(False)
            except Timeout:
                held.append(True)
        write(path, content)

    project.params_lock.parent.mkdir(exist_ok=True)
    monkeypatch.setattr(files, "write_text", watched)
    return held
