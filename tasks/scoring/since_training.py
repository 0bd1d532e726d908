"""How new rows differ from those that the model learnt from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tasks.params.validate import Drift
from tasks.paths import Project
from tasks.tables.dataset import Dataset
from tasks.tracking.registered import RegisteredModel
from tasks.validation.accepted import Accepted, read_accepted
from tasks.validation.data_profile import DataProfile, ProfileState
from tasks.validation.drift import drift


def training_profile(project: Project, model: RegisteredModel) -> tuple[DataProfile | None, str | None]:
    """What the training rows looked like, where this project knows; and what is to be said of it, if anything."""
    paths = project.pipeline(model.name)
    accepted = read_accepted(paths.accepted, paths.accepted_in_git)
    digest = (model.passport or {}).get("source", {}).get("digest")
    for profile in (accepted.accepted, accepted.previous):
        if profile is not None and profile.digest == digest:
            return profile, None
    if accepted.accepted is None:
        return None, None
    return accepted.accepted, f"drift is since the data that passed last, not since those of version {model.version}"


def drift_of(
    profile: ProfileState, trained: DataProfile, config: Drift, names: Collection[str]
) -> list[Mapping[str, Any]]:
    """The warnings about the columns that the new rows have; what they lack was said before."""
    columns = {name: column for name, column in trained.columns.items() if name in names}
    before = Accepted(accepted=trained.model_copy(update={"columns": columns}))
    ignored = tuple(name for name in config.ignore if name in names)
    # How many rows are asked at once says nothing.
    return [*drift(config.model_copy(update={"ignore": ignored}), profile.profile(), profile.histograms(), before)]


def profile_state(dataset: Dataset, trained: DataProfile) -> ProfileState:
    """Of columns that the training rows' profile has too."""
    columns = tuple(column for column in dataset.columns if column.name in trained.columns)
    return ProfileState(dataset.model_copy(update={"columns": columns}))
