"""What pipelines left that params.yaml has no more: searches of settings, and trainings to go on from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks import files
from tasks.paths import Project


@dataclass(frozen=True, kw_only=True)
class FormerPipeline:
    """A folder that a pipeline of this name left."""

    name: str
    folder: Path
    num_bytes: int


def former_pipelines(project: Project, names: Collection[str], before: float | None) -> list[FormerPipeline]:
    """Folders of no pipeline among `names` in which nothing was written since that time; none without a time.

    A name may stand on another branch: so what is young stays.
    """
    return [] if before is None else [*_former(project, names, before)]


def remove_former(former: Collection[FormerPipeline]) -> None:
    """Removes them, a folder at a time."""
    for one in former:
        with files.storage_errors(one.folder):
            files.remove(one.folder)


def _former(project: Project, names: Collection[str], before: float) -> Iterator[FormerPipeline]:
    for place in (project.pipeline("any").tuning.parent, project.pipeline("any").checkpoints.parent):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            # A name with a point at its beginning is a draft, which the next writer sweeps.
            if folder.name in names or folder.name.startswith(".") or not folder.is_dir():
                continue
            everything = [folder, *folder.rglob("*")]
            if all(path.lstat().st_mtime < before for path in everything):
                num_bytes = sum(path.lstat().st_size for path in everything if path.is_file())
                yield FormerPipeline(name=folder.name, folder=folder, num_bytes=num_bytes)
