"""Split conformal prediction: what validation rows say of how far the truth lies from an answer.

Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei and others, Distribution-Free Predictive
Inference for Regression, JASA 113, 2018. If new rows are like those of validation, the truth lies in the interval or
the set of the stated share of them, whatever the model is: a bad one has wide intervals. For each kind of rows by
itself where kinds are told apart (Mondrian: chapter 4.5 of the book).
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.partitions import fifths, interval_names
from tasks.evaluation.weighted_metrics import Floats
from tasks.model_input.conformal import BY_ANSWER, BY_CLASS, ConformalRule, KindColumn
from tasks.params.evaluate import Conformal
from tasks.tables.dataset import Column, Dataset

_KIND_TYPES = ("boolean", "category", "text")
_KIND_ROLES = ("feature", "group", "sensitive")
_ROUNDING = 1e-9
"""0.7 x 10 is a little more than 7 in floating point, and asks for the seventh row all the same."""


def kind_column(config: Conformal, dataset: Dataset, there: list[str], num_classes: int) -> Column | None:
    """The column that `by` names, of those `there` in the table; None where it names none.

    Raises UserError for what the task does not have, and a column that tells no kinds apart.
    """
    by = config.by
    if by in (None, BY_CLASS, BY_ANSWER):
        if by == BY_CLASS and not num_classes:
            raise UserError(
                "evaluate.conformal.by: class is for classes, and here is a number; give answer, or a column"
            )
        if by == BY_ANSWER and num_classes:
            raise UserError(
                "evaluate.conformal.by: answer is for numbers, and here are classes; give class, or a column"
            )
        return None
    columns = {column.name: column for column in dataset.columns if column.name in there}
    if by not in columns:
        known = [BY_CLASS if num_classes else BY_ANSWER, *columns]
        raise UserError(f"evaluate.conformal.by: the data have no column {by}{did_you_mean(by, known)}")
    column = columns[by]
    if column.role not in _KIND_ROLES or column.type not in _KIND_TYPES:
        raise UserError(
            f"evaluate.conformal.by: {by} is of type {column.type} with the role {column.role}; give a feature, a "
            "group or a sensitive column of type boolean, category or text, or set its type so in ingest.columns"
        )
    return column


def conformal_rule(
    config: Conformal, validation: JudgedRows, column: Column | None = None, values: pl.Series | None = None
) -> ConformalRule:
    """By answers to validation rows from which the model had not learnt when it gave them; `values` [N] of the column
    as text. Raises UserError when the rows are too few for the coverage."""
    distances, weights, groups = truth_distances(validation), validation.weights, validation.groups
    common = conformal_quantile(distances, config.coverage, weights, groups)
    if common is None:
        raise UserError(_too_few(config.coverage, validation))
    kinds, ends, numbers = _kinds(config.by, validation, values)
    # Where each group is a kind of its own, it is of rows of the same group that something is to be known.
    units = None if column is not None and column.role == "group" else groups
    of_kinds = [
        conformal_quantile(distances[own], config.coverage, weights[own], None if units is None else units[own])
        for own in (numbers == number for number in range(len(kinds)))
    ]
    # A class must keep its promise; a fifth or a value of few rows has the distance of all rows.
    rare = None if config.by == BY_CLASS else common
    return ConformalRule(
        coverage=config.coverage,
        by=config.by,
        column=column and KindColumn(**column.model_dump(include={"name", "type", "dialect", "repair"})),
        num_rows=int((weights > 0).sum()),
        common=common,
        kinds=kinds,
        distances=tuple(rare if distance is None else distance for distance in of_kinds),
        ends=ends,
    )


def _kinds(
    by: str | None, validation: JudgedRows, values: pl.Series | None
) -> tuple[tuple[str | None, ...], tuple[float, ...], NDArray[np.int64]]:
    """The kinds of rows, the ends of the fifths where that is what they are, and the number of each row's kind [N]."""
    answers = validation.predictions.y_score
    if by == BY_CLASS:
        return validation.classes, (), validation.predictions.y_true
    if by == BY_ANSWER:
        edges = fifths(answers)
        names = tuple(interval_names("answer", edges)) if len(edges) else ("all answers",)
        return names, tuple(edges.tolist()), np.searchsorted(edges, answers, side="left").astype(np.int64)
    if values is None:
        return (), (), np.full(len(answers), -1, dtype=np.int64)
    distinct = sorted(values.unique().to_list(), key=lambda value: (value is None, value or ""))
    places = {value: place for place, value in enumerate(distinct)}
    return tuple(distinct), (), np.array([places[value] for value in values.to_list()], dtype=np.int64)


def truth_distances(rows: JudgedRows) -> Floats:
    """How far the truth lies from the answer, [N]: of a number the absolute error, of a class 1 - its probability."""
    y_true, y_score = rows.predictions.y_true, rows.predictions.y_score
    if y_score.ndim == 1:
        return np.asarray(np.abs(y_true - y_score))
    return np.asarray((1 - y_score)[np.arange(len(y_true)), y_true])


def conformal_quantile(
    distances: Floats, coverage: float, weights: Floats, groups: NDArray[np.int64] | None = None
) -> float | None:
    """The least distance [N] that holds the stated share of the weight of all rows and of a new one, which may lie
    beyond them all; None where even the largest does not.

    Of n rows that count the same it is that of rank ceil((n + 1) coverage). Where they do not, coverage is the share of
    the weight, and the new row counts as much as one that is drawn by weight does on average (Tibshirani and others,
    Conformal Prediction Under Covariate Shift, 2019, with weights of which only those of validation rows are known).
    Rows of one group are alike, so that what is new is a group, and as heavy as groups are (Dunn, Wasserman and Ramdas,
    Distribution-Free Prediction Sets for Two-Layer Hierarchical Models, JASA 118, 2023: pooling).
    """
    counted = weights > 0
    distances, weights = distances[counted], weights[counted]
    if not len(distances):
        return None
    total = float(weights.sum())
    needed = coverage * (total + _new_weight(weights, None if groups is None else groups[counted])) * (1 - _ROUNDING)
    order = np.argsort(distances, kind="stable")
    place = int(np.searchsorted(np.cumsum(weights[order]), needed, side="left"))
    return float(distances[order][place]) if place < len(order) else None


def _new_weight(weights: Floats, groups: NDArray[np.int64] | None) -> float:
    of_units = weights if groups is None else np.bincount(groups, weights)
    return float(np.square(of_units).sum() / weights.sum())


def _too_few(coverage: float, validation: JudgedRows) -> str:
    """As many are needed as have a rank (n + 1) coverage: coverage / (1 - coverage)."""
    weights = validation.weights
    needed = math.ceil(coverage / (1 - coverage) - _ROUNDING)
    units, num_units = "rows", int((weights > 0).sum())
    if validation.groups is not None:
        units, num_units = "groups", len(np.unique(validation.groups[weights > 0]))
    there = f"there are {num_units:,}"
    if num_units >= needed:
        worth = weights.sum() / _new_weight(weights, validation.groups)
        there += f", which by their weight are worth {worth:.1f}"
    return (
        f"evaluate.conformal: a coverage of {coverage:g} asks for {needed:,} validation {units} at least, and {there}; "
        "give validation more rows (split.validation), or ask for a smaller coverage"
    )
