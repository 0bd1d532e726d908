"""Whether the rows that are given for the test came after all others: then validation rows must be the newest, too."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.columns.timestamp.formats import parse
from tasks.drafting.column_statistics import as_numbers
from tasks.drafting.findings import Finding
from tasks.drafting.inspection import Inspection
from tasks.splitting.given import parts_named


def test_is_later(inspection: Inspection, findings: Sequence[Finding]) -> bool:
    """Whether the data say which rows are for the test, and when rows were, and the test begins where the others end.

    They may share one instant, such as the day on which the rows were cut. A row without a time has no place in its
    order, so that one of them is enough to say no.
    """
    by_role = {finding.role: finding.columns[0] for finding in findings if finding.role in ("time", "split")}
    when, parts_by = by_role.get("time"), inspection.split_column or by_role.get("split")
    if when is None or parts_by is None:
        return False
    spans = []
    for rows in inspection.rows.parts():
        times, is_test = _times(inspection, rows[when]), parts_named(rows[parts_by]) == "test"
        if times is None or times.null_count() or is_test.null_count():
            return False
        spans.append(_spans(pl.DataFrame({"is_test": is_test, "begins": times, "ends": times})))
    whole = {is_test: span for is_test, *span in _spans(pl.concat(spans)).iter_rows()}
    if len(whole) < 2:
        return False
    (begins, ends), (_, others_end) = whole[True], whole[False]
    return bool(begins >= others_end and ends > others_end)


def _spans(times: pl.DataFrame) -> pl.DataFrame:
    return times.group_by("is_test").agg(pl.col("begins").min(), pl.col("ends").max())


def _times(inspection: Inspection, cells: pl.Series) -> pl.Series | None:
    """The cells as numbers or timestamps; None where they are neither."""
    facts, name = inspection.facts, cells.name
    if facts.is_number(name):
        return as_numbers(cells, facts.written)
    written = inspection.pins.get(name, {}).get("format")
    return parse(cells, written) if written else facts.of_type(name).cast(cells)
