"""Of a split by time, the rows held back for validation are the newest: what is drafted learns from them in the end."""

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


def with_refits(decisions: Decisions, configured: Callable[[Decisions], Pipeline]) -> Decisions:
    """The same, with `refit: all_rows` for the models that can, where validation rows are the newest.

    Without it a model forecasts from where validation begins: docs/log.md has what that costs.
    """
    # As it is written: the user may have said otherwise of the split.
    if not goes_by_time(configured(decisions).split):
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
