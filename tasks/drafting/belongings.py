"""What lies in a project under a pipeline's name, block and lock entries aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.paths import Paths, Project


def belongings(paths: Paths) -> Iterator[Path]:
    """Files and folders, there or not; what DVC's cache, git and the tracking store keep is none of them."""
    yield from (paths.suite, paths.accepted_in_git, paths.data, paths.model, paths.reports)
    yield from (paths.appended, paths.known_files, paths.checkpoints, paths.tuning, paths.undelivered, paths.own_code)


def mentions(project: Project, name: str) -> list[str]:
    """The files that name the pipeline elsewhere, and that only a person can mend."""
    deployments = project.deployments
    texts = {path: path.read_text(encoding="utf-8") for path in (deployments,) if path.is_file()}
    return [path.name for path, text in texts.items() if f"pipeline: {name}\n" in text]
