"""Who hangs on a training's events: its history, and what a person sees of it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping

from tasks.trainers.listener import Listener


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
        """A line an epoch; numbers with six significant digits, which is all that a curve shows."""
        text = io.StringIO()
        names = list(self.rows[0]) if self.rows else ["epoch"]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in self.rows)
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


def watching(title: str) -> list[Listener]:
    """A progress bar when there is a terminal to show it on, else nothing."""
    return [ProgressBar(title)] if sys.stderr.isatty() else []
