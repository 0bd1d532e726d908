"""The column to predict: as given, or guessed with the reason; its classes, and how their cells are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from tasks.columns.category.column import MAX_CATEGORIES, MAX_LENGTH
from tasks.columns.words import words
from tasks.drafting.column_statistics import as_numbers
from tasks.drafting.profile import Facts
from tasks.drafting.roles import ID_WORDS
from tasks.errors import UserError, did_you_mean
from tasks.ingestion.description import FEW_CLASSES
from tasks.params.config import Task
from tasks.sources.base import SPLIT, NumberFormat

_LABEL_WORDS = frozenset("target label labels class classes y outcome response groundtruth".split())  # noqa: SIM905
_OUTCOMES = """
    approved attrition cancelled canceled churn churned clicked converted default defect diagnosis exited failed failure
    fault fraud left purchased quality readmitted result risk sentiment spam species survival survived
    """
_ASKED_FOR = frozenset(_OUTCOMES.split())
"""What people want to know of a row before it happens."""
_AMOUNTS = """
    amount charges cnt consumption cost count demand duration income price rating revenue salary sales score strength
    total value yield
    """
_MEASURED = frozenset(_AMOUNTS.split())
"""Amounts that are often predicted, and as often used to predict."""
_PLACE_AND_TIME_WORDS = frozenset("date datetime day hour lat latitude lon longitude month time timestamp year".split())  # noqa: SIM905
"""When and where: hardly ever what is asked for."""

_NOTABLE = 2.0
"""A score below which a column is not worth naming as what else it could have been."""
_MAX_CLASSES = 100
"""A guess is not made for a column of more classes."""


@dataclass(frozen=True, kw_only=True)
class TargetGuess:
    """The column to predict. `why` says how it was chosen, `runner_up` what else it could have been."""

    name: str
    task: Task
    why: str
    runner_up: str | None = None


def given_target(facts: Facts, name: str, location: str) -> TargetGuess:
    """The one that the user names. Raises UserError when there is no such column, or nothing in it to predict."""
    if name not in facts.names:
        raise UserError(f"--target: {location} has no column {name}{did_you_mean(name, facts.names)}; correct it")
    problem = _problem(facts, name)
    if problem:
        raise UserError(f"--target: column {name} {problem}; choose another target, or mend the data")
    return TargetGuess(name=name, task=task_of(facts, name), why="given")


def guess_target(facts: Facts, skip: Collection[str], location: str) -> TargetGuess:
    """The likeliest one by name, place and values. Raises UserError when none is likely."""
    scores = {name: _score(facts, name) for name in facts.names if name not in skip and _problem(facts, name) is None}
    # Python's sort keeps the columns' order among equals: the same guess each time.
    ranked = sorted((name for name in scores if scores[name] > 0), key=lambda name: -scores[name])
    if not ranked:
        raise UserError(
            f"{location}: no column looks like what is to be predicted; name it with --target "
            f"(columns are {', '.join(facts.names[:30])})"
        )
    best = ranked[0]
    return TargetGuess(
        name=best,
        task=task_of(facts, best),
        why=f"guessed: {_reason(facts, best)}",
        runner_up=next((name for name in ranked[1:2] if scores[name] >= _NOTABLE), None),
    )


def first_part(facts: Facts, skip: Collection[str]) -> TargetGuess:
    """Of the parts of files' names, the first that names classes. Raises UserError when none does."""
    for name in facts.names:
        # A third of the rows at most, so that each class has three: one a part.
        is_classes = name not in skip and _problem(facts, name) is None and task_of(facts, name) != "regression"
        if is_classes and facts.state(name).num_distinct <= min(_MAX_CLASSES, facts.num_rows / 3):
            why = "guessed: the first part of the files' names that repeats"
            return TargetGuess(name=name, task=task_of(facts, name), why=why)
    raise UserError("no part of the files' names repeats, so none names classes; name the column with --target")


def task_of(facts: Facts, name: str) -> Task:
    """As ingest infers it: few distinct whole numbers are classes, other numbers are amounts."""
    num_distinct = facts.profile.surveys[name].num_distinct
    if facts.is_number(name) and not (facts.is_whole(name) and num_distinct <= FEW_CLASSES):
        return "regression"
    return "binary" if num_distinct == 2 else "multiclass"


def _problem(facts: Facts, name: str) -> str | None:
    """Why the column cannot be a target."""
    survey = facts.profile.surveys[name]
    if facts.is_media(name) or facts.is_time(name):
        return f"holds values of the type {facts.types[name]}, which no model here predicts"
    if survey.num_present == 0:
        return "has no value in any row"
    if survey.num_distinct < 2:
        return "has the same value in all rows"
    if not facts.is_number(name) and (survey.num_distinct > MAX_CATEGORIES or survey.longest > MAX_LENGTH):
        return "holds too many or too long values to be classes"
    return None


def _score(facts: Facts, name: str) -> float:
    """Above 0 when it could be one; the name says most, then the place, then the values."""
    name_words = set(words(name))
    num_distinct, is_last = facts.state(name).num_distinct, name == _last(facts)
    is_classes = task_of(facts, name) != "regression"
    # A class of its own in every third row is an identifier in disguise.
    if is_classes and num_distinct > min(_MAX_CLASSES, max(2, facts.num_rows / 3)):
        return 0.0
    # `birth_year` is a date, `churn_date` what is asked for.
    if name_words & ID_WORDS or (name_words & _PLACE_AND_TIME_WORDS and not name_words & (_LABEL_WORDS | _ASKED_FOR)):
        return 0.0
    score = (
        8.0 * bool(name_words & _LABEL_WORDS) + 5.0 * bool(name_words & _ASKED_FOR) + 3.0 * bool(name_words & _MEASURED)
    )
    # Most tables have the target last, and most of the others have it first.
    score += 2.5 * is_last + 0.5 * (name == facts.names[0]) + 0.5 * (num_distinct == 2)
    # Of two alike the later one: results are written down last.
    return score + facts.names.index(name) / len(facts.names) * 0.4 + (0.1 if is_classes else 0.05)


def _reason(facts: Facts, name: str) -> str:
    name_words = set(words(name))
    if name_words & (_LABEL_WORDS | _ASKED_FOR | _MEASURED):
        return "its name says so"
    if name == _last(facts):
        return "the last column"
    return "the first column" if name == facts.names[0] else "the likeliest by its values"


def _last(facts: Facts) -> str:
    """The last column of the data; what says which file a row came from stands behind it."""
    names = [name for name in facts.names if name != SPLIT]
    return names[-1] if names else facts.names[-1]


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Rows of each class by its name at rest, and the cells that become it: 1 and 1.0 are the same class."""

    counts: Mapping[str, int]
    cells: Mapping[str, tuple[str, ...]]


def classes_of(facts: Facts, target: TargetGuess) -> Classes:
    """The target's classes; none for a regression."""
    return values_of(facts, target.name) if target.task != "regression" else Classes(counts={}, cells={})


def values_of(facts: Facts, name: str) -> Classes:
    """A column's values by the names that they have when ingest and clean have read them: `1` and `1.0` are one."""
    counts: dict[str, int] = {}
    cells: dict[str, tuple[str, ...]] = {}
    for cell, count in (facts.state(name).counts or {}).items():
        value = _class_name(cell, facts.written) if facts.is_whole(name) else _word(cell)
        counts[value] = counts.get(value, 0) + count
        cells[value] = (*cells.get(value, ()), str(cell))
    return Classes(counts=dict(sorted(counts.items())), cells=cells)


def _class_name(cell: object, written: NumberFormat) -> str:
    numbers = as_numbers(pl.Series([cell]), written)
    assert numbers is not None
    return f"{numbers.item():.0f}"


def _word(cell: object) -> str:
    """As `clean` leaves a category by default: one form of letters, and single blanks."""
    return str(cell).lower() if isinstance(cell, bool) else " ".join(unicodedata.normalize("NFC", str(cell)).split())
