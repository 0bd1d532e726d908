"""The suite of expectations to begin with: drafted from the profile of the rows, or from a source that has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.columns import column_type
from tasks.drafting.column_statistics import ColumnStatistics
from tasks.drafting.profile import SourceProfile, Times
from tasks.ingestion.survey import Survey
from tasks.params.ingest import Ingest
from tasks.paths import Project
from tasks.sources.base import NumberFormat, Place
from tasks.tables.dataset import Column, Dataset
from tasks.validation.data_profile import NUM_CATEGORIES, WITHOUT_VALUES, ColumnProfile, DataProfile


def suite_of_source(project: Project, name: str, config: Ingest) -> dict[str, Any]:
    """Ingests the source into a temporary folder, and drafts expectations from all of its rows."""
    from tempfile import TemporaryDirectory

    from tasks import ingest
    from tasks.sources import source
    from tasks.tables import storage
    from tasks.validation.expectations import draft_suite

    rows = source(config.source, Place(root=project.root, downloads=project.downloads))
    with TemporaryDirectory(prefix="modelwright-") as folder:
        table = Path(folder) / "raw"
        # The digest is the stage's to record; nothing of the suite depends on it.
        dataset = ingest.write_rows(config, rows, "", table)
        return draft_suite(name, dataset, storage.read_whole_rows(table))


def drafted_suite(project: Project, name: str, config: Ingest, profile: SourceProfile) -> dict[str, Any]:
    """As `suite_of_source` would draft it, without reading the rows again. Raises UserError where ingest would."""
    from dataclasses import replace

    from tasks.ingestion.description import describe
    from tasks.ingestion.typed_rows import Typing, plan_of
    from tasks.sources import source
    from tasks.validation.expectations import draft_suite, suite_of_profile

    rows = source(config.source, Place(root=project.root, downloads=project.downloads))
    surveys = {
        # The surveys were made before the block set rare classes aside.
        column: replace(survey, distinct=survey.distinct and survey.distinct - _set_aside(column, config))
        for column, survey in profile.surveys.items()
    }
    # The digest is ingest's to record; nothing of the suite depends on it.
    dataset = describe(config, rows, surveys, digest="")
    if all(_is_profiled(column, profile) for column in dataset.columns):
        return suite_of_profile(name, dataset, _as_profile(dataset, config, profile, rows.numbers))
    return draft_suite(name, dataset, Typing(config=config, rows=rows, plan=plan_of(config, rows, surveys)).parts())


def _is_profiled(column: Column, profile: SourceProfile) -> bool:
    """Whether the profile of the column has all that drafting asks."""
    if column.role in WITHOUT_VALUES or not profile.columns[column.name].num_present:
        return True
    # Where a later batch asked for another format, the extremes are not those of all rows.
    if column_type(column.type).dtype.is_temporal():
        times = profile.times.get(column.name)
        return times is not None and times.num_values == profile.columns[column.name].num_present
    return True


def _as_profile(dataset: Dataset, config: Ingest, profile: SourceProfile, written: NumberFormat) -> DataProfile:
    columns = {column.name: _of_column(column, config, profile, written) for column in dataset.columns}
    return DataProfile(digest="", num_rows=profile.num_rows, columns=columns)


def _of_column(column: Column, config: Ingest, profile: SourceProfile, written: NumberFormat) -> ColumnProfile:
    state, survey, name = profile.columns[column.name], profile.surveys[column.name], column.name
    aside = _set_aside(name, config)
    num_aside = sum(count for cell, count in (state.counts or {}).items() if cell in aside)
    of_type = column_type(column.type)
    statistics = of_type.statistics
    summary: dict[str, Any] = {}
    if "extremes" in statistics:
        summary = _times(profile.times.get(name)) if of_type.dtype.is_temporal() else _extremes(state)
    elif "lengths" in statistics and state.num_present:
        summary = {"longest": survey.longest}
    elif "categories" in statistics:
        cells = {_as_read(cell, column, survey, written): 0 for cell in state.counts or {} if cell not in aside}
        # Too many to be counted are also too many to be listed in a suite.
        summary = {"num_categories": NUM_CATEGORIES + 1 if state.counts is None else len(cells), "categories": cells}
    missing = (state.num_missing + num_aside) / max(state.num_rows, 1)
    return ColumnProfile(type=column.type, missing=missing, **summary)


def _times(times: Times | None) -> dict[str, str]:
    return {"minimum": times.earliest.isoformat(), "maximum": times.latest.isoformat()} if times else {}


def _extremes(state: ColumnStatistics) -> dict[str, float]:
    low, high = state.extremes.low, state.extremes.high
    # Without any number they are infinite, the wrong way round.
    return {"minimum": low, "maximum": high} if low <= high else {}


def _as_read(cell: Any, column: Column, survey: Survey, written: NumberFormat) -> str:
    """The cell as ingest leaves it, as text."""
    import polars as pl

    from tasks.drafting.column_statistics import as_numbers

    values = pl.Series([cell])
    # As ingest has it, class 1.0 is class 1, but for numbers with more digits than float64 keeps.
    if column.role == "target" and survey.is_whole and survey.is_exact and values.dtype == pl.String:
        numbers = as_numbers(values, written)
        assert numbers is not None
        values = numbers
    return str(column_type(column.type).cast(values).cast(pl.String).item())


def _set_aside(column: str, config: Ingest) -> frozenset[str]:
    """Cells that the block makes missing, such as classes with too few rows, are no values any more."""
    override = config.columns.get(column)
    return frozenset(override.missing or ()) if override else frozenset()
