"""Whether what `monitor` names is there: known once ingest knows the data, before a model is trained."""

from __future__ import annotations

from tasks.columns import column_type
from tasks.errors import UserError, did_you_mean
from tasks.params.config import Task
from tasks.params.monitor import Monitor
from tasks.paths import Paths
from tasks.tables.dataset import Dataset


def check_monitor(config: Monitor, dataset: Dataset, paths: Paths) -> None:
    """Raises UserError for a masked column that no log has, for days of the week without a column that has them, and
    for a bound of quality that no window of this task will ever have."""
    kept = [column.name for column in dataset.features if not column_type(column.type).is_media]
    for name in config.mask:
        if name not in kept:
            raise UserError(
                f"{_block(paths)}.monitor.mask names {name}, which is no feature whose values are kept"
                f"{did_you_mean(name, kept)}"
            )
    times = [column for column in dataset.columns if column.role == "time"]
    if config.season == "week" and times and all(column.type != "timestamp" for column in times):
        time = times[0]
        raise UserError(
            f"{_block(paths)}.monitor.season week tells days of the week apart, and {time.name}, which has the role "
            f"time, is of type {time.type}; correct the type (ingest.columns), or write `season: none`"
        )
    check_quality(config, dataset.task, paths)


def check_quality(config: Monitor, task: Task, paths: Paths) -> None:
    """Raises UserError for a bound of a metric that is of another task."""
    wrong = config.rules.of_another_task(task)
    if wrong is not None:
        raise UserError(f"{_block(paths)}.monitor.{wrong}")


def _block(paths: Paths) -> str:
    return f"{paths.project.params}: pipelines.{paths.pipeline}"
