from __future__ import annotations

import numpy as np
import pytest

from tasks.tuning.outcome import nested_estimate
from tasks.tuning.trials import State, TunedTrial


def trial(scores: list[float], state: State = "finished") -> TunedTrial:
    return TunedTrial(number=1, state=state, values={}, scores=tuple(scores), seconds=1.0, started=0.0)


def test_each_fold_judges_what_the_others_chose() -> None:
    # Without fold 0 the second is the best (3 + 3), without 1 and without 2 the first.
    trials = [trial([9.0, 2.0, 2.0]), trial([1.0, 3.0, 3.0])]
    assert nested_estimate(trials, maximize=True) == pytest.approx((1 + 2 + 2) / 3)
    assert nested_estimate(trials, maximize=False) == pytest.approx((9 + 3 + 3) / 3)


def test_trials_that_were_given_up_and_single_folds_say_nothing() -> None:
    assert nested_estimate([trial([1.0, 2.0]), trial([5.0], "given up")], maximize=True) is None
    assert nested_estimate([trial([1.0]), trial([2.0])], maximize=True) is None


def test_of_noise_the_best_looks_good_and_its_nested_estimate_does_not() -> None:
    drawn = np.random.default_rng(0)
    naive, nested = [], []
    for _ in range(400):
        scores = drawn.normal(0.5, 0.05, size=(40, 5))
        naive.append(scores.mean(axis=1).max())
        nested.append(nested_estimate([trial(list(row)) for row in scores], maximize=True))
    error = 0.05 / np.sqrt(5 * 400)
    assert abs(np.mean(nested) - 0.5) < 4 * error
    # The mean of the largest of 40 normal values is 2.16 deviations.
    assert np.mean(naive) - 0.5 == pytest.approx(2.16 * 0.05 / np.sqrt(5), rel=0.05)
