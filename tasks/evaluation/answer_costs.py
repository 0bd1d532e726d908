"""What test rows cost by the likeliest class, and by the answer whose expected cost is least."""

from __future__ import annotations

from dataclasses import replace

from tasks.evaluation.cost_matrix import least_cost
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import paired_interval
from tasks.model_input.decision import LIKELIEST
from tasks.params.config import Config
from tasks.params.evaluate import Evaluate


class AnswerCosts(Config):
    """costs.json: what a row costs on average, by both ways to answer; the first is what the model does where
    `is_used` is false.

    `saving` is how much less the answers of least expected cost cost, with its 95 % interval by the paired bootstrap;
    `num_changed` of the `num_rows` are answered otherwise by them.
    """

    likeliest: float
    least_expected: float
    saving: float
    low: float | None
    high: float | None
    num_changed: int
    num_rows: int
    is_used: bool


def answer_costs(config: Evaluate, judge: Judge, rows: JudgedRows) -> AnswerCosts | None:
    """Of three classes or more whose mistakes have costs; else None."""
    decision = least_cost(config, rows.classes)
    if decision is None:
        return None
    y_true, y_score = rows.predictions.y_true, rows.predictions.y_score
    by_cost, likeliest = (
        replace(judge, metric="expected_cost", decision=one).of(y_true, y_score) for one in (decision, LIKELIEST)
    )
    interval = paired_interval(likeliest, by_cost, rows.weights, rows.groups)
    return AnswerCosts(
        likeliest=likeliest(rows.weights),
        least_expected=by_cost(rows.weights),
        saving=likeliest(rows.weights) - by_cost(rows.weights),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        num_changed=int((decision.of(y_score) != LIKELIEST.of(y_score)).sum()),
        num_rows=len(y_true),
        is_used=config.answer == "least_cost",
    )
