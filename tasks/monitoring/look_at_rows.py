"""One window of rows that were answered, beside the training rows, and the answers beside those to test rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.monitoring.estimated_performance import JudgedAnswers, estimated
from tasks.monitoring.records import RowWindow, as_kept
from tasks.monitoring.reference import Reference, answer_columns
from tasks.monitoring.row_losses import answered_rows
from tasks.monitoring.rules import rules_of_changes, rules_of_service
from tasks.monitoring.tail_bounds import Floats
from tasks.monitoring.watched_columns import Kept, changes_of, counts_of, draws
from tasks.params.monitor import Monitor

SHARE_OF_ROWS = 0.5
"""Of the chance of a false alarm: the rest is for labels."""
_SERVED_WITHIN = 0.95


def row_window(
    rows: pl.DataFrame,
    span: tuple[date, date],
    earlier: Sequence[RowWindow],
    known: tuple[Reference, JudgedAnswers],
    config: Monitor,
) -> RowWindow:
    """The logged rows of these days (tasks.prediction_log.log), as the next look after `earlier` ones."""
    reference, judged = known
    answered = rows.filter(pl.col("error").is_null())
    answers = answered_rows(answered["answer"].struct.unnest(), reference.classes)
    kept = tuple(map(as_kept, _counts(answered, answer_columns(answers, reference.classes), reference)))
    watched = (*reference.columns, *reference.answers)
    history: list[Kept] = [*(window.counts for window in earlier), kept]
    changes = changes_of(watched, history, SHARE_OF_ROWS * config.false_alarms)
    num_columns = len(reference.columns)
    latency = rows.unique("request_id")["latency_ms"].drop_nulls().quantile(_SERVED_WITHIN)
    asked = rows.group_by(pl.col("time").dt.date()).agg(pl.col("sample").pow(-1).sum())["sample"]
    # A day without rows is one with the fewest.
    least = float(asked.min()) if len(asked) == (span[1] - span[0]).days else 0.0  # type: ignore[arg-type]
    num_errors = rows.height - answered.height
    return RowWindow(
        number=len(history),
        begin=span[0],
        end=span[1],
        num_rows=rows.height,
        num_errors=num_errors,
        num_asked=float(asked.sum()),
        least_a_day=least,
        latency_p95_ms=latency,
        counts=kept,
        estimates=estimated(answers.confidence, judged),
        changes=changes,
        fired=(
            *rules_of_changes(
                config.rules,
                [change for change in changes if change.place < num_columns],
                [change for change in changes if change.place >= num_columns],
            ),
            *rules_of_service(config.rules, rows.height, num_errors, latency, least),
        ),
    )


def _counts(answered: pl.DataFrame, of_answers: Sequence[pl.Series], reference: Reference) -> list[Floats]:
    """Of columns, then answers: rows that were answered and are draws of their own."""
    is_draw = draws(answered)
    drawn = answered.filter(is_draw)
    strata = _strata(drawn["time"], reference)
    features = drawn["row"].struct.unnest() if reference.columns else pl.DataFrame()
    return [
        *(counts_of(column, features[column.cuts.name], strata) for column in reference.columns),
        *(
            counts_of(column, values.filter(is_draw))
            for column, values in zip(reference.answers, of_answers, strict=True)
        ),
    ]


def _strata(times: pl.Series, reference: Reference) -> NDArray[np.int64] | None:
    """The day of the week of each row [N], Monday 0, where these are told apart."""
    return None if reference.season == "none" else (times.dt.weekday() - 1).to_numpy().astype(np.int64)
