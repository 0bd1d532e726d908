"""One set of parameters a run: no version is registered whose stages ran with others than its passport names.

A run in one process takes them when it begins. `dvc repro` reads them anew for each stage, and `--from` takes stages as
an earlier run left them: what dvc.lock says of each is compared before `register`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from tasks.errors import UserError
from tasks.memo.lockfile import entry_of
from tasks.memo.reasons import differences
from tasks.paths import STAGES, Paths


def check_one_set(paths: Paths, block: Mapping[str, Any]) -> None:
    """Raises UserError when dvc.lock has a stage that ran with other parameters than this block's."""
    changes = [change for stage in STAGES[:-1] for change in _changes(paths, stage, block)]
    if changes:
        raise UserError(
            f"{paths.project.params}: edited since the stages ran ({', '.join(changes)}), and the passport would name "
            f"what the model was not made with; `modelwright run {paths.pipeline}` and "
            f"`dvc repro register@{paths.pipeline}` run these stages again; or put the old values back"
        )


def _changes(paths: Paths, stage: str, block: Mapping[str, Any]) -> list[str]:
    recorded, now = recorded_parameters(paths, stage), block.get(stage)
    # Without an entry the stage was run by hand, or by nobody.
    return [] if recorded is None else differences(stage, _as_read(recorded, now), now)


def parameters_as_run(paths: Paths, stage: str, block: Mapping[str, Any]) -> Mapping[str, Any]:
    """The block with the sections that the stages before this one ran with: `--from` takes them as they were left."""
    earlier = STAGES[: STAGES.index(stage)]
    recorded = {name: recorded_parameters(paths, name) for name in earlier if _changes(paths, name, block)}
    return {**block, **recorded}


def recorded_parameters(paths: Paths, stage: str) -> Any:
    """The stage's section of params.yaml as dvc.lock has it; None when it has none."""
    lock = paths.project.lock
    entry = entry_of(lock.read_text(encoding="utf-8"), f"{stage}@{paths.pipeline}") if lock.exists() else ""
    sections = _sections(entry).get(paths.project.params.name, {}) if entry else {}
    return sections.get(f"pipelines.{paths.pipeline}.{stage}")


@lru_cache(maxsize=2 * len(STAGES))
def _sections(entry: str) -> Mapping[str, Mapping[str, Any]]:
    """The parameters in an entry of dvc.lock, by file and name. A run asks for the same ones after each stage."""
    (content,) = YAML(typ="safe").load(StringIO(entry)).values()
    params: Mapping[str, Mapping[str, Any]] = content.get("params", {})
    return params


def _as_read(recorded: Any, now: Any) -> Any:
    """What was recorded, with numbers for those that DVC's YAML reads back from the lock as text, long ones."""
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        return {name: _as_read(value, now.get(name)) for name, value in recorded.items()}
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        return [*map(_as_read, recorded, now)]
    return now if str(now) == recorded else recorded
