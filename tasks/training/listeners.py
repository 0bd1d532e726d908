"""Who hangs on a training's events: its history, and what a person sees of it."""

from __future__ import annotations

import csv
import io
import logging
import sys
import time
from collections.abc import Callable, Mapping

from tasks.trainers.listener import Listener

_WARM_UP_SECONDS = 30.0
"""Before that the first epochs decide, which are slower than the rest: caches fill, and ways of computing are tried."""
_LONG_SECONDS = 300.0
"""A rest from which a person does something else meanwhile."""

_logger = logging.getLogger(__name__)


class History:
    """Every epoch's metrics, for history.csv."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def started(self, num_epochs: int) -> None:
        self.rows.clear()

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self.rows.append({"epoch": epoch, **metrics})

    def ended(self) -> None:
        pass

    def as_csv(self) -> str:
        """A line an epoch; numbers to the last digit, as in every file."""
        text = io.StringIO()
        names = list(self.rows[0]) if self.rows else ["epoch"]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value}" for name, value in row.items()} for row in self.rows)
        return text.getvalue()


class ProgressBar:
    """A bar on standard error, for a person who watches."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[metrics]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            # The bar goes when the training is over: the stage's own sentence takes its place.
            transient=True,
        )
        self._task = self._progress.add_task(title, metrics="", total=None)

    def started(self, num_epochs: int) -> None:
        self._progress.update(self._task, total=num_epochs)
        self._progress.start()

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        validation = {
            name.removeprefix("validation_"): value for name, value in metrics.items() if name != "train_loss"
        }
        shown = "  ".join(f"{name} {value:.4f}" for name, value in validation.items() if name != "learning_rate")
        self._progress.update(self._task, completed=epoch, metrics=shown)

    def ended(self) -> None:
        self._progress.stop()


class TimeLeft:
    """One line in the log of a training that may take long, for who has no bar to look at."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._clock = title, clock

    def started(self, num_epochs: int) -> None:
        self._num_epochs, self._begin, self._is_logged = num_epochs, self._clock(), False

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        elapsed = self._clock() - self._begin
        left = elapsed / epoch * (self._num_epochs - epoch)
        if self._is_logged or elapsed < _WARM_UP_SECONDS or left < _LONG_SECONDS:
            return
        # A warning, as that is what a run without a terminal shows; the rest is at most that: it may stop early.
        _logger.warning(
            "%s: %d of at most %d epochs or trees in %.1f minutes; at this speed the rest takes up to %.0f minutes",
            *(self._title, epoch, self._num_epochs, elapsed / 60, left / 60),
        )
        self._is_logged = True

    def ended(self) -> None:
        pass


def watching(title: str) -> list[Listener]:
    """A progress bar when there is a terminal to show it on, else a line when it may take long."""
    return [ProgressBar(title) if sys.stderr.isatty() else TimeLeft(title)]
