"""Stage clean: puts values right, flags rows to look at, and takes out rows that nothing can be learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from tasks import reports, storage
from tasks.cleaning.faults import find_flags
from tasks.cleaning.found import Found
from tasks.cleaning.guard import Guard, Watch, check_settings
from tasks.cleaning.in_text import Written
from tasks.cleaning.repairs import learn_repairs
from tasks.cleaning.rows import Rows
from tasks.cleaning.rules import Judged, judge
from tasks.cleaning.tally import Tally
from tasks.dataset import Dataset, read_dataset, write_dataset
from tasks.errors import GateError
from tasks.params import Clean
from tasks.paths import Paths
from tasks.quarantine import REASON, RULE, STAGE, split_rows
from tasks.report import Report


def run(config: Clean, paths: Paths) -> Report:
    """Reads valid/ and dataset.json; leaves clean/, cleaned.json, quarantine/clean/, flagged/ and cleaning.json.

    Raises UserError when settings do not fit the columns, GateError when more rows would go than `max_quarantined`.
    """
    dataset = read_dataset(paths.dataset)
    check_settings(config, dataset)
    guard = Guard.of(config, dataset)
    repairing, written = learn_repairs(partial(storage.read_parts, paths.valid), dataset, config)
    rows = Rows(paths.valid, repairing, config)
    judged = judge(rows, config)
    tally, watch = Tally(), Watch(enabled=config.personal.report)
    write_rows(rows, judged, guard, tally, watch, config, paths)
    write_dataset(paths.cleaned, guard.without_dropped(repairing))
    facts = judged.facts | watch.facts(guard) | guard.facts(rows, config) | {"not_read": _ambiguous(written)}
    storage.write_json(paths.cleaning_report, tally.as_dict() | facts)
    _check_share(tally, config, paths)
    return reports.clean(paths)


def write_rows(
    rows: Rows, judged: Judged, guard: Guard, tally: Tally, watch: Watch, config: Clean, paths: Paths
) -> None:
    """Each part: the rows that stay, those that go, and copies of those to look at; counted and watched on the way."""
    with (
        storage.table_writer(paths.clean) as kept,
        storage.table_writer(paths.quarantine("clean")) as gone,
        storage.table_writer(paths.flagged) as noted,
    ):
        for number, file in enumerate(rows.files):
            repaired, raw = rows.read(number)
            found = rows.taken_out(number)
            watch.add(repaired, rows.dataset)
            _count_changes(tally, raw, rows.dataset, repaired, guard)
            good, _ = split_rows(repaired, found, "clean")
            _, taken = split_rows(guard.as_it_came(raw, repaired), found, "clean")
            flagged = _flagged_rows(rows, number, repaired, found, judged.flagged, config)
            tally.num_rows_in += raw.height
            tally.add_quarantined(taken)
            tally.add_flagged(flagged)
            gone.append(guard.protected(taken))
            noted.append(guard.protected(flagged))
            protected = guard.protected(good)
            if raw.height and protected.equals(raw):
                kept.copy(file, raw.height)
            else:
                kept.append(protected)


def _flagged_rows(
    rows: Rows, number: int, repaired: pl.DataFrame, taken: pl.DataFrame, flagged: Sequence[Found], config: Clean
) -> pl.DataFrame:
    """Copies of the rows that stay and should be looked at, a line for each rule that found one."""
    one_row = rows.find(number, find_flags(repaired, rows.dataset, config))
    stays = taken[RULE].is_null()
    lines = []
    for found in (one_row, *flagged):
        aligned = rows.aligned(number, found)
        line = repaired.with_columns(
            pl.lit("clean").alias(STAGE), aligned[RULE], aligned[REASON], aligned["score"].alias("_score")
        )
        lines.append(line.filter(aligned[RULE].is_not_null() & stays))
    return pl.concat(lines)


def _count_changes(tally: Tally, raw: pl.DataFrame, dataset: Dataset, repaired: pl.DataFrame, guard: Guard) -> None:
    for column in dataset.columns:
        if column.repair is not None:
            tally.add_changed(
                column.name, raw[column.name], repaired[column.name], tell=column.name not in guard.private
            )


def _ambiguous(written: dict[str, Written]) -> dict[str, str]:
    """Columns of numbers in text that could be read in two ways."""
    return {
        name: "numbers with a unit, in which 1,200 could be 1.2 as well; write them plainly in the source"
        for name, how in written.items()
        if how.ambiguous
    }


def _check_share(tally: Tally, config: Clean, paths: Paths) -> None:
    share = tally.num_quarantined / max(tally.num_rows_in, 1)
    if share > config.max_quarantined or tally.num_quarantined == tally.num_rows_in:
        raise GateError(
            f"clean: {tally.num_quarantined:,} of {tally.num_rows_in:,} rows would go ({share:.1%}; {tally.by_rule}), "
            f"more than clean.max_quarantined = {config.max_quarantined:.1%}; look at them in "
            f"{paths.relative(paths.quarantine('clean'))}, then mend the source or raise the limit"
        )
