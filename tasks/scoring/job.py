"""New rows from their source to their answers, by a registered model: all of them, once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.parallel import parallel_map
from tasks.params.validate import Drift
from tasks.prediction_log.as_trained import known_columns
from tasks.scoring.answer_files import assemble
from tasks.scoring.arguments import words_of_the_command
from tasks.scoring.destinations import Destination, destination
from tasks.scoring.journal import Journal, journal_of
from tasks.scoring.logged_parts import PartLog, part_log
from tasks.scoring.new_rows import NewRows, check_chosen, open_rows
from tasks.scoring.parts import NUM_EXAMPLES, Known, NewPart, PartWork, asked_suite, keep_broken
from tasks.scoring.refused import OWN_COLUMNS
from tasks.scoring.request import Request, ScoringOutcome
from tasks.scoring.since_training import drift_of, profile_state, training_profile
from tasks.sources.base import Place
from tasks.tracking.answering import answering
from tasks.tracking.packed_model import asked_columns, optional_columns
from tasks.validation.data_profile import DataProfile, ProfileState
from tasks.validation.expectations import Suite, read_suite

Progress = Callable[[int], None]
"""Called with the rows that are done so far."""

_NUM_NAMED = 10


@dataclass(kw_only=True)
class _Totals:
    """What the parts' records add up to."""

    num_rows: int = 0
    num_answered: int = 0
    num_parts_kept: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, record: Mapping[str, Any]) -> None:
        self.num_rows += record["num_rows"]
        self.num_answered += record["num_answered"]
        self.num_parts_kept += "kept" in record
        self.rules.update(record["rules"])
        self.warnings.update(record["warnings"])
        self.examples = [*self.examples, *record["examples"]][:NUM_EXAMPLES]


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """What this project knows of the rows that the model learnt from."""

    suite: Suite | None
    profile: DataProfile | None
    drift: Drift
    remark: str | None


def score(request: Request, progress: Progress = lambda _: None) -> ScoringOutcome:
    """Answers all rows that can be answered; the others go to quarantine, each with its reason.

    A run that is cut off leaves the parts that are done, and the next one goes on from there and ends with the same
    bytes. Raises UserError when the source cannot be read, lacks columns or has no rows, when the answers cannot be
    written where they should go, and when no row could be answered.
    """
    with words_of_the_command():
        rows = _rows(request)
        job = request.job(rows.source.digest())
        to = destination(request, job)
        to.check()
        totals, trained = _Totals(), _trained(request)
        with journal_of(to.journal, job, request.out) as journal:
            log = part_log(request, job)
            drift = _answer(request, rows, trained, journal, to, log, totals, progress)
            quarantine = _finish(journal, to, totals)
    return ScoringOutcome(
        model=request.model,
        source=rows.source.location,
        out=to.shown,
        num_rows=totals.num_rows,
        num_answered=totals.num_answered,
        num_quarantined=totals.num_rows - totals.num_answered,
        quarantine=quarantine,
        rules=dict(totals.rules.most_common()),
        examples=tuple(totals.examples),
        warnings=dict(totals.warnings.most_common()),
        drift=tuple(drift),
        remarks=tuple(_remarks(request, rows, trained, to)),
        num_parts_kept=totals.num_parts_kept,
    )


def _rows(request: Request) -> NewRows:
    project, model = request.project, request.model
    trained = (model.passport or {}).get("parameters", {}).get("ingest", {}).get("source")
    place = Place(root=project.root, downloads=project.downloads)
    asked, optional = (names(model.packed, model.shown) for names in (asked_columns, optional_columns))
    rows = open_rows(request.source, trained, asked, place, optional)
    check_chosen(request.columns, rows.names, rows.source.location)
    return rows


def _trained(request: Request) -> _Trained:
    config = request.settings
    profile, remark = training_profile(request.project, request.model)
    suite = read_suite(request.suite) if request.suite.is_file() and request.config.suite != "ignore" else None
    drift = config.validate_.drift if config else Drift()
    return _Trained(suite=suite, profile=profile if drift.enabled else None, drift=drift, remark=remark)


def _answer(
    request: Request,
    rows: NewRows,
    trained: _Trained,
    journal: Journal,
    to: Destination,
    log: PartLog,
    totals: _Totals,
    progress: Progress,
) -> list[Mapping[str, Any]]:
    """Goes through all parts. Returns how they differ from the training rows."""
    types = {name: column.type for name, column in trained.profile.columns.items()} if trained.profile else {}
    dataset = known_columns(request.model.passport or {}, rows.names, types)
    profile: ProfileState | None = None
    if trained.profile is not None and dataset is not None:
        profile = profile_state(dataset, trained.profile)
    with ExitStack() as open_until_done:
        scratch = open_until_done.enter_context(files.scratch(to.journal))
        answerer = open_until_done.enter_context(answering(request.model, request.project))
        rules = open_until_done.enter_context(asked_suite(request, trained.suite, dataset, scratch))
        known = Known(dataset=dataset, profile=profile, rules=rules)
        work = PartWork(request, rows.asked, known, answerer, journal, to, log)
        # A worker each: a part is answered while the next one is sorted, and the one after that is read.
        sorted_parts = parallel_map(work.sorted_out, _numbered(rows, request.config.rows_per_part), workers=1)
        for record in parallel_map(work.answered, sorted_parts, workers=1):
            totals.add(record)
            progress(totals.num_rows)
    if rows.broken:
        totals.add(keep_broken(rows.broken, rows.names, journal))
    if profile is None or trained.profile is None or dataset is None:
        return []
    return drift_of(profile, trained.profile, trained.drift, [column.name for column in dataset.columns])


def _numbered(rows: NewRows, rows_per_part: int) -> Iterator[NewPart]:
    first = 1
    for number, (part, origins) in enumerate(rows.parts(rows_per_part)):
        yield NewPart(number=number, first=first, rows=part, origins=origins)
        first += part.height


def _finish(journal: Journal, to: Destination, totals: _Totals) -> Path | None:
    """Writes the quarantine, then the answers. Returns where the quarantine is, if any row is in it."""
    parts = journal.parts("quarantine")
    if parts:
        assemble(parts, to.quarantine)
    else:
        # Of an earlier run into the same place.
        files.remove(to.quarantine)
    if not totals.num_answered:
        reasons = "\n".join(f"  {example}" for example in totals.examples)
        raise UserError(
            f"none of {totals.num_rows:,} rows could be answered, and no answers were written; first reasons:\n"
            f"{reasons}\nAll of them are in {to.quarantine}; mend the values, or give the file that was meant"
        )
    to.finish(journal)
    journal.remove()
    return to.quarantine if parts else None


def _remarks(request: Request, rows: NewRows, trained: _Trained, to: Destination) -> Iterator[str]:
    if request.model.remark:
        yield request.model.remark
    known = [column["name"] for column in (request.model.passport or {}).get("columns", ())]
    # Those of a quarantine that was mended and is given again are nobody's.
    unasked = [name for name in rows.unasked(known) if name not in (*request.columns, *OWN_COLUMNS)]
    if unasked:
        more = len(unasked) - _NUM_NAMED
        named = ", ".join(unasked[:_NUM_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"ignored, as the model does not ask for {'them' if unasked[1:] else 'it'}: {named}"
    if trained.remark and trained.profile:
        yield trained.remark
    if to.num_there:
        yield f"{to.shown} had the answers of {to.num_there} parts already; they were not written again"
