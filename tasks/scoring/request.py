"""What is asked for: which rows, by which model, and where the answers go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from tasks.params.pipeline import Pipeline
from tasks.params.predict import Predict
from tasks.paths import Project
from tasks.tracking.registered import RegisteredModel


@dataclass(frozen=True, kw_only=True)
class Request:
    """`source` is a source's block as `modelwright init` would write it; `out` a file, or a database's URL.

    `columns` come along with the answers, as the source has them.
    """

    project: Project
    model: RegisteredModel
    source: Mapping[str, Any]
    out: str
    columns: tuple[str, ...] = ()
    table: str = "predictions"
    password_env: str | None = None
    settings: Pipeline | None = None
    """The block of the pipeline that the model comes from, where this project has it."""
    time: datetime | None = None
    """When the rows are answered, for the log (UTC, without a zone); now where it is None."""

    @property
    def config(self) -> Predict:
        """Its section `predict`."""
        return self.settings.predict if self.settings else Predict()

    def job(self, source_digest: str) -> str:
        """Changes when, and only when, a part that was answered before must be answered again."""
        model = self.model
        asked = {
            "model": [model.name, model.version, model.recipe, model.packed.parent.name],
            "rows": source_digest,
            "source": dict(self.source),
            "columns": self.columns,
            "config": self.config.model_dump(mode="json"),
            "suite": _digest(self.suite),
        }
        return sha256(dumps(asked, sort_keys=True).encode()).hexdigest()

    @property
    def suite(self) -> Path:
        """The suite of the pipeline that the model comes from, where this project has it."""
        return self.project.pipeline(self.model.name).suite


@dataclass(frozen=True, kw_only=True)
class ScoringOutcome:
    """What came of it: rows in = answered + quarantined."""

    model: RegisteredModel
    source: str
    out: str
    num_rows: int
    num_answered: int
    num_quarantined: int
    quarantine: Path | None
    rules: Mapping[str, int] = field(default_factory=dict)
    """The quarantined rows by the rule that they fail."""
    examples: tuple[str, ...] = ()
    """Reasons of the first of them."""
    warnings: Mapping[str, int] = field(default_factory=dict)
    """Answered rows that fail a rule which only warns."""
    drift: tuple[Mapping[str, Any], ...] = ()
    remarks: tuple[str, ...] = ()
    num_parts_kept: int = 0
    """Parts that a run which was cut off had answered."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        model = self.model
        return {
            "model": {"name": model.name, "version": model.version, "alias": model.alias, "recipe": model.recipe},
            "source": self.source,
            "out": self.out,
            "num_rows": self.num_rows,
            "num_answered": self.num_answered,
            "num_quarantined": self.num_quarantined,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "rules": dict(self.rules),
            "warnings": dict(self.warnings),
            "drift": [dict(warning) for warning in self.drift],
            "remarks": list(self.remarks),
        }


def _digest(file: Path) -> str | None:
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def settings_of(project: Project, name: str) -> Pipeline | None:
    """The block of the pipeline that the model comes from, where this project has it."""
    from tasks.params.file import load_pipeline, pipeline_names

    # A registry may be asked from any project: the model brings along all but these.
    known = project.params.is_file() and name in pipeline_names(project.params)
    return load_pipeline(project.params, name) if known else None
