"""Other ways to read the columns, each kept where rows that were held out gain by it.

Numbers that go together may say more by their ratio; whole numbers with few values may be codes, and categories may be
read by what the target was with them. Nobody sees that in the values; models of both ways, on the same folds of the
training rows, do. `init` tries the few that are likely to help, and `init --deep` all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tasks.drafting.decide import Decisions
from tasks.drafting.differences import difference, in_words
from tasks.drafting.inspection import Inspection
from tasks.drafting.measured import NO_TIME, Tell, first_line, score_of_fold
from tasks.drafting.network import Section
from tasks.drafting.number_pairs import ratios_and_products, turned_coordinates
from tasks.drafting.trial_rows import trial_rows
from tasks.errors import UserError
from tasks.params.register import LOWER_IS_BETTER
from tasks.paths import Project
from tasks.wording import counted, percent

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

Read = Callable[[Decisions, Inspection], "Pipeline"]
"""The block of these decisions, for a source that is read so."""

_FEWEST_CODES, _MOST_CODES = 3, 50
"""Different whole numbers: two are a truth value, and of many each has too few rows."""
_FEWEST_CATEGORIES = 10
"""Of fewer, trees and linear models learn each one's share by themselves."""
_USUAL_CATEGORIES, _MANY_CATEGORIES = 100, 1_000
"""That have an index of their own: what `normalize` takes by itself, and the most that a column of categories has."""
_SURE = 2.0
"""Standard errors by which another way must be better: a dozen are tried, and one of them will look good by chance."""
_RARE = 0.01
_OTHER_WAYS = "other ways to read the columns"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Another way to read some columns, in words; what it changes in `normalize`, in `clean` and in a column's type."""

    what: str
    normalize: Section = field(default_factory=dict)
    clean: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    """A column that becomes one of categories."""

    def settings(self) -> list[str]:
        """The settings that it makes, by their dotted names."""
        of_column = [] if self.code is None else [f"ingest.columns.{self.code}.type"]
        return [*_names("normalize", self.normalize), *_names("clean", self.clean), *of_column]

    def of(self, decisions: Decisions, inspection: Inspection) -> tuple[Decisions, Inspection]:
        """The same, read this way."""
        choice = replace(decisions.choice, normalize=_joined(decisions.choice.normalize, self.normalize))
        decisions = replace(decisions, choice=choice, clean=_joined(decisions.clean, self.clean))
        if self.code is None:
            return decisions, inspection
        facts = replace(inspection.facts, types={**inspection.facts.types, self.code: "category"})
        pins = {**inspection.pins, self.code: {"type": "category"}}
        return decisions, replace(inspection, facts=facts, pins=pins)


def with_readings(
    decisions: Decisions,
    inspection: Inspection,
    read: Read,
    minutes: float,
    tell: Tell,
    *,
    deep: bool,
    given: Collection[str] = (),
) -> tuple[Decisions, Inspection]:
    """Both with every other reading by which the drafted kind of model gains; what was tried stands beside it.

    `deep` also tries those that seldom help. An ensemble is stood for by boosted trees alone. One reading after the
    other, each with those that were kept before; none is begun that would not end within the minutes, or that makes a
    setting which the user has `given`.
    """
    readings = [*likely(decisions, inspection), *(_of_types(decisions, inspection) if deep else ())]
    notes = [f"  {one.what}: not tried, as {_first(one, given)} is given" for one in readings if _first(one, given)]
    readings = [one for one in readings if not _first(one, given)]
    if not decisions.choice.tried:
        return decisions, inspection
    if not readings or minutes <= 0:
        late = [f"{_OTHER_WAYS}: {NO_TIME}"] if readings else []
        return _with_lines(decisions, [*late, *([f"{_OTHER_WAYS}:", *notes] if notes else [])]), inspection
    deadline = time.monotonic() + 60 * minutes
    try:
        comparison = _ReadingComparison.of(decisions, inspection, read)
    # Of folds that were not measured before, one may have no score: there is nothing to compare with.
    except UserError as error:
        return _with_lines(decisions, [f"{_OTHER_WAYS} could not be compared: {_in_a_line(error)}"]), inspection
    for reading in readings:
        if time.monotonic() + comparison.longest > deadline:
            comparison.lines.append(f"  {reading.what} and what comes after it: {NO_TIME}")
            break
        tell(reading.what)
        comparison.add(reading)
    return _with_lines(comparison.decisions, [*comparison.lines, *notes]), comparison.inspection


@dataclass(kw_only=True)
class _ReadingComparison:
    """The columns as they are read so far, how good a model of them is on each fold, and what was tried."""

    read: Read
    decisions: Decisions
    inspection: Inspection
    scores: list[float]
    longest: float
    """Seconds that one reading takes, at most."""
    lines: list[str]

    @classmethod
    def of(cls, decisions: Decisions, inspection: Inspection, read: Read) -> _ReadingComparison:
        """Of the columns as they are drafted. Raises UserError where a fold has no score."""
        began = time.monotonic()
        scores = _scores(decisions, inspection, read)
        lines = [f"{_OTHER_WAYS}, {_by(decisions, scores)} (difference and its standard error):"]
        return cls(
            read=read,
            decisions=decisions,
            inspection=inspection,
            scores=scores,
            longest=time.monotonic() - began,
            lines=lines,
        )

    def add(self, reading: Reading) -> None:
        """Takes the reading where it is better by more than chance."""
        began = time.monotonic()
        try:
            changed = reading.of(self.decisions, self.inspection)
            scores = _scores(*changed, self.read)
        except UserError as error:
            self.lines.append(f"  {reading.what}: {_in_a_line(error)}")
            return
        self.longest = max(self.longest, time.monotonic() - began)
        gain, error_of_gain = difference(scores, self.scores)
        sign = -1 if self.decisions.choice.metric in LOWER_IS_BETTER else 1
        # Of a single fold nobody knows how sure it is.
        is_better = error_of_gain is not None and sign * gain > _SURE * error_of_gain
        self.lines.append(f"  {reading.what}: {in_words(gain, error_of_gain)}{'  <- taken' if is_better else ''}")
        if is_better:
            (self.decisions, self.inspection), self.scores = changed, scores


def _with_lines(decisions: Decisions, lines: Sequence[str]) -> Decisions:
    return replace(decisions, choice=replace(decisions.choice, tried=(*decisions.choice.tried, *lines)))


def _in_a_line(error: UserError) -> str:
    return first_line(error, Project(root=Path()).pipeline("rows"))


def _first(reading: Reading, given: Collection[str]) -> str | None:
    """The first setting of the reading that is given already."""
    return next((one for one in reading.settings() if one in given), None)


def _by(decisions: Decisions, scores: Sequence[float]) -> str:
    """The model that compares, and on how many folds: the models had as many as the minutes were enough for."""
    model = "boosted trees alone" if decisions.choice.train["kind"] == "ensemble" else "the model that is drafted"
    return f"by {model} on {counted(len(scores), 'fold')}"


def likely(decisions: Decisions, inspection: Inspection) -> list[Reading]:
    """Those that are tried whenever there is time."""
    return list(_of_pairs(decisions, inspection))


def _of_pairs(decisions: Decisions, inspection: Inspection) -> Iterator[Reading]:
    facts, features = inspection.facts, decisions.features
    for what, made in (
        ("places by axes that are turned", turned_coordinates(facts, features)),
        ("ratios and products of numbers that go together", ratios_and_products(facts, features)),
    ):
        if made:
            count = counted(len(made), "feature")
            yield Reading(what=f"{what}, {count}", normalize={"features": made})


def _of_types(decisions: Decisions, inspection: Inspection) -> Iterator[Reading]:
    facts = inspection.facts
    for name in decisions.features:
        if facts.is_whole(name) and _FEWEST_CODES <= facts.state(name).num_distinct <= _MOST_CODES:
            yield Reading(what=f"{name} as categories", code=name)
    of_categories = [facts.state(name).num_distinct for name in decisions.features if facts.types[name] == "category"]
    if max(of_categories, default=0) < _FEWEST_CATEGORIES:
        return
    if max(of_categories) > _USUAL_CATEGORIES:
        normalize = {"category": {"max_categories": _MANY_CATEGORIES}}
        yield Reading(what=f"up to {_MANY_CATEGORIES:,} categories of a column", normalize=normalize)
    yield Reading(
        what=f"categories of fewer than {percent(_RARE, 0)} of the rows as one", clean={"category": {"rare": _RARE}}
    )
    for smoothing in (10.0, 100.0):
        what = f"categories by their target, smoothing {smoothing:g}"
        yield Reading(what=what, normalize={"category": {"encode": "target", "smoothing": smoothing}})


def _scores(decisions: Decisions, inspection: Inspection, read: Read) -> list[float]:
    """Of each fold, by the drafted kind of model. Raises UserError where a stage refuses the rows, read like that."""
    choice = decisions.choice
    if choice.train["kind"] == "ensemble":
        decisions = replace(decisions, choice=replace(choice, train=_boosted_alone(decisions)))
    config = read(decisions, inspection)
    with TemporaryDirectory(prefix="modelwright-") as folder:
        rows = trial_rows(config, inspection, Project(root=Path(folder)).pipeline("rows"))
        return [score_of_fold(config, fold)[0] for fold in rows.encoded(config, "encoded")]


def _boosted_alone(decisions: Decisions) -> Section:
    """The drafted trees on the ensemble's scale of the target, trained once: what is compared needs no second time."""
    scale = decisions.choice.train.get("target_transform")
    trees = next(
        one.train
        for one in decisions.candidates
        if one.train["kind"] == "lightgbm" and one.train.get("target_transform") == scale
    )
    return {name: setting for name, setting in trees.items() if name != "refit"}


def _names(place: str, section: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for name, value in section.items():
        names += _names(f"{place}.{name}", value) if isinstance(value, Mapping) else [f"{place}.{name}"]
    return names


def _joined(section: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, one section below the other."""
    return {**section, **{name: {**section.get(name, {}), **settings} for name, settings in more.items()}}
