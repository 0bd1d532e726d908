"""Two versions on the same test rows: what the challenger answered and what the champion answers, made comparable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.cost_matrix import cost_matrix, with_unknown_classes
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.paired_tests import paired_test
from tasks.evaluation.slice_rules import ComparedSlices, slices_that_lose
from tasks.evaluation.weighted_metrics import Answers, metric_of_weights
from tasks.params.config import Metric
from tasks.params.evaluate import Evaluate
from tasks.promotion.contest import Comparison, NotComparableError
from tasks.repair.repair import repaired

_PROBABILITY = "probability_"


def compare(
    metric: Metric,
    rows: JudgedRows,
    champion: pl.DataFrame,
    config: Evaluate,
    margin: float = 0.0,
    learnt: NDArray[np.bool_] | None = None,
    slices: ComparedSlices | None = None,
) -> Comparison:
    """The metric of both and how sure the gain is; `champion` has the answers of its version, a row each.

    `margin` is what the p-value asks about: whether the gain is larger. Rows that the champion has `learnt` [N] from
    count for nobody; in none of the `slices` may the challenger be surely worse. Raises NotComparableError when it
    answers something else than is asked today, or when the rows tell nothing.
    """
    if champion.height != len(rows.predictions.y_true):
        raise NotComparableError(f"it answered {champion.height:,} of {len(rows.predictions.y_true):,} rows")
    if learnt is not None:
        rows, champion = rows.where(~learnt), champion.filter(pl.Series(~learnt))
        slices = slices.where(~learnt) if slices else None
        if not champion.height:
            raise NotComparableError("it was trained on all of the test rows")
    ours, theirs, notes = _of_both(rows, champion, config)
    test = paired_test(metric, ours, theirs, rows.weights, rows.groups, margin)
    if test is None:
        raise NotComparableError(_tells_nothing(metric, rows))
    challenger, other = (metric_of_weights(metric, answers)(rows.weights) for answers in (ours, theirs))
    return Comparison(
        challenger=challenger,
        champion=other,
        low=test.low,
        high=test.high,
        test=test.name,
        p_value=test.p_value,
        standard_error=test.standard_error,
        num_rows=champion.height,
        num_groups=None if rows.groups is None else test.num_units,
        num_left_out=None if learnt is None else int(learnt.sum()),
        slices=slices_that_lose(metric, ours, theirs, rows, slices) if slices else (),
        notes=notes,
    )


def chance_of_worse(
    metric: Metric, rows: JudgedRows, champion: pl.DataFrame, config: Evaluate, margin: float = 0.0
) -> float:
    """How likely the challenger looks as bad, or worse, beside the champion if it is no worse: one-sided.

    Worse by more than is allowed, where the margin is below 0. Of what `compare` has compared.
    """
    ours, theirs, _ = _of_both(rows, champion, config)
    test = paired_test(metric, theirs, ours, rows.weights, rows.groups, max(-margin, 0.0))
    return 1.0 if test is None else test.p_value


def _of_both(rows: JudgedRows, champion: pl.DataFrame, config: Evaluate) -> tuple[Answers, Answers, tuple[str, ...]]:
    ours, theirs, notes = _on_classes(rows, champion, config) if rows.classes else _on_numbers(rows, champion)
    if not np.isfinite(theirs.y_score).all():
        raise NotComparableError("its answers are not all finite numbers")
    return ours, theirs, notes


def _tells_nothing(metric: Metric, rows: JudgedRows) -> str:
    if rows.groups is not None and not rows.groups.any():
        return "the test rows are of a single group, which tells nothing of others"
    if len(rows.weights) == 1:
        return "a single test row is left, which tells nothing of others"
    return f"{metric} of the {len(rows.weights):,} test rows tells nothing of others: of a class there are too few"


def _on_numbers(rows: JudgedRows, champion: pl.DataFrame) -> tuple[Answers, Answers, tuple[str, ...]]:
    if champion["prediction"].dtype == pl.String:
        raise NotComparableError("it answers with classes, and the target is a number now")
    y_true = rows.predictions.y_true
    scores = rows.predictions.y_score, champion["prediction"].cast(pl.Float64).to_numpy()
    ours, theirs = (Answers(y_true=y_true, y_score=score) for score in scores)
    return ours, theirs, ()


def _on_classes(rows: JudgedRows, champion: pl.DataFrame, config: Evaluate) -> tuple[Answers, Answers, tuple[str, ...]]:
    """Both in today's classes, and behind them those that only the champion knows."""
    columns = [name for name in champion.columns if name.startswith(_PROBABILITY)]
    if not columns:
        raise NotComparableError("it answers with a number, and the target has classes now")
    # Spellings that today's clean makes one were perhaps two classes when the champion was trained.
    written = pl.Series([name.removeprefix(_PROBABILITY) for name in columns], dtype=pl.String)
    names = repaired(written, rows.repair).fill_null("").to_list()
    classes = [*rows.classes, *dict.fromkeys(name for name in names if name not in rows.classes)]
    scores = np.zeros((champion.height, len(classes)))
    for name, column in zip(names, columns, strict=True):
        scores[:, classes.index(name)] += champion[column].to_numpy()
    own = rows.predictions.y_score
    padded = np.hstack([own, np.zeros((len(own), len(classes) - own.shape[1]))])
    positive = positive_number(rows.classes, config.positive)
    costs = cost_matrix(config, rows.classes)
    costs = None if costs is None else with_unknown_classes(costs, len(classes))
    ours, theirs = (
        Answers(
            y_true=rows.predictions.y_true,
            y_score=score,
            average=config.average,
            positive=positive,
            answered=answered,
            costs=costs,
        )
        for score, answered in (
            (padded, rows.predictions.answered),
            (scores, _answered(champion, names, classes, rows)),
        )
    )
    return ours, theirs, _unknown_classes(rows, set(names))


def _answered(
    champion: pl.DataFrame, names: Sequence[str], classes: Sequence[str], rows: JudgedRows
) -> NDArray[np.int64] | None:
    """The class that it answers, by a threshold or by costs of its own; None where it is the likeliest of several."""
    # Today's name for a class of which it knows another spelling.
    answers = repaired(champion["prediction"].cast(pl.String), rows.repair).fill_null("")
    if len(names) != 2:
        scores = champion.select(name for name in champion.columns if name.startswith(_PROBABILITY)).to_numpy()
        # Of the likeliest class two spellings that are one today are added up, which its own answer does not know.
        if [names[place] for place in scores.argmax(axis=1)] == answers.to_list():
            return None
    return np.array([classes.index(name) for name in answers], dtype=np.int64)


def _unknown_classes(rows: JudgedRows, known: set[str]) -> tuple[str, ...]:
    counts = np.bincount(rows.predictions.y_true, minlength=len(rows.classes))
    return tuple(
        f"the champion does not know the class {name!r}, of which {count:,} test rows are"
        for name, count in zip(rows.classes, counts, strict=True)
        if name not in known and count
    )
