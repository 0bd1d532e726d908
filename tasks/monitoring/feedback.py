"""`modelwright feedback`: labels that came later, from a file to the rows that were answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import polars as pl

from tasks import files
from tasks.errors import UserError
from tasks.params.monitor import Monitor
from tasks.paths import Project
from tasks.prediction_log.labels import newest_labels, read_labels, sort_labels, write_labels
from tasks.prediction_log.log import logged_keys, remove_expired, row_key_of
from tasks.prediction_log.places import labels_folder, refused_labels_folder
from tasks.recipe.recipe import read_recipe
from tasks.scoring.new_rows import open_rows
from tasks.scoring.request import settings_of
from tasks.sources.base import Place
from tasks.tables.dataset import Column
from tasks.tracking.registered import RegisteredModel
from tasks.wording import counted

_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, kw_only=True)
class FeedbackOutcome:
    """What the rows of a file came to: the counts add up to `num_rows`. `quarantine` is where those of `rules` lie."""

    num_rows: int = 0
    num_new: int = 0
    num_corrected: int = 0
    num_repeated: int = 0
    num_unsampled: int = 0
    num_quarantined: int = 0
    rules: Mapping[str, int]
    quarantine: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def take_labels(
    project: Project, model: RegisteredModel, block: Mapping[str, Any], time: datetime | None = None
) -> FeedbackOutcome:
    """Keeps the labels of rows that were logged, whichever version answered them.

    `block` is a source as `modelwright init` would write it: the ids, or all that the model asks, and the target.
    Raises UserError when it lacks these, and when nothing was logged.
    """
    time = time or datetime.now(UTC).replace(tzinfo=None)
    paths, key = project.pipeline(model.name), row_key_of(project, model)
    config = settings.monitor if (settings := settings_of(project, model.name)) else Monitor()
    logged = logged_keys(paths)
    if logged.is_empty():
        raise UserError(
            f"{model.name}: no answers were logged that labels could be of; write `monitor: {{log: true}}` in the "
            f"block {model.name} of {project.params}, and answer rows"
        )
    target = _target(model)
    trained = (model.passport or {}).get("parameters", {}).get("ingest", {}).get("source")
    place = Place(root=project.root, downloads=project.downloads)
    source = open_rows(block, trained, [*(key.ids or key.asked), target.name], place)
    classes = read_recipe(model.model / "recipe.json").target.classes
    rows = pl.concat([part for part, _ in source.parts(_ROWS_AT_ONCE)])
    known = newest_labels(labels_folder(paths), pl.String if classes else pl.Float64)
    labels = read_labels(rows[target.name], target, classes)
    outcome = sort_labels(key.of(rows), labels, logged, known, config.sample)
    name = sha256(repr(dict(block)).encode()).hexdigest()[:8]
    write_labels(labels_folder(paths), outcome.kept, time, name)
    refused = rows.filter(outcome.reasons.is_not_null())
    quarantine = refused_labels_folder(paths) / f"{time:%Y-%m-%d}_{time:%H%M%S%f}-{name}.parquet"
    if refused.height:
        with files.aside(quarantine) as draft:
            refused.with_columns(outcome.reasons.drop_nulls().alias("_reason")).write_parquet(draft)
    remove_expired(labels_folder(paths), config.retention_days, time)
    return FeedbackOutcome(
        num_rows=rows.height,
        num_new=outcome.num_new,
        num_corrected=outcome.num_corrected,
        num_repeated=outcome.num_repeated,
        num_unsampled=outcome.num_unsampled,
        num_quarantined=refused.height,
        rules=outcome.rules,
        quarantine=str(quarantine) if refused.height else None,
    )


def lines_of(outcome: FeedbackOutcome) -> Iterator[str]:
    """What a person sees."""
    yield (
        f"{counted(outcome.num_rows, 'label')}: {outcome.num_new:,} new, {outcome.num_corrected:,} corrected, "
        f"{outcome.num_repeated:,} known already, {outcome.num_unsampled:,} of rows outside the sample, "
        f"{outcome.num_quarantined:,} in quarantine"
    )
    for rule, count in outcome.rules.items():
        yield f"  {rule}: {count:,}"
    if outcome.quarantine:
        yield f"wrote {outcome.quarantine}"


def _target(model: RegisteredModel) -> Column:
    columns = (model.passport or {}).get("columns", ())
    return next(Column.model_validate(column) for column in columns if column["role"] == "target")
