"""What is drafted learns from the validation rows, too, once they have said how long: `refit: all_rows`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.drafting.candidates import Candidate
from tasks.drafting.decide import Decisions
from tasks.params.split import goes_by_time

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

_REFITS = ("lightgbm", "sklearn")
"""Kinds that train in seconds. A network would take twice its minutes, and what that brings was not measured."""

_MANY_ROWS = 1_000_000
"""From so many on, trees take minutes, and would take twice as many."""


def with_refits(decisions: Decisions, num_rows: int, configured: Callable[[Decisions], Pipeline]) -> Decisions:
    """The same, with `refit: all_rows` for the models that can, unless a sixth more rows are of no use to so many.

    Where validation rows are the newest, they always are: without it a model forecasts from where validation begins
    (docs/log.md has what that costs).
    """
    # As it is written: the user may have said otherwise of the split.
    if num_rows > _MANY_ROWS and not goes_by_time(configured(decisions).split):
        return decisions
    choice = decisions.choice
    return replace(
        decisions,
        choice=replace(choice, train=_refitted(choice.train)),
        candidates=tuple(map(_with_refit, decisions.candidates)),
    )


def _with_refit(candidate: Candidate) -> Candidate:
    # What an ensemble takes is told in trainings of simpler models, which now take two each.
    return replace(candidate, train=_refitted(candidate.train), times=candidate.times / 2)


def _refitted(train: Mapping[str, Any]) -> dict[str, Any]:
    return {**train, "refit": "all_rows"} if train["kind"] in _REFITS else {**train}
