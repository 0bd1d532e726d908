"""After a stage ran: what MLflow is told of it that the stage itself does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.digests import file_digest, folder_digest
from tasks.errors import UserError
from tasks.memo.one_set import parameters_as_run
from tasks.params.file import check_pipeline
from tasks.paths import CODE_DIGESTS, Paths, Project

_STAGES = ("train", "evaluate", "register")


def tell_mlflow(paths: Paths, stage: str, block: Mapping[str, Any]) -> None:
    """Completes the run in MLflow; what comes before train is no news there."""
    if stage not in _STAGES:
        return
    from tasks.trials.track import track

    file = paths.project.params
    try:
        pipeline = check_pipeline(file, paths.pipeline, parameters_as_run(paths, stage, block))
    except UserError:
        # What an earlier Modelwright noted, and this one would not take.
        pipeline = check_pipeline(file, paths.pipeline, block)
    track(paths, stage, pipeline, _code_digest(paths.project))


def _code_digest(project: Project) -> str:
    """One digest of the code of all stages, by its meaning."""
    folder, listing = project.root / CODE_DIGESTS, project.root / "code.json"
    if folder.is_dir():
        return str(folder_digest(folder))
    return (file_digest(listing) if listing.is_file() else None) or "unknown"
