"""A user's mistake, and a gate that says no, in the log of a run: their sentence, without Prefect's tracebacks."""

from __future__ import annotations

import logging

from tasks.errors import UserError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")

_SECOND_TIME = "Engine execution exited with unexpected exception"
"""Prefect's words, in the process of a run on schedule, for what it has logged as the end of the flow before."""


def log_mistakes_as_sentences() -> None:
    """From here on, in this process; a bug keeps its traceback. Once more changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    if not (record.exc_info and isinstance(record.exc_info[1], UserError)):
        return True
    record.exc_info = record.exc_text = None
    return not str(record.msg).startswith(_SECOND_TIME)
