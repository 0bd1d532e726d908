"""Hints name what went wrong in a run, and say nothing of runs that went well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.trainers.diagnostics import diagnose, light_rows

DIGITS_TRAIN = (
    "1.02022 0.324637 0.182629 0.142382 0.0977049 0.0966921 0.118595 0.0883961 0.0881708 0.0489615 0.0384873 0.0348283 "
    "0.0510919 0.034143 0.0343996 0.0289617 0.0347338 0.0181897 0.0169929 0.0230147 0.0366979 0.0168593 0.0166107 "
    "0.015579 0.010829 0.00812674 0.02414 0.0262353 0.0104064 0.00837239"
)
DIGITS_VALIDATION = (
    "1.06927 0.067118 0.0398862 0.0806231 0.0617811 0.138466 0.00460207 0.0531445 0.00733178 0.0218727 0.0135566 "
    "0.0319109 0.0575294 0.0210443 0.0608677 0.0175994 0.0880243 0.0333974 0.0180856 0.0399665 0.0221266 0.0276861 "
    "0.0486162 0.0197962 0.0142696 0.0110574 0.017305 0.0182166 0.0188763 0.0173422"
)
"""A run of the digits example: its loss is nearly nothing after ten epochs, and trembles."""


def history(train: Sequence[float], validation: Sequence[float], **columns: Sequence[float]) -> list[dict[str, float]]:
    rows = enumerate(zip(train, validation, *columns.values(), strict=True), start=1)
    names = ("train_loss", "validation_loss", *columns)
    return [{"epoch": epoch, **dict(zip(names, values, strict=True))} for epoch, values in rows]


def falling(num_epochs: int, share: float = 0.6) -> list[float]:
    """A run that has come to its end: each epoch has that share of the loss before, down to 0.1."""
    return [0.1 + share**epoch for epoch in range(num_epochs)]


def only_hint(rows: list[dict[str, float]], **facts: Any) -> str:
    (hint,) = diagnose(rows, facts)
    return hint


def test_says_nothing_of_the_digits_example() -> None:
    rows = history([float(loss) for loss in DIGITS_TRAIN.split()], [float(loss) for loss in DIGITS_VALIDATION.split()])
    facts = {"device": "cpu", "waited": 0.3, "best_epoch": 7, "epochs": 30}
    assert diagnose(rows, facts) == []


def test_says_nothing_of_a_run_that_has_come_to_its_end() -> None:
    assert diagnose(history(falling(20), falling(20)), {}) == []


@pytest.mark.parametrize("num_epochs", [0, 1, 3])
def test_says_nothing_of_a_history_that_is_too_short(num_epochs: int) -> None:
    assert diagnose(history([1.0] * num_epochs, [1.0] * num_epochs), {}) == []


def test_over_fitting_is_told_with_the_best_epoch() -> None:
    hint = only_hint(history(falling(9), [0.9, 0.7, 0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.9]))
    assert hint.startswith("Over-fitting: the validation loss was best in epoch 3 (0.5) and rose to 0.9")


def test_over_fitting_needs_a_train_loss_that_falls() -> None:
    validation = [0.9, 0.7, 0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.9]
    assert diagnose(history(validation, validation), {}) == []


def test_a_small_rise_is_no_over_fitting() -> None:
    assert diagnose(history(falling(10), [*falling(8), 0.14, 0.15]), {}) == []


def test_a_loss_that_never_moves_is_told() -> None:
    hint = only_hint(history([2.303, 2.302, 2.304, 2.303], [2.30, 2.31, 2.30, 2.30]))
    assert "The loss stayed at 2.3 in all 4 epochs" in hint
    assert "learning_rate" in hint


def test_an_accuracy_that_never_moves_is_told() -> None:
    rows = history(falling(20), falling(20), validation_accuracy=[0.9] * 20)
    assert only_hint(rows).startswith("The validation accuracy was 0.9 in every epoch")
    assert diagnose(history(falling(20), falling(20), validation_accuracy=[1.0] * 20), {}) == []
    assert diagnose(history(falling(20), falling(20), validation_accuracy=[0.9] * 19 + [0.91]), {}) == []


def test_a_run_that_was_still_improving_is_told() -> None:
    losses = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert "from 0.6 to 0.5 in the last epoch): more epochs" in only_hint(history(losses, losses))
    losses = [1 - 0.05 * epoch for epoch in range(15)]
    assert "in the last 3 trees): more num_iterations" in only_hint(history(losses, losses), trees=15)
    # Boosting ends by itself when the loss no longer falls: it was the number of trees that ended this one.
    hardly = [1.0, *(0.5 - 0.0001 * tree for tree in range(40))]
    assert diagnose(history(hardly, hardly), {}) == []
    assert "more num_iterations may give a better model" in only_hint(history(hardly, hardly), trees=41)
    assert diagnose(history(hardly, [*hardly[:-1], 0.6]), {"trees": 41}) == []


BOUNDS = {"loss_without_model": 2.3, "least_loss": 0.0}


def slow(num_epochs: int, first: float, last: float) -> list[float]:
    """Coming down all the time, and to rest in the last epochs, as under a rate that runs out."""
    return [last + (first - last) * (1 + np.cos(np.pi * epoch / (num_epochs - 1))) / 2 for epoch in range(num_epochs)]


def test_a_network_that_does_not_even_fit_its_own_rows_is_told() -> None:
    hint = only_hint(history(slow(30, 2.2, 0.84), slow(30, 2.1, 0.9)), **BOUNDS)
    assert hint.startswith("Under-fitting: the train loss ended at 0.84")
    assert all(word in hint for word in ("2.3", "More epochs", "learning_rate", "deeper network"))


def is_underfitted(train: list[float], validation: list[float], **facts: float) -> bool:
    return any("Under-fitting" in sentence for sentence in diagnose(history(train, validation), {**BOUNDS, **facts}))


def test_under_fitting_needs_both_losses_to_end_high() -> None:
    assert is_underfitted(slow(30, 2.2, 0.84), slow(30, 2.1, 0.9))
    assert not is_underfitted(slow(30, 2.2, 0.3), slow(30, 2.1, 0.9))
    # Rows that are augmented, and a network with dropout, are harder than the validation rows.
    assert not is_underfitted(slow(30, 2.2, 0.84), slow(30, 2.1, 0.3))
    # Smoothed labels have a loss however right the answers are.
    assert not is_underfitted(slow(30, 2.2, 0.84), slow(30, 2.1, 0.84), least_loss=0.6)


def test_a_loss_that_has_come_to_rest_is_no_under_fitting() -> None:
    """Rows whose answers cannot be known: the loss is soon as low as it gets, on both."""
    noise = [0.562 + 0.13 * 0.5**epoch for epoch in range(30)]
    assert not is_underfitted(noise, noise, loss_without_model=0.693)
    # Nor one that is learnt by heart: the validation loss stays.
    assert not is_underfitted(slow(30, 0.69, 0.4), noise, loss_without_model=0.693)


def test_a_loss_that_jumps_is_told() -> None:
    jumping = [1.0, 0.3, 0.9, 0.2, 0.8, 0.3, 0.7, 0.2]
    assert only_hint(history(jumping, falling(8))) == (
        "The train loss jumped up 3 times in 8 epochs. Try a smaller learning_rate, or a larger batch_size."
    )
    assert only_hint(history(falling(8), jumping)).startswith("The validation loss jumped up 3 times")
    assert diagnose(history([1.0, 0.5, 0.8, *falling(20)[3:]], falling(20)), {}) == []


def test_an_accelerator_that_waits_is_told() -> None:
    assert "The cuda device waited for data 35 % of the time" in only_hint([], device="cuda", waited=0.35)
    assert diagnose([], {"device": "cuda", "waited": 0.1}) == []
    assert diagnose([], {"device": "cpu", "waited": 0.9}) == []


def test_a_batch_that_did_not_fit_is_told() -> None:
    assert "went through in 4 pieces" in only_hint([], pieces=4, device="cuda")


def test_gaps_and_numbers_that_are_not_finite_are_left_alone() -> None:
    rows = history(falling(6), [1.0, 2.0, 3.0, float("nan"), 5.0, 6.0])
    assert diagnose(rows, {}) == []
    assert diagnose([{"epoch": epoch} for epoch in range(9)], {}) == []
    assert diagnose([*history(falling(6), falling(6)), {"epoch": 7.0}], {}) == []


numbers = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(
    st.fixed_dictionaries(
        {"train_loss": numbers, "validation_loss": numbers},
        optional={"epoch": st.integers(1, 99), "validation_accuracy": st.floats(0, 1), "validation_rmse": numbers},
    ),
    max_size=12,
)


@given(
    history=rows,
    facts=st.dictionaries(st.sampled_from(["waited", "trees", "pieces", "epochs"]), st.integers(0, 9)),
)
@example(history=[{"train_loss": loss, "validation_loss": -loss} for loss in (1e308, -1e308) * 4], facts={})
@settings(derandomize=True, deadline=None, max_examples=100)
def test_never_fails_on_a_finite_history(history: list[dict[str, float]], facts: dict[str, Any]) -> None:
    found = diagnose(history, facts)
    assert all(hint.endswith(".") and "\n" not in hint for hint in found)
    assert len(found) <= 3


def test_weights_that_are_shares_are_told() -> None:
    (sentence,) = light_rows(np.array([0.0, *[0.0025] * 400]))
    assert "The weights of the 400 training rows that weigh anything add up to 1, as if there were so few" in sentence
    assert light_rows(None) == light_rows(np.array([0.0, 0.5, 2.0, 0.3])) == light_rows(np.full(10, 1e6)) == []
