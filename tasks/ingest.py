"""Stage ingest: the source's rows as a table of typed columns."""

from __future__ import annotations

from pathlib import Path

from tasks import reports
from tasks.errors import UserError
from tasks.ingestion.appended import write_pieces
from tasks.ingestion.description import describe
from tasks.ingestion.stretches import write_stretches
from tasks.ingestion.typed_rows import PlanChanged, Typing, first_plan, plan_of
from tasks.ingestion.units import units_of, with_fitting_units, with_units
from tasks.parallel import prefetch
from tasks.params.ingest import Ingest
from tasks.paths import Paths
from tasks.reports import Report
from tasks.sources import source
from tasks.sources.base import Place, Source
from tasks.tables import storage
from tasks.tables.dataset import Dataset, write_dataset
from tasks.tables.parts import regroup
from tasks.tables.storage import TableWriter

_MOST_PASSES = 3
"""The first plan is from the first rows, the second from all of them: only a source that changes needs another."""


def run(config: Ingest, paths: Paths) -> Report:
    """Reads the source once; twice when later rows show that the types of the first ones were wrong.

    Leaves raw/ and dataset.json. Raises UserError when the source cannot be read, has no rows, or the target is absent
    or says nothing.
    """
    project = paths.project
    place = Place(root=project.root, downloads=project.downloads, known_files=paths.known_files)
    return take_in(source(config.source, place), config, paths)


def take_in(rows: Source, config: Ingest, paths: Paths) -> Report:
    """The same of a source that was asked for news already: nothing is listed or fetched twice."""
    # Taken before the rows: what is written to the source from now on looks new to the next run.
    digest = None if rows.digests_its_rows else rows.digest()
    if pieces := rows.pieces():
        dataset = write_pieces(config, rows, pieces, digest or rows.digest(), paths.raw, paths.appended)
    else:
        dataset = write_rows(config, rows, digest, paths.raw)
        rows.kept_parts.remember(paths.raw)
    write_dataset(paths.dataset, dataset)
    return reports.ingest(paths)


def write_rows(config: Ingest, rows: Source, digest: str | None, folder: Path) -> Dataset:
    """Writes the source's rows as a table of typed columns. Returns its description.

    Without a digest the source is asked for it when all rows have been read.
    """
    first = next(rows.parts(), None)
    given, config = config, with_units(config, units_of(config, first))
    plan = first_plan(config, rows, first)
    for _ in range(_MOST_PASSES):
        typing = Typing(config=config, rows=rows, plan=plan)
        try:
            # Within: a plan that fails leaves no table behind, and the next pass writes in its place.
            with storage.table_writer(folder) as writer:
                _write(typing, writer)
                config = with_fitting_units(config, given, typing.surveys)
                dataset = describe(config, rows, typing.surveys, rows.digest() if digest is None else digest)
                plan = plan_of(config, rows, typing.surveys)
                typing.check(plan, config)
        except PlanChanged:
            continue
        return dataset
    raise UserError(f"{rows.location}: changed while it was read; run again when nothing writes to it")


def _write(typing: Typing, writer: TableWriter) -> None:
    rows_per_part = typing.config.rows_per_part
    if stretches := typing.rows.stretches(rows_per_part):
        write_stretches(typing, stretches, writer)
        return
    for part in prefetch(regroup(typing.parts(), rows_per_part)):
        writer.append(part, typing.origins.take(part.height))
