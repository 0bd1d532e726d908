"""What a search came to: the best, how sure it is, and how much the search flatters it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tasks.params.config import Metric
from tasks.params.search_space import Choices, NumberRange, Space
from tasks.tuning.trials import TunedTrial, best_of

if TYPE_CHECKING:
    from optuna.study import Study


@dataclass(frozen=True, kw_only=True)
class TuningOutcome:
    """All trials of a search, and what is known by them.

    `as_it_is` are the folds' scores of params.yaml as it stood; `now` its values of what was tried. `nested` is what
    the best is worth by folds that did not choose it; None where that cannot be said. `importance` is the share of the
    differences between good trials and the others that goes with each setting.
    """

    pipeline: str
    metric: Metric
    maximize: bool
    num_rows: int
    in_time: bool
    space: Space
    trials: Sequence[TunedTrial]
    as_it_is: tuple[float, ...]
    now: Mapping[str, Any]
    nested: float | None
    importance: Mapping[str, float]
    num_taken_up: int = 0

    @property
    def best(self) -> TunedTrial | None:
        """The finished trial with the best mean."""
        return best_of(self.trials, maximize=self.maximize)

    @property
    def is_better(self) -> bool:
        """Whether the best trial is better than params.yaml as it stood."""
        return self.best is not None and self.gain_of(self.best.mean) > 0

    @property
    def name_of_as_it_is(self) -> str:
        """What `as_it_is` is called: once the best stands in params.yaml, it is no more as it is there."""
        return "before --apply" if self.is_better and not self.changes else "as it is"

    def gain_of(self, value: float) -> float:
        """By how much a value is better than that of params.yaml; negative where it is worse."""
        return (value - fmean(self.as_it_is)) * (1 if self.maximize else -1)

    @property
    def optimism(self) -> float | None:
        """By how much the best looks better than it is, as it was chosen by the same folds."""
        if self.nested is None or self.best is None:
            return None
        return (self.best.mean - self.nested) * (1 if self.maximize else -1)

    @property
    def changes(self) -> dict[str, Any]:
        """The best trial's values, where they are not what params.yaml says already."""
        values = self.best.values if self.best is not None else {}
        return {name: value for name, value in values.items() if not _is(self.space[name], self.now[name], value)}

    @property
    def counts(self) -> Mapping[str, int]:
        """Trials by how they ended."""
        return Counter(trial.state for trial in self.trials)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "pipeline": self.pipeline,
            "metric": self.metric,
            "rows": self.num_rows,
            "folds": len(self.as_it_is),
            "counts": dict(self.counts),
            "taken_up": self.num_taken_up,
            "as_it_is": fmean(self.as_it_is),
            "best": None if self.best is None else self.best.as_dict(),
            "changes": self.changes,
            "nested": self.nested,
            "optimism": self.optimism,
            "importance": dict(self.importance),
            "trials": [trial.as_dict() for trial in self.trials],
        }


def nested_estimate(trials: Sequence[TunedTrial], *, maximize: bool) -> float | None:
    """What the choice of the best trial is worth on rows that had no part in it.

    Each fold is left out in turn: the trial that is best on the others is judged by it (nested cross validation; Varma
    and Simon, BMC Bioinformatics 7, 2006, doi:10.1186/1471-2105-7-91). All trials are the search's own, which has seen
    all folds, so that what is left of the flattery is in the trials that it proposed. None without two trials that
    finished on two folds.
    """
    finished = [trial.scores for trial in trials if trial.state == "finished"]
    if len(finished) < 2 or len(finished[0]) < 2:
        return None
    sign = 1 if maximize else -1
    left_out = []
    for number in range(len(finished[0])):
        best = max(finished, key=lambda scores: sign * (sum(scores) - scores[number]))
        left_out.append(best[number])
    return fmean(left_out)


def importance_of(study: Study, space: Space) -> dict[str, float]:
    """How much each setting matters for being among the best, the most first: shares that sum to 1.

    By PED-ANOVA (Watanabe et al., IJCAI 2023, arXiv:2304.10255). Empty where trials are too few to say.
    """
    import optuna

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len({trial.value for trial in complete}) < _FEW or len(space) < 2:
        return {}
    shares = optuna.importance.get_param_importances(study, params=[*space])
    return dict(sorted(shares.items(), key=lambda share: -share[1]))


_FEW = 10
"""Trials of different scores: of fewer no share can be told."""


def _is(values: NumberRange | Choices, now: Any, value: Any) -> bool:
    return type(now) is type(value) and now == value if isinstance(values, Choices) else bool(now == value)
