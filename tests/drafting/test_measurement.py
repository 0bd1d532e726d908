from __future__ import annotations

from collections.abc import Sequence

import pytest

from tasks.drafting.candidates import Candidate
from tasks.drafting.measurement import Measurement, best_of, why_taken
from tasks.params.config import Metric


def measurement(
    name: str, scores: Sequence[float], times: float = 0.0, baseline: float | Sequence[float] = 0.5
) -> Measurement:
    candidate = Candidate(name=name, normalize={}, train={}, times=times)
    of_no_model = [baseline] * len(scores) if isinstance(baseline, float) else list(baseline)
    # What is compared needs no configuration, and no rows.
    return Measurement(candidate=candidate, config=None, folds=(), scores=list(scores), baseline=of_no_model)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "metric", "best"),
    [
        # Better or worse by 0.01 on average, with a standard error of 0.015; worse by as much, with one of 0.0004.
        ([0.83, 0.79, 0.84, 0.78], "roc_auc", "ensemble"),
        ([0.83, 0.79, 0.84, 0.78], "rmse", "ensemble"),
        ([0.789, 0.791, 0.789, 0.791], "roc_auc", "simple"),
        ([0.811, 0.809, 0.811, 0.809], "rmse", "simple"),
        # Lost in one fold of five: the error is as large as the loss, whatever the last digits say.
        ([0.8, 0.8, 0.8 - 0.03, 0.8, 0.8], "roc_auc", "ensemble"),
        # One fold says nothing of chance.
        ([0.81], "roc_auc", "ensemble"),
        ([0.79], "roc_auc", "simple"),
        # As good as each other in every fold.
        ([0.8, 0.8, 0.8], "roc_auc", "simple"),
    ],
)
def test_an_ensemble_is_taken_unless_a_simple_model_is_surely_better(
    scores: Sequence[float], metric: Metric, best: str
) -> None:
    sign = -1 if metric == "rmse" else 1
    no_model = 0.8 - sign * 0.3
    simple = measurement("simple", [0.8] * len(scores), baseline=no_model)
    worse = measurement("worse", [0.8 - sign * 0.1] * len(scores), baseline=no_model)
    ensemble = measurement("ensemble", scores, times=9, baseline=no_model)
    assert best_of([worse, simple, ensemble], metric).candidate.name == best
    is_behind = sign * (sum(scores) / len(scores) - 0.8) < -1e-12
    why = why_taken(ensemble, [worse, simple, ensemble], metric)
    assert why == (
        f"no simpler model has a surely better {metric}" if is_behind else f"the best {metric} of what was measured"
    )


def test_of_simple_models_the_best_is_taken_and_of_equals_the_first() -> None:
    first, second, better = (
        measurement(name, scores)
        for name, scores in (("first", [0.8, 0.7]), ("second", [0.8, 0.7]), ("better", [0.7, 0.81]))
    )
    assert best_of([first, second], "roc_auc") is first
    assert best_of([first, better], "roc_auc") is better


def test_what_is_not_surely_better_than_no_model_is_not_worth_its_time() -> None:
    simple = measurement("simple", [0.50, 0.51, 0.49])
    ensemble = measurement("ensemble", [0.56, 0.46, 0.51], times=9)
    assert best_of([simple, ensemble], "roc_auc") is simple
    assert why_taken(simple, [simple, ensemble], "roc_auc").startswith("the best roc_auc of the simple models")
