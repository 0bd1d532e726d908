"""What workers tell the train stage: line by line, each once, and an end to whatever began."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tasks.training.exchange import EventFile, Relay
from tasks.training.listeners import History


class Recorder(History):
    def __init__(self) -> None:
        super().__init__()
        self.num_started = self.num_ended = 0

    def started(self, num_epochs: int) -> None:
        super().started(num_epochs)
        self.num_started += 1

    def ended(self) -> None:
        self.num_ended += 1


def test_listeners_are_told_what_the_worker_was(tmp_path: Path) -> None:
    events, recorder = EventFile(tmp_path / "events"), Recorder()
    relay = Relay(tmp_path / "events", [recorder])
    relay.tell_news()
    events.started(3)
    events.epoch_ended(1, {"train_loss": 0.1 + 0.2, "validation_loss": float("inf")})
    relay.tell_news()
    relay.tell_news()
    # To the last bit: history.csv must not depend on how many processes there were.
    assert recorder.rows == [{"epoch": 1, "train_loss": 0.1 + 0.2, "validation_loss": float("inf")}]
    events.epoch_ended(2, {"train_loss": 0.25, "validation_loss": 1.0})
    events.ended()
    relay.close()
    assert [row["epoch"] for row in recorder.rows] == [1, 2]
    assert (recorder.num_started, recorder.num_ended) == (1, 1)


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path, recorder = tmp_path / "events", Recorder()
    relay = Relay(path, [recorder])
    EventFile(path).started(1)
    line = json.dumps({"event": "epoch_ended", "epoch": 1, "metrics": {"train_loss": 2.0}}) + "\n"
    for half in (line[:30], line[30:]):
        assert not recorder.rows
        with path.open("a") as file:
            file.write(half)
        relay.tell_news()
    assert recorder.rows == [{"epoch": 1, "train_loss": 2.0}]


def test_a_training_that_was_cut_off_is_ended_for_its_listeners(tmp_path: Path) -> None:
    recorder = Recorder()
    relay = Relay(tmp_path / "events", [recorder])
    EventFile(tmp_path / "events").started(3)
    relay.close()
    assert (recorder.num_started, recorder.num_ended) == (1, 1)


def test_a_training_that_never_began_does_not_end(tmp_path: Path) -> None:
    recorder = Recorder()
    Relay(tmp_path / "events", [recorder]).close()
    assert recorder.num_ended == 0


def test_what_a_worker_logs_is_logged_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events, recorder = EventFile(tmp_path / "events"), Recorder()
    record = logging.LogRecord("tasks.somewhere", logging.WARNING, "file", 1, "100%% of %s rows", ("7",), None)
    events.logged(record)
    Relay(tmp_path / "events", [recorder]).close()
    assert [(one.name, one.levelno, one.getMessage()) for one in caplog.records] == [
        ("tasks.somewhere", logging.WARNING, "100% of 7 rows")
    ]
    assert recorder.num_ended == 0
