"""The stage `validate`: Great Expectations says whether the raw data may pass, a part in memory at a time.

Great Expectations takes seconds to import: `tasks.validation.gx`, the only package that does, is imported where it is
used.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from tasks import files, reports
from tasks.digests import file_digest
from tasks.errors import GateError
from tasks.parallel import lasting_threads, write_behind
from tasks.params.validate import Validate
from tasks.paths import Paths
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tables.origins import read_origins
from tasks.tables.quarantine import split_rows
from tasks.validation.accepted import read_accepted, write_accepted
from tasks.validation.data_profile import ProfileState
from tasks.validation.drift import drift
from tasks.validation.expectations import Suite, check_columns, check_types, read_suite
from tasks.validation.findings import ExpectationResult, RowCounts, reasons, summarize, with_places
from tasks.validation.first_places import FirstPlaces
from tasks.validation.telling import quiet_judge, refusal_message, write_pages
from tasks.validation.unread import UnreadTally
from tasks.validation.whole_columns import WholeColumns


def run(config: Validate, paths: Paths) -> Report:
    """Checks raw/ against the suite; rows that fail a critical expectation go to quarantine.

    Raises GateError when too many rows would go, or a critical expectation about the whole table fails: the
    reports and the quarantine are complete by then. Raises UserError when the suite cannot be used.
    """
    (suite, digest), dataset = _suite_as_read(paths.suite), read_dataset(paths.dataset)
    check_columns(paths.suite, suite, [column.name for column in dataset.columns])
    check_types(paths.suite, suite, dataset)
    accepted = read_accepted(paths.accepted, paths.accepted_in_git)
    with quiet_judge():
        from tasks.validation.gx.pages import render_pages

        profile = ProfileState(dataset)
        unread = UnreadTally(dataset)
        places = FirstPlaces()
        findings, result, counts = _examine(suite, paths, profile, unread, places)
        quarantine = paths.relative(paths.quarantine("validate"))
        content = summarize(findings, counts, config, quarantine, unread.entries(counts), places.by_rule)
        content["suite"] = digest
        content["drift"] = drift(config.drift, profile.profile(), profile.histograms(), accepted)
        pages = render_pages(result, content, findings, paths.pipeline)
    files.write_json(paths.validation_report, content)
    write_pages(pages, paths.data_docs)
    if content["refusals"]:
        raise GateError(refusal_message(content, paths))
    # Last, as only what has passed is what later data are compared with.
    write_accepted(paths.accepted, accepted.after(profile.profile()))
    return reports.validate(paths)


def _suite_as_read(path: Path) -> tuple[Suite, str | None]:
    """The suite, and the digest of just the file that was read: the passport names what was asked."""
    digest = file_digest(path)
    suite = read_suite(path)
    return (suite, digest) if file_digest(path) == digest else _suite_as_read(path)


def _examine(
    suite: Suite, paths: Paths, profile: ProfileState, unread: UnreadTally, places: FirstPlaces
) -> tuple[list[ExpectationResult], Any, RowCounts]:
    """A finding per rule, the result as a whole, and the rows; valid/ and quarantine are written."""
    from tasks.validation.gx.examination import Examination

    paths.data.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=paths.data, prefix=".validate-") as folder,
        closing(WholeColumns(Path(folder))) as columns,
    ):
        examination = Examination(paths.raw, suite, str(paths.suite), columns)
        counts = _sort_rows(examination, paths, profile, unread, places)
        findings, result = examination.verdict()
    return findings, result, counts


def _sort_rows(
    examination: Any, paths: Paths, profile: ProfileState, unread: UnreadTally, places: FirstPlaces
) -> RowCounts:
    """Writes each row to valid/ or, with its reason, to the quarantine; the profile is of all that came in."""
    with (
        storage.table_writer(paths.valid) as valid,
        storage.table_writer(paths.quarantine("validate")) as quarantine,
        lasting_threads() as mapped,
        write_behind() as later,
    ):
        for file, (part, failing) in zip(storage.part_files(paths.raw), examination.parts(), strict=True):
            origins = read_origins(file)
            cells = origins.unread if origins else ()
            unread.add(cells)
            places.add(failing, cells, origins)
            failures = reasons(failing, part, unread.reasons(part.height, cells))
            kept, quarantined = split_rows(part, with_places(failures, origins), "validate")
            # A part that loses no row is copied as a file, which is faster than writing it anew.
            if quarantined.is_empty() and part.height:
                valid.copy(file, part.height)
            else:
                valid.append(kept)
            quarantine.append(quarantined)
            later(partial(profile.add, mapped=mapped), part)
    return RowCounts(num_rows=valid.num_rows + quarantine.num_rows, num_quarantined=quarantine.num_rows)
