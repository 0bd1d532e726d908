"""How far groups of test rows are apart, in what, between which of them, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.evaluation.fairness_report import GroupDifference
from tasks.evaluation.group_estimates import (
    GroupEstimates,
    drawn_estimates,
    drawn_values,
    largest_difference,
    rate_estimates,
    smallest_ratio,
)
from tasks.evaluation.group_figures import GroupedRows, Ints, RowFigure, group_values, row_figures, selection_of
from tasks.evaluation.group_tests import p_of_answers, p_of_any, p_of_means
from tasks.evaluation.paired_bootstrap import FEWER_RESAMPLES, NUM_RESAMPLES, resamples
from tasks.evaluation.partitions import FEWEST_ROWS
from tasks.evaluation.weighted_metrics import Floats

_MANY_ROWS = 5_000
"""Of more, a thousand draws take longer than the ends of their intervals are worth."""
_RATIO = "demographic_parity_ratio"


@dataclass(frozen=True, kw_only=True)
class GroupContrast:
    """The groups of one column or of two: `values` [G] of each figure, and `estimates` of those that are compared."""

    grouped: GroupedRows
    figures: dict[str, RowFigure]
    values: dict[str, Floats]
    estimates: dict[str, GroupEstimates]

    def differences(self, num_families: int = 1) -> dict[str, GroupDifference]:
        """By their names, those that there are; intervals hold for so many columns together."""
        asked = _asked(self.grouped)
        return {
            name: difference
            for name, figures in asked.items()
            if (difference := self._difference(name, figures, num_families))
        }

    def _difference(self, name: str, figures: Sequence[str], num_families: int) -> GroupDifference | None:
        estimates = [self.estimates[figure] for figure in figures]
        if name == _RATIO:
            largest = smallest_ratio(estimates[0], num_families)
        else:
            largest = largest_difference(estimates, num_families)
        if largest is None:
            return None
        figure = figures[largest.figure]
        return GroupDifference(
            name=name,
            figure=figure,
            value=largest.value,
            low=largest.low,
            high=largest.high,
            p_value=self._p_value(figures),
            lowest=self.grouped.names[largest.lowest],
            lowest_value=largest.lowest_value,
            highest=self.grouped.names[largest.highest],
            highest_value=largest.highest_value,
            num_rows=int(np.isin(self.grouped.codes, self.estimates[figure].places).sum()),
        )

    def _p_value(self, figures: Sequence[str]) -> float | None:
        """Of rows that stand on their own and weigh the same: else no standard test is for them."""
        rows = self.grouped.rows
        if rows.groups is not None or np.ptp(rows.weights) > 0:
            return None
        answers = self.grouped.answers
        if answers.positive is None and len(figures) > 1:
            kept = np.isin(self.grouped.codes, self.estimates[figures[0]].places)
            return p_of_answers(self.grouped.codes[kept], answers.y_pred[kept])
        return p_of_any([self._p_of(self.figures[name], self.estimates[name]) for name in figures])

    def _p_of(self, figure: RowFigure, estimates: GroupEstimates) -> float | None:
        kept = np.isin(self.grouped.codes, estimates.places) & figure.base
        codes = self.grouped.codes[kept]
        if figure.hits is not None:
            return p_of_answers(codes, figure.hits[kept].astype(np.int64))
        return None if figure.values is None else p_of_means(codes, figure.values[kept])


def _asked(grouped: GroupedRows) -> dict[str, list[str]]:
    """What differences there are for the task, each the largest of these figures."""
    classes, metric = grouped.rows.classes, grouped.judge.metric
    own: dict[str, list[str]] = {"metric_difference": [metric]}
    if not classes:
        # That of the metric is a difference of its own, and stands once.
        names = [name for name in ("mean_answer", "mean_error", "rmse", "mae") if name != metric]
        return {**{f"{name}_difference": [name] for name in names}, **own}
    if grouped.judge.positive is None:
        return {"selection_rate_difference": [selection_of(name) for name in classes], **own}
    return {
        "demographic_parity_difference": ["selection_rate"],
        _RATIO: ["selection_rate"],
        "equalized_odds_difference": ["true_positive_rate", "false_positive_rate"],
        "equal_opportunity_difference": ["true_positive_rate"],
        **own,
    }


def contrast(grouped: GroupedRows) -> GroupContrast:
    """Of groups of test rows, those of FEWEST_ROWS rows or more compared: a rate too needs so many to be of."""
    figures = row_figures(grouped.judge, grouped.rows)
    values = group_values(grouped, figures)
    places = {name: _compared(grouped, figure, values[name]) for name, figure in figures.items()}
    return GroupContrast(
        grouped=grouped,
        figures=figures,
        values=values,
        estimates={**_rates(grouped, figures, values, places), **_drawn(grouped, figures, values, places)},
    )


def _compared(grouped: GroupedRows, figure: RowFigure, values: Floats) -> Ints:
    """The groups of which the figure is there, and of rows enough."""
    num_rows = np.bincount(grouped.codes[figure.base] + 1, minlength=len(values) + 1)[1:]
    return np.flatnonzero((num_rows >= FEWEST_ROWS) & ~np.isnan(values))


def _rates(
    grouped: GroupedRows, figures: Mapping[str, RowFigure], values: Mapping[str, Floats], places: Mapping[str, Ints]
) -> dict[str, GroupEstimates]:
    estimates: dict[str, GroupEstimates] = {}
    for name, figure in figures.items():
        if figure.hits is not None:
            codes = np.where(figure.base, grouped.codes, -1)
            own, rows = places[name], grouped.rows
            estimates[name] = rate_estimates(own, values[name][own], figure.hits, codes, rows.weights, rows.groups)
    return estimates


def _drawn(
    grouped: GroupedRows, figures: Mapping[str, RowFigure], values: Mapping[str, Floats], places: Mapping[str, Ints]
) -> dict[str, GroupEstimates]:
    asked = {name for names in _asked(grouped).values() for name in names}
    makers = {name: figure.of for name, figure in figures.items() if figure.of is not None and name in asked}
    rows = {name: [grouped.own_rows(place, figures[name].base) for place in places[name]] for name in makers}
    of_groups = {
        name: [of(own) for own in rows[name]]
        for name, of in makers.items()
        # Rows that are drawn twice make it larger than it is.
        if name != "calibration_error"
    }
    weights, groups = grouped.rows.weights, grouped.rows.groups
    num_draws = FEWER_RESAMPLES if len(weights) > _MANY_ROWS else NUM_RESAMPLES
    draws = resamples(weights, groups, num_draws) if any(of_groups.values()) else ()
    drawn = drawn_values(of_groups, rows, draws)
    return {
        name: drawn_estimates(
            places[name],
            values[name][places[name]],
            drawn.get(name, np.full((2, len(rows[name])), np.nan)).reshape(-1, len(rows[name])),
            rows[name],
            groups,
        )
        for name in makers
    }
