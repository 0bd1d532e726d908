"""Stage clean: puts values right, flags rows to look at, and takes out rows that nothing can be learnt from."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

from tasks import files, reports
from tasks.cleaning.counts import CleaningCounts
from tasks.cleaning.personal.k_anonymity import k_anonymity
from tasks.cleaning.personal.look import Watch
from tasks.cleaning.personal.protection import Guard
from tasks.cleaning.repairs import learn_repairs
from tasks.cleaning.rows_under_repair import RowsUnderRepair
from tasks.cleaning.settings import check_settings
from tasks.cleaning.sorting import RowSorter, with_task, write_rows
from tasks.cleaning.table_rules import judge
from tasks.errors import GateError, UserError
from tasks.params.clean import Clean
from tasks.paths import Paths
from tasks.reports import Report
from tasks.splitting.checks import check_classes, check_fold
from tasks.splitting.fold_paths import FoldPaths
from tasks.splitting.folds import in_each_fold
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset, write_dataset
from tasks.wording import percent


def run(config: Clean, paths: Paths) -> Report:
    """Reads split/ and dataset.json; leaves clean/, cleaned.json, quarantine/clean/, flagged/ and cleaning.json.

    What is learnt, is learnt from training rows, and done to all; in each fold of cross validation anew (folds/clean/).
    Raises UserError when settings do not fit the columns or a part lacks a class, GateError when more rows would go
    than `max_quarantined`.
    """
    split = files.read_json(paths.split_report)
    dataset = read_dataset(paths.dataset).model_copy(update={"split_time": split.get("time")})
    # Before any row is read: a wrong name must not cost a run.
    check_settings(config, dataset)
    tally = _clean(config, paths, dataset)
    # Last, so that quarantine and report are there to be looked at when the gate says no.
    _check_share(tally, config, paths)
    if dataset.task != "regression":
        check_classes(tally.classes, dataset.target.name, split["kind"])
    in_each_fold(paths, "split", "clean", lambda fold: _clean_fold(config, fold, dataset))
    return reports.clean(paths)


def _clean_fold(config: Clean, fold: FoldPaths, dataset: Dataset) -> None:
    tally = _clean(config, fold, dataset)
    if tally.emptied:
        raise UserError(f"no row of {tally.emptied[0]} is left ({tally.by_rule}); make split.folds smaller")
    check_fold(tally.classes, dataset.target.name)


def _clean(config: Clean, paths: Paths, dataset: Dataset) -> CleaningCounts:
    """All of it for one training and the rows that it is judged on."""
    guard = Guard.of(config, dataset)
    repairing = learn_repairs(partial(storage.read_parts, paths.split("train")), dataset, config)
    rows = RowsUnderRepair(paths.split, repairing, config)
    judged = judge(rows, config)
    tally, watch = CleaningCounts(), Watch(enabled=config.personal.report)
    write_rows(RowSorter(rows, judged, guard, config), tally, watch, paths)
    # Only now are the classes that are left known.
    cleaned = guard.without_dropped(with_task(repairing, chain(*tally.classes.values())))
    write_dataset(paths.cleaned, cleaned)
    facts = judged.facts | watch.facts(guard) | guard.facts | _k_anonymity(rows, config)
    facts["test_rows_taken"] = rows.taken_from_test()
    files.write_json(paths.cleaning_report, tally.as_dict() | facts)
    return tally


def _k_anonymity(rows: RowsUnderRepair, config: Clean) -> dict[str, Any]:
    columns = config.personal.k_anonymity
    return {"k_anonymity": k_anonymity(rows.parts, columns)} if columns else {}


def _check_share(tally: CleaningCounts, config: Clean, paths: Paths) -> None:
    # A table without rows has no share.
    share = tally.num_quarantined / max(tally.num_rows_in, 1)
    if tally.emptied:
        raise GateError(
            f"clean: no row of {tally.emptied[0]} is left ({tally.by_rule}); look at them in "
            f"{paths.relative(paths.quarantine('clean'))}, then mend the source, or split otherwise"
        )
    if share > config.max_quarantined or tally.num_quarantined == tally.num_rows_in:
        raise GateError(
            f"clean: {tally.num_quarantined:,} of {tally.num_rows_in:,} rows would go ({percent(share)}; "
            f"{tally.by_rule}), more than clean.max_quarantined = {percent(config.max_quarantined)}; look at them in "
            f"{paths.relative(paths.quarantine('clean'))}, then mend the source or raise the limit. "
            f"The first of each rule:\n{tally.first_reasons}"
        )
