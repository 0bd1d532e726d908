"""What is said of answers before labels come is true as often as it says, where it can know, and says where not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, mean_absolute_error, root_mean_squared_error

from tasks.monitoring.estimated_performance import JudgedAnswers, estimated
from tasks.monitoring.row_losses import AnsweredRows, answered_rows, as_metric, residuals, row_losses


def judged(actual: np.ndarray, rows: AnsweredRows, units: np.ndarray | None = None) -> JudgedAnswers:
    return JudgedAnswers(
        confidence=rows.confidence,
        losses=row_losses(actual, rows),
        weights=np.ones(len(actual)),
        units=np.arange(len(actual)) if units is None else units,
    )


def classes(random: np.random.Generator, num_rows: int, shift: float = 0.0, concept: float = 0.0) -> tuple:
    """Rows of one column; the model is far too sure, by twice the true logit. `concept` moves the truth alone."""
    x = random.normal(shift, 1.0, num_rows)
    actual = (random.random(num_rows) < 1 / (1 + np.exp(-(1.5 * x + concept)))).astype(np.int64)
    positive = 1 / (1 + np.exp(-3.0 * x))
    return actual, AnsweredRows(
        answered=(positive > 0.5).astype(np.int64), probabilities=np.stack([1 - positive, positive], axis=1)
    )


def numbers(random: np.random.Generator, num_rows: int, shift: float = 0.0, concept: float = 0.0) -> tuple:
    """Errors grow with the answer."""
    answered = random.normal(10.0 + shift, 2.0, num_rows)
    return answered + concept + random.normal(size=num_rows) * np.abs(answered) / 5, AnsweredRows(answered=answered)


def kept(draw, num_runs: int, shift: float, concept: float = 0.0, num_rows: int = 300) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """How often the metric of a window, worked out when its labels are there, lies in what was told before."""
    hits: dict[str, list[bool]] = {}
    random = np.random.default_rng(4)
    for _ in range(num_runs):
        test = judged(*draw(random, 2_000))
        actual, rows = draw(random, num_rows, shift, concept)
        losses = row_losses(actual, rows)
        for one in estimated(rows.confidence, test):
            value = as_metric(one.metric, float(losses[one.metric].mean()))
            hits.setdefault(one.metric, []).append(one.low <= value <= one.high)
    return {name: float(np.mean(each)) for name, each in hits.items()}


@pytest.mark.parametrize("draw", [classes, numbers])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_metric_lies_in_its_interval_19_times_in_20_though_other_rows_come(draw, shift) -> None:  # type: ignore[no-untyped-def]
    shares = kept(draw, 300, shift)
    # Binomial: 95 % less three standard errors; and no interval so wide that it says nothing.
    assert min(shares.values()) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 300)
    assert set(shares) == ({"accuracy", "log_loss", "brier"} if draw is classes else {"rmse", "mae"})


@pytest.mark.parametrize("draw", [classes, numbers])
def test_that_the_columns_mean_something_else_it_cannot_see(draw) -> None:  # type: ignore[no-untyped-def]
    shares = kept(draw, 100, 0.0, concept=2.0)
    assert max(shares.values()) < 0.2


def test_it_takes_no_probability_at_its_word() -> None:
    """The model says 0.95 on average where it is right in 79 of 100 rows; the estimate says what test rows came to."""
    random = np.random.default_rng(1)
    test = judged(*classes(random, 20_000))
    actual, rows = classes(random, 20_000, 0.5)
    accuracy = estimated(rows.confidence, test)[0]
    truth = float((rows.answered == actual).mean())
    assert accuracy.value == pytest.approx(truth, abs=0.012)
    assert rows.confidence.mean() > truth + 0.05
    # Of rows as the test rows are, without a shift, nothing but the test rows' own accuracy.
    assert estimated(test.confidence, test)[0].value == pytest.approx(test.losses["accuracy"].mean(), abs=1e-12)


def test_rows_that_go_together_are_less_sure_and_rows_without_weight_count_for_nothing() -> None:
    random = np.random.default_rng(2)
    actual, rows = classes(random, 400)
    alone, copies = judged(actual, rows), np.repeat(np.arange(400), 5)
    five = AnsweredRows(answered=rows.answered[copies], probabilities=rows.probabilities[copies])
    together = judged(actual[copies], five, copies)
    asked = classes(random, 100_000)[1].confidence
    widths = [one.high - one.low for test in (alone, together) for one in estimated(asked, test)[:1]]
    assert widths[1] == pytest.approx(widths[0], rel=0.25)
    without = JudgedAnswers(
        confidence=together.confidence,
        losses=together.losses,
        weights=(np.arange(2_000) % 5 == 0).astype(np.float64),
        units=together.units,
    )
    assert estimated(asked, without)[0].value == pytest.approx(estimated(asked, alone)[0].value, abs=1e-12)


def test_answers_beyond_all_test_rows_are_told_and_too_few_rows_have_no_estimate() -> None:
    test = judged(*numbers(np.random.default_rng(0), 500))
    asked = np.concatenate([np.full(30, 1e6), np.full(70, 10.0)])
    assert estimated(asked, test)[0].beyond == 0.3
    assert estimated(np.zeros(0), test) == ()
    assert estimated(asked, judged(np.zeros(1), AnsweredRows(answered=np.zeros(1)))) == ()


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_metrics_are_those_of_scikit_learn(num_classes: int) -> None:
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(num_classes), 200)
    actual = random.integers(0, num_classes, 200)
    names = [f"c{number}" for number in range(num_classes)]
    table = pl.DataFrame({f"probability_{name}": probabilities[:, number] for number, name in enumerate(names)})
    answered = probabilities.argmax(axis=1)
    table = table.with_columns(pl.Series("prediction", [names[number] for number in answered]))
    losses = row_losses(actual, answered_rows(table, names))
    assert losses["accuracy"].mean() == pytest.approx(accuracy_score(actual, answered))
    assert losses["log_loss"].mean() == pytest.approx(log_loss(actual, probabilities, labels=range(num_classes)))
    assert losses["brier"].mean() == pytest.approx(
        brier_score_loss(actual, probabilities, labels=np.arange(num_classes))
    )


def test_the_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    actual, rows = numbers(np.random.default_rng(3), 200)
    losses = row_losses(actual, rows)
    rmse = root_mean_squared_error(actual, rows.answered)
    assert as_metric("rmse", losses["rmse"].mean()) == pytest.approx(rmse)
    assert losses["mae"].mean() == pytest.approx(mean_absolute_error(actual, rows.answered))
    truth = residuals(actual, rows)
    assert truth is not None
    assert truth.tolist() == (actual - rows.answered).tolist()
