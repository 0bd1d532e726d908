"""The passport of a model version: everything that it came from.

It holds no times and no run ids: the same inputs give the same bytes. Of a training that watching has started, the
reason is such an input.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks.environment import git_state, package_versions
from tasks.params.pipeline import Pipeline
from tasks.tables.dataset import Dataset
from tasks.wording import counted

PACKAGES = ("great-expectations", "mlflow", "modelwright", "numpy", "pillow", "polars", "pyarrow", "scipy")
"""What touches the data of every pipeline; the trainer's own requirements come on top."""

BESIDE_STAGES = {"predict", "tune", "monitor", "schedule", "notify", "serve", "retention"}
"""Blocks that no stage reads: a model comes neither from how its answers are asked for and watched, nor from what else
was tried, nor from when it is made and who is told. So `register` does not depend on them in dvc.yaml, either."""


def passport(
    name: str,
    *,
    pipeline: Pipeline,
    dataset: Dataset,
    digests: dict[str, str | None],
    rows: dict[str, Any],
    row_key: Mapping[str, Any] | None,
    metrics: dict[str, float],
    requirements: Iterable[str],
    root: Path,
    reason: str | None = None,
) -> dict[str, Any]:
    """Everything that a version came from. `rows` has a stage's rows by stage, `digests` those of files and folders;
    `row_key` names the columns that tell rows apart, where any do; `reason` is why the training was started, where
    watching has started it."""
    return {
        "pipeline": name,
        **({"reason": reason} if reason else {}),
        "source": dataset.source.model_dump(mode="json"),
        "task": dataset.task,
        "columns": [column.model_dump(mode="json", exclude_defaults=True) for column in dataset.columns],
        "parameters": pipeline.model_dump(mode="json", by_alias=True, exclude=BESIDE_STAGES),
        "rows": rows,
        "row_key": row_key,
        "digests": digests,
        "metrics": metrics,
        # Of the project, not of this package: its params.yaml and suites are part of what was done.
        "git": git_state(root),
        "python": platform.python_version(),
        "packages": package_versions({*PACKAGES, *requirements}),
    }


def other_split(passport: Mapping[str, Any] | None, pipeline: Pipeline) -> tuple[str, ...]:
    """A note where the version with this passport was split in another way than the pipeline is now; else nothing."""
    if passport is None:
        return ()
    now = pipeline.split.model_dump(mode="json", by_alias=True)
    # A setting that is newer than the passport was at its default.
    defaults = {name: field.default for name, field in type(pipeline.split).model_fields.items()}
    before = {**defaults, **passport["parameters"]["split"]}
    # Folds are cut out of the training rows alone.
    changed = [name for name in sorted({*before, *now} - {"folds"}) if before.get(name) != now.get(name)]
    if not changed:
        return ()
    settings = ", ".join(f"split.{name} {before.get(name)} -> {now.get(name)}" for name in changed)
    return (
        f"the champion was trained under another split ({settings}): it may have learnt some of today's test rows, "
        "which flatters it",
    )


def left_out(num_rows: int | None) -> tuple[str, ...]:
    """A note where test rows count for nobody, since the champion was trained on them; else nothing."""
    if not num_rows:
        return ()
    rows = counted(num_rows, "test row is", "test rows are")
    return (f"{rows} left out: the champion was trained on them",)
