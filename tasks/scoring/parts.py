"""One part after another: typed for suite and drift, sorted, answered by the model, and kept before the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.prediction_log.as_trained import empty_table, typed
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.scoring.answers import answer_table, check_names, ids_among
from tasks.scoring.asked_of_rows import rules_for
from tasks.scoring.destinations import Destination
from tasks.scoring.journal import Journal
from tasks.scoring.logged_parts import PartLog
from tasks.scoring.refused import BROKEN, REASON, RULE, Refused, broken_lines
from tasks.scoring.request import Request
from tasks.sources.base import BrokenLine
from tasks.tables.dataset import Dataset
from tasks.tables.origins import PartOrigins
from tasks.tracking.answering import Answerer
from tasks.validation.data_profile import ProfileState
from tasks.validation.expectations import Suite
from tasks.validation.findings import reasons

if TYPE_CHECKING:
    from tasks.validation.gx.new_rows import RowRules

NUM_EXAMPLES = 5
BEHIND_ALL_PARTS = 999_999
"""The number of what belongs to no part."""


@dataclass(frozen=True, kw_only=True)
class NewPart:
    """`first` is the number of its first row in the source, from 1."""

    number: int
    first: int
    rows: pl.DataFrame
    origins: PartOrigins


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the rows that the model learnt from: their columns, and what is compared with them."""

    dataset: Dataset | None
    profile: ProfileState | None
    rules: RowRules | None


@dataclass(frozen=True, kw_only=True)
class ReadyPart:
    """A part, with the rows that will not be answered; or with its record, where it is done already."""

    part: NewPart
    refused: Refused
    warnings: Mapping[str, int] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None


class PartWork:
    """What is done with a part."""

    def __init__(
        self,
        request: Request,
        asked: tuple[str, ...],
        known: Known,
        answerer: Answerer,
        journal: Journal,
        to: Destination,
        log: PartLog,
    ) -> None:
        self._log = log
        self._request, self._asked, self._known = request, asked, known
        self._answerer, self._journal, self._to = answerer, journal, to
        self._recipe: Recipe = read_recipe(request.model.model / "recipe.json")
        columns = (request.model.passport or {}).get("columns", ())
        self._logged = {*asked, *(column["name"] for column in columns if column["role"] in ("id", "group", "weight"))}
        self._ids = [column["name"] for column in columns if column["role"] == "id"]

    def sorted_out(self, part: NewPart) -> ReadyPart:
        """All that is to be known of a part before the model sees it: beside the model's work on the one before."""
        dataset, profile = self._known.dataset, self._known.profile
        values = typed(part.rows, dataset) if dataset and (profile or self._known.rules) else None
        # Of every part: what is compared with training is all rows, also those that were answered before.
        if profile is not None and values is not None:
            profile.add(values)
        refused = Refused(part.rows, part.origins)
        if record := self._journal.record(part.number):
            return ReadyPart(part=part, refused=refused, record=record)
        refused.add_unreadable(self._recipe)
        return ReadyPart(part=part, refused=refused, warnings=self._ask_suite(refused, values))

    def answered(self, one: ReadyPart) -> dict[str, Any]:
        """What the part came to. One that an earlier run has kept is not answered again."""
        if one.record is not None:
            return {**one.record, "kept": True}
        answers = self._answers(one.part, one.refused)
        quarantined = one.refused.table() if one.refused.rows else None
        record = {
            "num_rows": one.part.rows.height,
            "num_answered": 0 if answers is None else answers.height,
            "rules": {} if quarantined is None else dict(Counter(quarantined[RULE].to_list())),
            "examples": [] if quarantined is None else _examples(quarantined),
            "warnings": one.warnings,
        }
        kept = None if answers is None else self._to.keep(one.part.number, answers)
        self._journal.write(one.part.number, kept, quarantined, record)
        return record

    def _answers(self, part: NewPart, refused: Refused) -> pl.DataFrame | None:
        rows = refused.kept()
        logged = part.rows.select([name for name in part.rows.columns if name in self._logged])
        if not rows:
            self._log.add(part.number, logged, refused, None)
            return None
        asked = part.rows.select(self._asked)
        answered = self._answerer.answer(asked if len(rows) == part.rows.height else asked[rows])
        refused.add_by_model(answered.refused, rows)
        # Before the part's record: a run that is killed in between logs it again, by the same name.
        self._log.add(part.number, logged, refused, answered.answers)
        if answered.answers is None:
            return None
        names, chosen = answered.answers.columns, self._request.columns
        check_names(chosen, names)
        columns = [*dict.fromkeys([*ids_among(self._ids, part.rows.columns, names), *chosen])]
        return answer_table(part.rows, part.first, refused.kept(), columns, answered.answers, self._request.model)

    def _ask_suite(self, refused: Refused, values: pl.DataFrame | None) -> dict[str, int]:
        """Rows that fail a critical rule are not answered; those that fail another one are counted, by the rule."""
        if self._known.rules is None or values is None:
            return {}
        failing = self._known.rules.failing(values)
        columns = {rule.label: rule.columns[0] for rule, _ in failing}
        why = reasons(failing, values)
        for row in why[RULE].is_not_null().arg_true().to_list():
            rule = why[RULE][row]
            refused.add(row, columns[rule], rule, why[REASON][row])
        kept = set(refused.kept())
        counts = {
            rule.label: len(kept.intersection(rows.tolist())) for rule, rows in failing if rule.severity == "warning"
        }
        return {label: count for label, count in counts.items() if count}


@contextmanager
def asked_suite(
    request: Request, suite: Suite | None, dataset: Dataset | None, folder: Path
) -> Iterator[RowRules | None]:
    """The rules that are asked of new rows; None where there is no suite, or it asks nothing of them."""
    if suite is None or dataset is None:
        yield None
        return
    empty = empty_table(dataset)
    shown = str(request.project.params)
    rules = rules_for(request.config, suite, empty.columns, shown)
    if not rules:
        yield None
        return
    from tasks.validation.telling import quiet_judge

    with quiet_judge():
        from tasks.validation.gx.new_rows import row_rules

        with row_rules(rules, empty, folder / "columns", str(request.suite)) as asked:
            yield asked


def keep_broken(lines: Sequence[BrokenLine], names: Sequence[str], journal: Journal) -> dict[str, Any]:
    """Keeps lines that are no rows behind all parts; they are found again by every run. Returns their record."""
    quarantined = broken_lines(lines, names)
    record = {
        "num_rows": len(lines),
        "num_answered": 0,
        "rules": {BROKEN: len(lines)},
        "examples": _examples(quarantined),
        "warnings": {},
    }
    journal.write(BEHIND_ALL_PARTS, None, quarantined, record)
    return record


def _examples(quarantined: pl.DataFrame) -> list[str]:
    first = quarantined.head(NUM_EXAMPLES)
    return [f"{place}: {reason}" for place, reason in zip(first["_place"], first[REASON], strict=True)]
