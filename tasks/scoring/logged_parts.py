"""The parts of a scoring as batches of the log of answers."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from tasks.prediction_log.log import AnsweredBatch, PredictionLog, prediction_log
from tasks.scoring.refused import Refused
from tasks.scoring.request import Request

_SHOWN = 16
"""Hexadecimal digits of a job's digest, which tell its parts apart from others of the version."""


class PartLog:
    """Logs each part of one job, once, though the job be cut off and gone on with. Without a log it does nothing."""

    def __init__(self, log: PredictionLog | None, job: str, time: datetime) -> None:
        self._log, self._job, self._time = log, job[:_SHOWN], time

    def add(self, number: int, rows: pl.DataFrame, refused: Refused, answers: pl.DataFrame | None) -> None:
        """`answers` are those of the rows that are not `refused`, in their order; nobody waits for one of them."""
        if self._log is None:
            return
        batch = AnsweredBatch(
            rows=rows,
            answers=answers,
            answered=refused.kept(),
            refused=refused.rules,
            time=self._time,
            request_id=self._job,
        )
        self._log.append(batch, f"{self._job}-{number:06d}")


def part_log(request: Request, job: str) -> PartLog:
    """As the block `monitor` of the model's pipeline asks."""
    time = request.time or datetime.now(UTC).replace(tzinfo=None)
    return PartLog(prediction_log(request.project, request.model, request.settings), job, time)
