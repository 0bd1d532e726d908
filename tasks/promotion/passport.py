"""The passport of a model version: everything that it came from.

It holds no times and no run ids: the same inputs give the same bytes.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.environment import git_state, package_versions
from tasks.params.pipeline import Pipeline
from tasks.tables.dataset import Dataset

PACKAGES = ("great-expectations", "mlflow", "numpy", "pillow", "polars", "pyarrow", "scipy")
"""What touches the data of every pipeline; the trainer's own requirements come on top."""


def passport(
    name: str,
    *,
    pipeline: Pipeline,
    dataset: Dataset,
    digests: dict[str, str | None],
    rows: dict[str, Any],
    metrics: dict[str, float],
    requirements: Iterable[str],
    root: Path,
) -> dict[str, Any]:
    """Everything that a version came from. `rows` has a stage's rows by stage, `digests` those of files and folders."""
    return {
        "pipeline": name,
        "source": dataset.source.model_dump(mode="json"),
        "task": dataset.task,
        "columns": [column.model_dump(mode="json", exclude_defaults=True) for column in dataset.columns],
        "parameters": pipeline.model_dump(mode="json", by_alias=True),
        "rows": rows,
        "digests": digests,
        "metrics": metrics,
        # Of the project, not of this package: its params.yaml and suites are part of what was done.
        "git": git_state(root),
        "python": platform.python_version(),
        "packages": package_versions({*PACKAGES, *requirements}),
    }
