"""A trial: one training with the version that came of it, if one did, found by whatever a person calls it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking.tags import CODE_TAG, DATA_TAG, TEST_ROWS_TAG
from tasks.tracking.trainings import TrackedVersion, TrainingRun, trainings, versions

_ID_LENGTH = 8
"""Characters of a run's id that tell it from others, and that a line has room for."""

_NUMBER = re.compile(r"(?:version |v|:)?(\d{1,6})")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training; `version` is the newest registered version of its model."""

    training: TrainingRun
    version: TrackedVersion | None = None

    @property
    def label(self) -> str:
        """As people call it: its version, else the beginning of the run's id."""
        if self.version is None:
            return f"run {self.training.run_id[:_ID_LENGTH]}"
        aliases = f" ({', '.join(self.version.aliases)})" if self.version.aliases else ""
        return f"version {self.version.number}{aliases}"

    @property
    def when(self) -> str:
        """When it began, in this machine's time."""
        return datetime.fromtimestamp(self.training.started, UTC).astimezone().strftime("%Y-%m-%d %H:%M")

    @property
    def data(self) -> str | None:
        """The digest of the source that it was made of."""
        return self.training.tags.get(DATA_TAG)

    @property
    def code(self) -> str | None:
        """The digest of the code that made it."""
        return self.training.tags.get(CODE_TAG)

    @property
    def test_rows(self) -> str | None:
        """The digest of the test rows that it was judged on."""
        return self.training.tags.get(TEST_ROWS_TAG)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        version = self.version
        return {
            "run": self.training.run_id,
            "name": self.training.name,
            "version": version and version.number,
            "aliases": list(version.aliases) if version else [],
            "when": self.when,
            "data": self.data,
            "code": self.code,
        }


@dataclass(frozen=True, kw_only=True)
class Trials:
    """All trials of one pipeline, the newest first."""

    pipeline: str
    newest_first: tuple[Trial, ...] = field(default=())

    def named(self, text: str) -> Trial:
        """The trial of a version (3, v3, @champion), a run's id, its beginning, or its name.

        Raises UserError, with what there is, when none or several are called so.
        """
        matches = [trial for trial in self.newest_first if _is_called(trial, text)]
        if len(matches) == 1:
            return matches[0]
        what = f"{len(matches)} runs are called {text}" if matches else f"there is no run or version {text}"
        known = ", ".join(_names(trial) for trial in (matches or self.newest_first)[:10])
        raise UserError(f"{self.pipeline}: {what}; give one of {known}")


def trials_of(project: Project, pipeline: str) -> Trials:
    """Raises UserError when nothing was tried yet, or when the store cannot be used."""
    of_model: dict[str | None, TrackedVersion] = {}
    for version in sorted(versions(project, pipeline), key=lambda version: version.number):
        of_model[version.model] = version
    # A model that came out twice is one trial: the run that MLflow knows last.
    by_model = {training.model: training for training in reversed(trainings(project, pipeline))}
    newest_first = sorted(by_model.values(), key=lambda training: -training.started)
    if not newest_first:
        raise UserError(
            f"nothing was tried yet: no training of {pipeline} has ended; `modelwright run {pipeline}` does one"
        )
    return Trials(
        pipeline=pipeline,
        newest_first=tuple(Trial(training=training, version=of_model.get(training.model)) for training in newest_first),
    )


def _is_called(trial: Trial, text: str) -> bool:
    version, run_id = trial.version, trial.training.run_id
    if version is not None:
        number = _NUMBER.fullmatch(text)
        if (number and int(number[1]) == version.number) or text.removeprefix("@") in version.aliases:
            return True
    return text == trial.training.name or (len(text) >= _ID_LENGTH and run_id.startswith(text))


def _names(trial: Trial) -> str:
    run = trial.training.run_id[:_ID_LENGTH]
    if trial.version is None:
        return run
    return "/".join([str(trial.version.number), *(f"@{alias}" for alias in trial.version.aliases), run])
