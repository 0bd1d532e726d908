"""How sure an answer is: an interval around a number, or the classes that it may be, wherever a model answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks import files
from tasks.errors import UserError
from tasks.params.config import ColumnTypeName, Config
from tasks.repair.repair import Repair
from tasks.tables.dialect import ColumnDialect

Floats = NDArray[np.float64]
BY_CLASS, BY_ANSWER = "class", "answer"


class KindColumn(Config):
    """The column whose values tell kinds of rows apart, and how a raw row's value becomes one that `clean` leaves."""

    name: str
    type: ColumnTypeName
    dialect: ColumnDialect = ColumnDialect()
    repair: Repair | None = None


class ConformalRule(Config):
    """conformal.json: how far the truth lies from the answer, in the stated share of rows.

    The distance of a number is that of the truth from it, in the target's unit; of a class 1 - its probability (LAC:
    Sadinle, Lei and Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, JASA 114, 2019).
    `common` is the distance that holds of all rows together, `distances` those of `kinds`: classes, fifths of the
    answered numbers that end at `ends`, or values of `column`, of which None is a missing one. A distance of None has
    no bound: such a class has too few validation rows, and is in every set. A row of no known kind has `common`.
    """

    coverage: float
    by: str | None = None
    column: KindColumn | None = None
    num_rows: int
    common: float
    kinds: tuple[str | None, ...] = ()
    distances: tuple[float | None, ...] = ()
    ends: tuple[float, ...] = ()

    def column_beside(self, names: Sequence[str]) -> str | None:
        """The column that kinds go by, where it is none of these that the model reads: rows may have it or not."""
        return self.column.name if self.column and self.column.name not in names else None

    def kind_numbers(self, answers: Floats, values: pl.Series | None = None) -> NDArray[np.int64]:
        """The number of each row's kind [N], -1 where it is of none that is known; by its answer, [N] or [N, K], or by
        its value [N] of `column`, as text, where it has any."""
        if self.by == BY_ANSWER:
            return np.searchsorted(np.array(self.ends), answers, side="left").astype(np.int64)
        if self.column is None or values is None:
            return np.full(len(answers), -1, dtype=np.int64)
        numbers = {kind: number for number, kind in enumerate(self.kinds)}
        return np.array([numbers.get(value, -1) for value in values.to_list()], dtype=np.int64)

    def interval(self, answers: Floats, values: pl.Series | None = None) -> tuple[Floats, Floats]:
        """Where the truth lies, for answers [N]: both ends, [N] each, in the target's unit."""
        reach = self._of_rows(answers, values)
        return answers - reach, answers + reach

    def sets(self, probabilities: Floats, values: pl.Series | None = None) -> NDArray[np.bool_]:
        """Which classes may be the truth, [N, K]; none where no class is as likely as the truth usually is."""
        distances = 1 - probabilities
        if self.by == BY_CLASS:
            return np.asarray(distances <= self._bounds)
        return np.asarray(distances <= self._of_rows(probabilities, values)[:, None])

    @property
    def _bounds(self) -> Floats:
        return np.array([np.inf if distance is None else distance for distance in self.distances])

    def _of_rows(self, answers: Floats, values: pl.Series | None) -> Floats:
        # The last one is that of rows of no known kind, whose number is -1.
        return np.append(self._bounds, self.common)[self.kind_numbers(answers, values)]


def set_texts(sets: NDArray[np.bool_], classes: Sequence[str]) -> list[str]:
    """Each set [N, K] as a JSON list of its classes, in the model's order: text that one cell of a table can hold."""
    distinct, places = np.unique(sets, axis=0, return_inverse=True)
    names = np.array(classes, dtype=object)
    texts = [json.dumps(names[members].tolist(), ensure_ascii=False) for members in distinct]
    return [texts[place] for place in places.ravel()]


def sure_names(classes: Sequence[str]) -> tuple[str, ...]:
    """The columns of the answers of a model with a rule, besides those that it has without; the order of `sure`."""
    return ("prediction_set",) if classes else ("prediction_low", "prediction_high")


def sure(
    rule: ConformalRule, answers: Floats, classes: Sequence[str], values: pl.Series | None = None
) -> dict[str, list[str] | Floats]:
    """These columns for answers [N] or [N, K]: a list of classes as JSON, or both ends of the interval."""
    # As evaluate has them: what is equal to a distance there must be so here.
    answers = answers.astype(np.float64)
    columns = (set_texts(rule.sets(answers, values), classes),) if classes else rule.interval(answers.ravel(), values)
    return dict(zip(sure_names(classes), columns, strict=True))


@dataclass(frozen=True, kw_only=True)
class PredictionRegion:
    """Where the truth of one row lies, in the stated share of rows: `columns` as `sure` has them."""

    coverage: float
    columns: Mapping[str, float | str]


def regions(
    rule: ConformalRule, answers: Floats, classes: Sequence[str], values: pl.Series | None = None
) -> list[PredictionRegion]:
    """Row by row what `sure` says."""
    columns = sure(rule, answers, classes, values)
    cells = [column if isinstance(column, list) else column.tolist() for column in columns.values()]
    return [
        PredictionRegion(coverage=rule.coverage, columns=dict(zip(columns, row, strict=True)))
        for row in zip(*cells, strict=True)
    ]


def read_conformal(path: Path, classes: Sequence[str]) -> ConformalRule | None:
    """What evaluate wrote to conformal.json; None of a model without. Raises UserError for a damaged file, or another
    model's."""
    content: Any = files.read_json(path)
    if isinstance(content, dict) and content.get("coverage", 0) is None:
        return None
    try:
        rule = ConformalRule.model_validate(content)
    except ValidationError:
        raise UserError(f"{path}: damaged; run evaluate again") from None
    if rule.by == BY_CLASS and list(rule.kinds) != list(classes):
        raise UserError(f"{path}: its sets are of other classes than the model's; run evaluate again")
    return rule
