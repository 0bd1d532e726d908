"""The suite of expectations to begin with, drafted from all rows as ingest will type them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tasks.params import Ingest
from tasks.paths import Project
from tasks.sources.base import Place
from tasks.survey import Survey


def drafted_suite(project: Project, name: str, config: Ingest, surveys: Mapping[str, Survey]) -> dict[str, Any]:
    """One more pass over the rows, typed by what the surveys say. Raises UserError where ingest would."""
    from tasks.description import describe
    from tasks.expectations import draft_suite
    from tasks.sources import source
    from tasks.typed_rows import Typing, plan_of

    rows = source(config.source, Place(root=project.root, downloads=project.downloads))
    seen = {column: _without_cells(column, config, survey) for column, survey in surveys.items()}
    # The digest is ingest's to record; nothing of the suite depends on it.
    dataset = describe(config, rows, seen, digest="")
    return draft_suite(name, dataset, Typing(config=config, rows=rows, plan=plan_of(config, rows, seen)).parts())


def _without_cells(column: str, config: Ingest, survey: Survey) -> Survey:
    """Cells that the block makes missing, such as classes with too few rows, are no values any more."""
    override = config.columns.get(column)
    if override is None or not override.missing or survey.distinct is None:
        return survey
    return replace(survey, distinct=survey.distinct - set(override.missing))
