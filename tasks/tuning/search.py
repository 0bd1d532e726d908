"""The search itself: a trial is taken, judged fold by fold, and told; one process's part of it, or all.

What is tried is proposed by a tree-structured Parzen estimator (Bergstra et al., Algorithms for hyper-parameter
optimization, NeurIPS 2011). A trial is given up when what its models say of the validation rows is worse than the
median of those before it, after as many folds, of which it has two at least (Golovin et al., Google Vizier, KDD 2017).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from tasks.environment import is_alive
from tasks.errors import UserError
from tasks.params.pipeline import Pipeline
from tasks.params.register import LOWER_IS_BETTER
from tasks.params.search_space import Space, first_complaint, value_of_setting, with_values
from tasks.tuning.journal import claim_lock
from tasks.tuning.judged import FoldScore, judge_fold
from tasks.tuning.rows import TuningRows
from tasks.tuning.trials import (
    AGAIN,
    AS_IT_IS,
    OWNER,
    SCORES,
    WHY,
    distributions,
    first_number,
    from_optuna,
    has_ended,
    is_as_it_is,
    to_optuna,
)

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

_AT_RANDOM = 10
"""Trials before the estimator proposes any: with fewer it has nothing to go by."""

_BEFORE_GIVING_UP = 5
"""Finished trials before one is given up: a median of fewer says little."""

_FOLDS_AT_LEAST = 2
"""Folds that each trial is judged on: the validation rows, by which it is given up, are few, and always the same."""

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When no further trial is begun: after so many, and at this time, in seconds since 1970; None is no end.

    `parent` is the process that started this one, if any: without it, it ends.
    """

    trials: int | None
    until: float | None
    parent: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the time is up, or nobody waits any more."""
        is_alone = self.parent is not None and os.getppid() != self.parent
        return is_alone or (self.until is not None and time.time() >= self.until)


@dataclass(frozen=True, kw_only=True)
class TrialSearch:
    """One search, of which any process makes trials until the budget is spent."""

    study: Study
    space: Space
    config: Pipeline
    rows: TuningRows
    seed: int

    def run(self, budget: Budget, tell: Tell, ended: Callable[[], None]) -> None:
        """Trial after trial; `tell` hears what is at work, `ended` that a trial is done."""
        self.study.pruner = _pruner()
        while (trial := self._taken(budget)) is not None:
            self._try(trial, tell)
            ended()

    def take_up(self) -> int:
        """Has trials that a dead process left made once more, with the same values. Returns how many.

        Only before any other process of this search runs.
        """
        trials = self.study.get_trials(deepcopy=False)
        cut_off = [trial for trial in trials if trial.state.name == "RUNNING" and _is_dead(trial)]
        again = {trial.user_attrs.get(AGAIN) for trial in trials}
        for trial in cut_off:
            # In this order: whoever is killed in between finds it taken up already.
            # One without all its values was not begun: the next one draws the same.
            if trial.number not in again and trial.params.keys() == self.space.keys():
                self.study.enqueue_trial(dict(trial.params), user_attrs={AGAIN: trial.number})
            self.study.tell(trial.number, state=_state("FAIL"))
        return len(cut_off)

    def measure_as_it_is(self, tell: Tell) -> None:
        """Judges params.yaml as it stands, once: what the best is set against. Raises UserError where it cannot be."""
        if AS_IT_IS not in self.study.user_attrs:
            scores = [fold.judged for fold in self._folds(self.config, tell, "as it is")]
            self.study.set_user_attr(AS_IT_IS, scores)
        now = {name: value_of_setting(self.config, name) for name in self.space}
        is_tried = any(map(is_as_it_is, self.study.get_trials(deepcopy=False)))
        # The estimator learns from it, where it lies among what may be tried.
        if not is_tried and all(self.space[name].holds(value) for name, value in now.items()):
            self._add(now, self.study.user_attrs[AS_IT_IS])

    def _add(self, now: dict[str, Any], scores: list[float]) -> None:
        from optuna.trial import create_trial

        self.study.add_trial(
            create_trial(
                params=to_optuna(self.space, now),
                distributions=distributions(self.space),
                value=fmean(scores),
                user_attrs={AS_IT_IS: True, SCORES: scores},
            )
        )

    def _taken(self, budget: Budget) -> Trial | None:
        """The next trial, which is this process's from now on; None when the budget is spent."""
        if budget.is_over:
            return None
        # Else several processes would each make the last one.
        with claim_lock(self.rows.paths):
            trials = [trial for trial in self.study.get_trials(deepcopy=False) if not is_as_it_is(trial)]
            num_ended = sum(map(has_ended, trials))
            num_begun = num_ended + sum(trial.state.name == "RUNNING" for trial in trials)
            if budget.trials is not None and num_begun >= budget.trials:
                return None
            self.study.sampler = _sampler(self.seed, num_begun)
            trial = self.study.ask(distributions(self.space))
            trial.set_user_attr(OWNER, [socket.gethostname(), os.getpid(), time.time()])
            return trial

    def _try(self, trial: Trial, tell: Tell) -> None:
        name = f"trial {trial.number + first_number(self.study.get_trials(deepcopy=False))}"
        scores, hints = [], []
        try:
            config = with_values(self.config, from_optuna(self.space, trial.params))
            for fold in self._folds(config, tell, name):
                scores.append(fold.judged)
                hints.append(fold.validation)
                trial.set_user_attr(SCORES, scores)
                trial.report(fmean(hints), step=len(hints))
                if len(scores) < self.rows.num_folds and trial.should_prune():
                    self.study.tell(trial, state=_state("PRUNED"))
                    return
        except (UserError, ValidationError) as error:
            trial.set_user_attr(WHY, _first_line(error))
            self.study.tell(trial, state=_state("FAIL"))
            return
        self.study.tell(trial, fmean(scores))

    def _folds(self, config: Pipeline, tell: Tell, name: str) -> Iterator[FoldScore]:
        with self.rows.encoded(config) as fold_of:
            for number in range(self.rows.num_folds):
                tell(f"{name}, fold {number + 1} of {self.rows.num_folds}")
                yield judge_fold(config, fold_of(number))


def is_maximized(config: Pipeline) -> bool:
    """Whether more of the metric is better."""
    return config.register_.metric not in LOWER_IS_BETTER


def _pruner() -> Any:
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=_BEFORE_GIVING_UP, n_warmup_steps=_FOLDS_AT_LEAST)


def _sampler(seed: int, num_begun: int) -> Any:
    """What proposes the next trial: drawn by the seed and the number of trials before, so that a search which was
    killed and went on tries what it would have tried."""
    from optuna.samplers import TPESampler

    drawn = np.random.SeedSequence([seed, num_begun]).generate_state(1)[0]
    return TPESampler(n_startup_trials=_AT_RANDOM, seed=int(drawn))


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def _is_dead(trial: FrozenTrial) -> bool:
    host, process, noted = trial.user_attrs.get(OWNER, (socket.gethostname(), os.getpid(), 0.0))
    # The number of another machine's process says nothing here; a search of one's own that is no longer at it is dead.
    return host == socket.gethostname() and (process == os.getpid() or not is_alive(process, noted))


def _first_line(error: UserError | ValidationError) -> str:
    if isinstance(error, ValidationError):
        return first_complaint(error.errors(include_url=False)[0]["msg"])
    return str(error).splitlines()[0]
