"""What is kept of answers and that may go: files past their retention, and looks at versions that were removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from tasks import files
from tasks.paths import Project
from tasks.prediction_log.log import expired, last_days
from tasks.prediction_log.places import (
    labels_folder,
    monitoring_folder,
    predictions_folder,
    refused_labels_folder,
)


@dataclass(frozen=True, kw_only=True)
class UnneededAnswers:
    """`expired` are files of answers and of labels, `looks` folders of what looks at removed versions left."""

    expired: tuple[Path, ...] = ()
    looks: tuple[Path, ...] = ()
    num_bytes: int = 0
    num_files: int = 0
    """Of answers and labels, all that there are."""


def unneeded_answers(
    project: Project, days: Mapping[str, int | None], removed: Iterable[tuple[str, int]], now: datetime
) -> UnneededAnswers:
    """Of these pipelines, whose answers and labels are kept for so many days; `removed` are their removed versions."""
    old: list[Path] = []
    num_files = 0
    for pipeline, kept_days in days.items():
        paths = project.pipeline(pipeline)
        for folder in (predictions_folder(paths), labels_folder(paths), refused_labels_folder(paths)):
            num_files += sum(1 for _ in folder.rglob("*.parquet"))
            old += expired(folder, kept_days, now)
    looks = [monitoring_folder(project.pipeline(name), number) for name, number in sorted(removed)]
    looks = [folder for folder in looks if folder.is_dir()]
    inside = [path for folder in looks for path in folder.rglob("*") if path.is_file()]
    return UnneededAnswers(
        expired=tuple(old),
        looks=tuple(looks),
        num_bytes=sum(path.lstat().st_size for path in (*old, *inside)),
        num_files=num_files,
    )


def remove_answers(unneeded: UnneededAnswers) -> None:
    """Removes them, a file or a folder at a time."""
    for path in (*unneeded.expired, *unneeded.looks):
        with files.storage_errors(path):
            files.remove(path)


def last_answers(project: Project, pipelines: Iterable[str]) -> dict[tuple[str, int], float]:
    """When each version answered last, by what is kept of it: the end of the day, in seconds since 1970."""
    return {
        (pipeline, number): datetime.combine(day, time(), UTC).timestamp() + timedelta(days=1).total_seconds()
        for pipeline in pipelines
        for number, day in last_days(project.pipeline(pipeline)).items()
    }
