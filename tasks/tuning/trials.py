"""Trials as this project has them: which values were tried, how each fold judged them, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from tasks.params.search_space import Choices, NumberRange, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

State = Literal["finished", "given up", "refused"]

SCORES, WHY, OWNER, AS_IT_IS, AGAIN = "scores", "why", "owner", "as_it_is", "again"
"""What is kept with a trial: its folds' scores, why it was refused, whose it is, and where it came from."""

_DIGITS = 4
"""Of numbers that are tried: what is written to params.yaml is to be read, and is what was tried."""


@dataclass(frozen=True, kw_only=True)
class TunedTrial:
    """One trial that ended: finished on all folds, given up after some, or refused by a stage that says why.

    `number` counts from 1, and leaves out those that were cut off and made once more; 0 is params.yaml as it stood.
    """

    number: int
    state: State
    values: Mapping[str, Any]
    scores: tuple[float, ...]
    seconds: float
    started: float
    why: str = ""

    @property
    def mean(self) -> float:
        """Over the folds that judged it."""
        return fmean(self.scores)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "number": self.number,
            "state": self.state,
            "values": dict(self.values),
            "scores": list(self.scores),
            "mean": self.mean if self.state == "finished" else None,
            "seconds": round(self.seconds, 3),
            "why": self.why,
        }


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The search space as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    made: dict[str, BaseDistribution] = {}
    for name, values in space.items():
        match values:
            # As text: Optuna's own choices can be no lists, and takes 1 and true for the same.
            case Choices():
                made[name] = CategoricalDistribution([json.dumps(value) for value in values.values])
            case NumberRange(whole=True):
                made[name] = IntDistribution(int(values.low), int(values.high), log=values.log)
            case NumberRange():
                made[name] = FloatDistribution(values.low, values.high, log=values.log)
    return made


def to_optuna(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings' values as Optuna keeps them."""
    return {
        name: json.dumps(list(value) if isinstance(value, tuple) else value)
        if isinstance(space[name], Choices)
        else value
        for name, value in values.items()
    }


def from_optuna(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings are given."""
    return {name: _value(space[name], params[name]) for name in space if name in params}


def _value(values: NumberRange | Choices, kept: Any) -> Any:
    if isinstance(values, Choices):
        return json.loads(kept)
    if values.whole:
        return int(kept)
    # Rounding must not lead out of the range.
    return min(max(float(f"{kept:.{_DIGITS}g}"), values.low), values.high)


def ended_trials(study: Study, space: Space) -> list[TunedTrial]:
    """Those that ended by themselves, in the order in which they began."""
    trials = study.get_trials(deepcopy=False)
    first = first_number(trials)
    return [
        _tuned(trial, space, trial.number + first) for trial in trials if has_ended(trial) and not is_as_it_is(trial)
    ]


def first_number(trials: Sequence[FrozenTrial]) -> int:
    """What is added to Optuna's numbers, which count from 0 whether or not params.yaml as it stood is among them."""
    return 0 if trials and is_as_it_is(trials[0]) else 1


def has_ended(trial: FrozenTrial) -> bool:
    """Whether it is done with: one whose process was killed is not, and is made once more."""
    return trial.state.is_finished() and (trial.state.name != "FAIL" or WHY in trial.user_attrs)


def is_as_it_is(trial: FrozenTrial) -> bool:
    """Whether it is params.yaml as it stood, which is nobody's trial."""
    return AS_IT_IS in trial.user_attrs


def _tuned(trial: FrozenTrial, space: Space, number: int) -> TunedTrial:
    states: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "given up", "FAIL": "refused"}
    began, ended = trial.datetime_start, trial.datetime_complete
    return TunedTrial(
        number=number,
        state=states[trial.state.name],
        values=from_optuna(space, trial.params),
        scores=tuple(trial.user_attrs.get(SCORES, ())),
        seconds=(ended - began).total_seconds() if began and ended else 0.0,
        started=began.timestamp() if began else 0.0,
        why=trial.user_attrs.get(WHY, ""),
    )


def best_of(trials: Sequence[TunedTrial], *, maximize: bool) -> TunedTrial | None:
    """The one with the best mean over all folds, the earlier of equals; None where none finished."""
    finished = [trial for trial in trials if trial.state == "finished"]
    sign = 1 if maximize else -1
    return max(finished, key=lambda trial: sign * trial.mean, default=None)
