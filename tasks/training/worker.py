"""One of several processes that train a model, as torchrun starts it: `python -m tasks.training.worker FOLDER`."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.params.torch import TorchTrain
from tasks.paths import Project
from tasks.recipe.recipe import read_recipe
from tasks.trainers import fit
from tasks.trainers.base import Fitted
from tasks.trainers.listener import Listener
from tasks.training.exchange import EventFile, Exchange
from tasks.training.job import read_job


def work(exchange: Exchange) -> int:
    """A worker's whole life: it fits the job with the others; the first writes the events, and leaves the model.

    Returns the exit code.
    """
    job = files.read_json(exchange.job)
    # One speaks for all: every worker goes through the same epochs.
    listeners = [EventFile(exchange.events)] if os.environ["RANK"] == "0" else []
    for listener in listeners:
        _pass_on_log(listener, job["log_level"])
    try:
        fitted = _fit(job, listeners)
        if listeners:
            _write_fitted(exchange, fitted)
    except UserError as error:
        files.write_json(exchange.error, {"message": str(error)})
        return error.exit_code
    return 0


def main(arguments: Sequence[str]) -> int:
    """Works on the folder that is named. Returns the exit code."""
    _end_with_parent()
    return work(Exchange(folder=Path(arguments[0])))


def _fit(job: Mapping[str, Any], listeners: Sequence[Listener]) -> Fitted:
    # Through JSON, as only there a list may stand for a tuple.
    config = TorchTrain.model_validate_json(json.dumps(job["train"]))
    paths = Project(root=Path(job["root"])).pipeline(job["pipeline"])
    return fit(read_job(config, paths, read_recipe(paths.recipe), listeners), config)


def _write_fitted(exchange: Exchange, fitted: Fitted) -> None:
    exchange.model.mkdir()
    fitted.model.save(exchange.model)
    files.write_json(exchange.facts, {"facts": fitted.facts, "diagnostics": list(fitted.diagnostics)})


def _end_with_parent() -> None:
    """Ends this process when the train stage's has ended, however it did: then the input that both share is closed."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        # Not sys.exit, which would end this thread alone.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _pass_on_log(events: EventFile, level: int) -> None:
    class PassOn(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.logged(record)

    logger = logging.getLogger("tasks")
    logger.setLevel(level)
    logger.addHandler(PassOn())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
