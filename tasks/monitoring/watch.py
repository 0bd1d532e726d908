"""One look with all that it leaves: the windows, the page, and whether it is a reason to train anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks import files
from tasks.monitoring.look import Look, look_at
from tasks.monitoring.page import page_of
from tasks.monitoring.reference import reference_of
from tasks.monitoring.retraining import note_training, reason_to_train
from tasks.params.monitor import Monitor
from tasks.paths import Project
from tasks.prediction_log.places import monitoring_folder, monitoring_page
from tasks.scoring.request import settings_of
from tasks.tracking.registered import RegisteredModel, registered_model


@dataclass(frozen=True, kw_only=True)
class WatchOutcome:
    """The look, its page, and why to train anew, if anything says so."""

    look: Look
    page: Path
    reason: str | None


def watch(project: Project, model: RegisteredModel, now: datetime | None = None) -> WatchOutcome:
    """Looks, and writes the page."""
    look = look_at(project, model, now)
    paths, settings = project.pipeline(model.name), settings_of(project, model.name)
    page = monitoring_page(paths)
    monitor = settings.monitor if settings else Monitor()
    files.write_text(page, page_of(look, monitor.rules.quality))
    return WatchOutcome(
        look=look, page=page, reason=reason_to_train(look, monitor.retrain, monitoring_folder(paths, model.version))
    )


def begin_training(project: Project, outcome: WatchOutcome) -> None:
    """Notes that the training for this reason was started; a second call for the same windows has no reason."""
    assert outcome.reason is not None
    model = outcome.look.model
    folder = monitoring_folder(project.pipeline(model.name), model.version)
    note_training(outcome.look, outcome.reason, folder)


def keep_reference(project: Project, name: str) -> RegisteredModel:
    """Takes what the champion of now is compared with, while its training rows lie here; returns the champion."""
    model, settings = registered_model(project, name), settings_of(project, name)
    reference_of(project.pipeline(name), model, settings.monitor if settings else Monitor())
    return model
