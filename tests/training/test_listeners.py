"""A history loses no digit, and how long a training may take is said where no bar shows it."""

from __future__ import annotations

import csv
import logging

import numpy as np
import pytest

from tasks.training.listeners import History, ProgressBar, TimeLeft, watching


def lines(caplog: pytest.LogCaptureFixture, num_epochs: int, seconds_of_epoch: float) -> list[str]:
    """The log of a training all of whose epochs take so long."""
    now = 0.0
    listener = TimeLeft("train churn", clock=lambda: now)
    with caplog.at_level(logging.WARNING):
        listener.started(num_epochs)
        for epoch in range(1, num_epochs + 1):
            now += seconds_of_epoch
            listener.epoch_ended(epoch, {})
        listener.ended()
    return [record.getMessage() for record in caplog.records]


def test_a_long_training_says_once_how_long_it_may_be(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, 500, 3.0) == [
        "train churn: 10 of at most 500 epochs or trees in 0.5 minutes; at this speed the rest takes up to 24 minutes"
    ]


def test_a_training_of_few_minutes_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, 100, 3.2) == []


def test_a_terminal_has_a_bar_and_a_log_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert [type(listener) for listener in watching("train churn")] == [TimeLeft]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert [type(listener) for listener in watching("train churn")] == [ProgressBar]


def test_a_history_is_kept_to_the_last_digit() -> None:
    history, losses = History(), [0.1 + 0.2, 1e9 + 1 / 3, 1.2345678901234567e-12]
    for epoch, loss in enumerate(losses, start=1_000_000):
        history.epoch_ended(epoch, {"train_loss": np.float64(loss), "validation_loss": loss})
    rows = [*csv.DictReader(history.as_csv().splitlines())]
    assert [float(row["train_loss"]) for row in rows] == losses == [float(row["validation_loss"]) for row in rows]
    assert rows[0]["epoch"] == "1000000"
