"""What the train stage and the processes that train for it tell each other, by files in a folder that passes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.trainers.listener import Listener


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What the train stage and its workers write for each other, in a folder that passes."""

    folder: Path

    @property
    def job(self) -> Path:
        """What the workers are to do."""
        return self.folder / "job.json"

    @property
    def events(self) -> Path:
        """What happens, a JSON line each."""
        return self.folder / "events.jsonl"

    @property
    def error(self) -> Path:
        """The user's mistake that ended the training."""
        return self.folder / "error.json"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def facts(self) -> Path:
        """The facts and diagnostics of the training; written last."""
        return self.folder / "facts.json"

    @property
    def output(self) -> Path:
        """What torchrun says."""
        return self.folder / "output.txt"

    @property
    def logs(self) -> Path:
        """What each worker says, in torchrun's folders."""
        return self.folder / "logs"

    @property
    def meeting(self) -> Path:
        """Where the workers find each other."""
        return self.folder / "meeting"

    @property
    def rendezvous(self) -> Path:
        """What torchrun notes of itself."""
        return self.folder / "rendezvous"


class EventFile:
    """Writes down what happens in the first worker, for the train stage to read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def started(self, num_epochs: int) -> None:
        self._write(event="started", num_epochs=num_epochs)

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._write(event="epoch_ended", epoch=epoch, metrics=dict(metrics))

    def ended(self) -> None:
        self._write(event="ended")

    def logged(self, record: logging.LogRecord) -> None:
        """A line for whoever reads the log."""
        self._write(event="logged", name=record.name, level=record.levelno, message=record.getMessage())

    def _write(self, **event: Any) -> None:
        # Opened anew for each event, so that it is on its way to the reader at once: events are rare.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


class Relay:
    """Tells listeners what an EventFile holds, as it grows."""

    def __init__(self, path: Path, listeners: Sequence[Listener]) -> None:
        self._path, self._listeners = path, listeners
        self._position = 0
        self._is_running = False

    def tell_news(self) -> None:
        """Tells the events that came since the last call; a line that is half written waits for the next."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            news = file.read()
        whole = news[: news.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            self._tell(json.loads(line))

    def close(self) -> None:
        """Tells the last events, and the end of a training that was cut off, which no worker could tell."""
        self.tell_news()
        if self._is_running:
            self._tell({"event": "ended"})

    def _tell(self, event: dict[str, Any]) -> None:
        if event["event"] == "logged":
            logging.getLogger(event["name"]).log(event["level"], "%s", event["message"])
            return
        # Before the listeners: where one of them fails, `close` tells the others the end.
        self._is_running = event["event"] != "ended"
        for listener in self._listeners:
            match event["event"]:
                case "started":
                    listener.started(event["num_epochs"])
                case "epoch_ended":
                    listener.epoch_ended(event["epoch"], event["metrics"])
                case "ended":
                    listener.ended()
