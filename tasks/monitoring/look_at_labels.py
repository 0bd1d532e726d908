"""One window of labelled rows: how good the answers were, and whether surely worse than those of test rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.mean_interval import mean_of_rows
from tasks.evaluation.paired_bootstrap import group_numbers
from tasks.monitoring.changes_in_words import is_larger
from tasks.monitoring.look_at_rows import SHARE_OF_ROWS
from tasks.monitoring.records import LabelWindow, MetricOfWindow, as_kept
from tasks.monitoring.reference import Reference, loss_columns
from tasks.monitoring.row_losses import answered_rows, as_metric, row_losses
from tasks.monitoring.rules import rules_of_labels
from tasks.monitoring.tail_bounds import Floats
from tasks.monitoring.watched_columns import Kept, changes_of, counts_of, draws, newest_rows
from tasks.params.monitor import LossName, Monitor


def label_window(
    rows: pl.DataFrame, span: tuple[date, date], earlier: Sequence[LabelWindow], reference: Reference, config: Monitor
) -> LabelWindow:
    """Logged rows with their `label`, as the next look after `earlier` ones."""
    answers = answered_rows(rows["answer"].struct.unnest(), reference.classes)
    actual = _actual(rows["label"], reference.classes)
    losses, is_draw = row_losses(actual, answers), draws(rows)
    compared = [values.filter(is_draw) for values in loss_columns(actual, answers, losses)]
    kept: Kept = tuple(
        as_kept(counts_of(column, values)) for column, values in zip(reference.losses, compared, strict=True)
    )
    history: list[Kept] = [*(window.counts for window in earlier), kept]
    changes = changes_of(reference.losses, history, (1 - SHARE_OF_ROWS) * config.false_alarms)
    loss = reference.losses[0]
    larger = [
        change
        for change in changes
        if (change.place, change.test) == (0, "level")
        and is_larger(loss.known, newest_rows(loss, 0, history, change.windows))
    ]
    metrics = tuple(_metrics(losses, rows["group_key"]))
    return LabelWindow(
        number=len(history),
        begin=span[0],
        end=span[1],
        num_rows=rows.height,
        counts=kept,
        metrics=metrics,
        changes=changes,
        fired=tuple(rules_of_labels(config.rules, metrics, larger)),
    )


def _metrics(losses: Mapping[LossName, Floats], group_keys: pl.Series) -> Iterator[MetricOfWindow]:
    """Each with its interval, by rows or by groups of them."""
    groups = None if group_keys.is_null().all() else group_numbers(group_keys)
    for name, values in losses.items():
        is_share = name == "accuracy"
        mean = mean_of_rows(values.astype(np.bool_) if is_share else values, np.ones(len(values)), groups)
        low, high = (None if end is None else as_metric(name, end) for end in (mean.low, mean.high))
        value = as_metric(name, mean.value)
        yield MetricOfWindow(metric=name, value=value, low=low, high=high, num_rows=len(values))


def _actual(labels: pl.Series, classes: Sequence[str]) -> NDArray[Any]:
    """Class numbers, or values, [N]."""
    if not classes:
        return labels.cast(pl.Float64).to_numpy()
    numbers = {name: number for number, name in enumerate(classes)}
    return labels.replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
