"""One look with all that it leaves: the windows, the page, and whether it is a reason to train anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UnreachableError, UserError
from tasks.monitoring.look import Look, look_at
from tasks.monitoring.page import page_of
from tasks.monitoring.reference import reference_of
from tasks.monitoring.retraining import note_training, reason_to_train
from tasks.monitoring.shadow import ShadowStanding, prove
from tasks.params.monitor import Monitor
from tasks.paths import Paths, Project
from tasks.prediction_log.places import monitoring_folder, monitoring_page
from tasks.scoring.request import settings_of
from tasks.tracking.registered import RegisteredModel, registered_model
from tasks.tracking.tags import CHAMPION


@dataclass(frozen=True, kw_only=True)
class WatchOutcome:
    """The look, its page, why to train anew, if anything says so, and how a challenger stands beside the champion."""

    look: Look
    page: Path
    reason: str | None
    shadow: ShadowStanding | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**self.look.as_dict(), "shadow": None if self.shadow is None else self.shadow.as_dict()}


def watch(
    project: Project, model: RegisteredModel, now: datetime | None = None, *, offline: bool = False
) -> WatchOutcome:
    """Looks, and writes the page. Where it is the champion that is looked at, a challenger beside it is judged, too.

    That may move the champion, which only the registry can: not `offline`. Raises UserError where nothing can be looked
    at, and says then as well what has become of the challenger, who needs no training rows of the champion's.
    """
    shadow = prove(project, model.name, now) if model.alias == CHAMPION and not offline else None
    try:
        look = look_at(project, model, now)
    except UserError as error:
        if shadow is None:
            raise
        raise UserError(f"{error}\nchallenger, {shadow.state}: {shadow.sentence}") from None
    paths, settings = project.pipeline(model.name), settings_of(project, model.name)
    page = monitoring_page(paths)
    monitor = settings.monitor if settings else Monitor()
    files.write_text(page, page_of(look, monitor.rules.quality, shadow))
    # What is to be put right may be by the version that proves itself, or just took the place: that is known first.
    awaits = shadow is not None and shadow.state in ("proving", "promoted")
    folder = monitoring_folder(paths, model.version)
    reason = None if awaits else reason_to_train(look, monitor.retrain, folder)
    return WatchOutcome(look=look, page=page, reason=reason, shadow=shadow)


def begin_training(project: Project, outcome: WatchOutcome) -> None:
    """Notes that the training for this reason was started; a second call for the same windows has no reason."""
    assert outcome.reason is not None
    model = outcome.look.model
    folder = monitoring_folder(project.pipeline(model.name), model.version)
    note_training(outcome.look, outcome.reason, folder)


def keep_reference(paths: Paths) -> str | None:
    """Takes what the version that `register` has just registered is compared with, while its training rows lie here.

    Nothing where the pipeline logs no answers: no look is taken then. Returns what to do where the registry has gone
    away meanwhile: the version is registered, and that is no failure of the run.
    """
    settings = settings_of(paths.project, paths.pipeline)
    if settings is None or not settings.monitor.log:
        return None
    version = f"{paths.pipeline}:{files.read_json(paths.registration)['version']}"
    try:
        reference_of(paths, registered_model(paths.project, version), settings.monitor)
    except UnreachableError as error:
        return (
            f"{error}; {version} is registered, and what it is watched by is not kept yet: `modelwright watch "
            f"{version}` does so while its training rows lie here"
        )
    return None
