"""Suspicious labels: rows whose class models that have not seen the row, and are sure of it, take for another.

Confident learning (Northcutt, Jiang and Chuang, 2021, arXiv:1911.00068): a model is sure of a class when it gives it
at least the probability that, on average, it gives to the rows that are said to be of this class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ALL_TRAIN, ROW, Findings, Parts, PartStarts, empty_findings, findings_of
from tasks.cleaning.labels.models import ClassModel, FeatureEncoder, class_numbers, fit_classes, learn_encoder
from tasks.cleaning.labels.thumbnails import thumbnails
from tasks.columns import column_type
from tasks.params.clean import CleanLabels
from tasks.params.config import ColumnTypeName
from tasks.tables.dataset import Dataset
from tasks.tables.row_hashes import row_hashes, unit_interval
from tasks.tables.samples import HASH, StableSample
from tasks.wording import percent

RULE = "suspicious_label"

MOST_ROWS = 50_000
"""That one model learns from."""

_DECIMALS = 9
"""To which probabilities are rounded: the last bits depend on where in a batch a row stands."""


def suspicious_labels(
    parts: Parts, dataset: Dataset, settings: CleanLabels, starts: PartStarts = ALL_TRAIN
) -> Findings:
    """Rows of another class, by models of the other folds: some class has at least its average probability among rows
    that are given it, and more than the class that the row is given.

    The score is 1 - the probability of the given class. Folds go by a stable hash of the features, so that equal rows
    are in one fold. Only for classes, not for regression. Classes with fewer rows than folds are neither suspicious
    nor suspected. All is learnt from training rows; rows that are judged on are looked at by the mean of the models,
    none of which has seen them. Boosted trees judge numbers and categories, logistic regression judges text, images and
    sounds (as pictures of 16 by 16); each learns from `MOST_ROWS` rows at most, those with the smallest hash.

    Memory: the rows that are learnt from, their matrix, a part, and 8 bytes a row and class.
    """
    assert dataset.task != "regression", "there are no classes to suspect"
    counts, sample = _survey(lambda: _of_train(parts, starts), dataset, settings)
    # Below that a fold may lack the class, and its model would never know it.
    judged = sorted(label for label, count in counts.items() if count >= settings.folds)
    # To suspect a label takes a second class that it could be.
    if len(judged) < 2 or not dataset.features:
        return empty_findings()
    judges = _judges(sample, dataset, sorted(counts), settings, starts.train)
    rows, given, probabilities = _probabilities(parts, dataset, judges)
    thresholds = _thresholds(given, probabilities, rows >= starts.train, [label in judged for label in judges.classes])
    return _confident(rows, given, probabilities, thresholds, judges.classes, dataset.target.name)


def _of_train(parts: Parts, starts: PartStarts) -> Iterator[pl.DataFrame]:
    return (part.filter(pl.col(ROW) >= starts.train) for part in parts())


@dataclass(frozen=True, eq=False)
class _Judges:
    """A model a fold, of the rows of all other folds; None where those are of one class."""

    encoder: FeatureEncoder
    classes: list[str]
    models: Sequence[ClassModel | None]
    salt: str
    first_of_train: int

    def probabilities(
        self, rows: pl.DataFrame, folds: NDArray[np.int64], given: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """[N, K], each training row by the model of its fold, others by the mean of all models.

        What no model can judge is what it is said to be.
        """
        # A row that no model judges is given its own class for certain, and so is never suspicious.
        probabilities = np.eye(len(self.classes))[given]
        is_learnt = rows[ROW].to_numpy() >= self.first_of_train
        for fold, model in enumerate(self.models):
            own = np.flatnonzero(is_learnt & (folds == fold))
            if model is not None and len(own):
                probabilities[own] = model.probabilities(self.encoder.matrix(rows[own]), len(self.classes))
        models = [model for model in self.models if model is not None]
        others = np.flatnonzero(~is_learnt)
        if models and len(others):
            matrix = self.encoder.matrix(rows[others])
            probabilities[others] = np.mean([one.probabilities(matrix, len(self.classes)) for one in models], axis=0)
        return np.asarray(probabilities.round(_DECIMALS))


def _survey(parts: Parts, dataset: Dataset, settings: CleanLabels) -> tuple[Counter[str], list[pl.DataFrame]]:
    """How many rows each class has, and the rows of each fold to learn from.

    Of each fold its share: all but one of them make up a model's rows.
    """
    counts: Counter[str] = Counter()
    # A sample a fold, and not one for all: then each model has its rows whatever the sizes of folds.
    samples = [StableSample(MOST_ROWS // (settings.folds - 1)) for _ in range(settings.folds)]
    for part in parts():
        rows = _hashed(part, dataset, _salt(settings))
        counts.update(rows[dataset.target.name].to_list())
        folds = _folds(rows, settings.folds)
        for fold, sample in enumerate(samples):
            sample.add(_small(sample.wanted(rows.filter(folds == fold)), dataset).drop(ROW))
    return counts, [kept for kept in (sample.rows() for sample in samples) if kept is not None]


def _judges(
    sample: list[pl.DataFrame], dataset: Dataset, classes: list[str], settings: CleanLabels, first_of_train: int
) -> _Judges:
    learnt = pl.concat(sample)
    # One encoder for all folds: it looks at no label.
    encoder = learn_encoder(learnt, _types(dataset))
    matrix = encoder.matrix(learnt)
    # Numbers are those of all classes, so that models of all folds mean the same by them.
    numbers = class_numbers(learnt[dataset.target.name], classes)
    fold_of = np.repeat(np.arange(len(sample)), [rows.height for rows in sample])
    others = [np.flatnonzero(fold_of != fold) for fold in range(len(sample))]
    models = [fit_classes(matrix[rows], numbers[rows], linear=encoder.linear, seed=settings.seed) for rows in others]
    return _Judges(encoder, classes, models, _salt(settings), first_of_train)


def _probabilities(
    parts: Parts, dataset: Dataset, judges: _Judges
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Row numbers [N], the classes that they are given [N], and the probabilities of all classes [N, K]."""
    rows, given, probabilities = [], [], []
    for part in parts():
        hashed = _hashed(part, dataset, judges.salt)
        # A class that train does not know can be neither confirmed nor doubted.
        hashed = hashed.filter(pl.col(dataset.target.name).is_in(judges.classes))
        numbers = class_numbers(hashed[dataset.target.name], judges.classes)
        rows.append(hashed[ROW].to_numpy())
        given.append(numbers)
        probabilities.append(judges.probabilities(_small(hashed, dataset), _folds(hashed, len(judges.models)), numbers))
    return np.concatenate(rows), np.concatenate(given), np.concatenate(probabilities)


def _confident(
    rows: NDArray[np.int64],
    given: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    classes: Sequence[str],
    target: str,
) -> Findings:
    """The rows that some other class claims, with the likeliest of such classes."""
    every_row = np.arange(len(rows))
    own = probabilities[every_row, given]
    is_judged = np.isfinite(thresholds)
    claims = (probabilities >= thresholds) & (probabilities > own[:, None]) & is_judged[given][:, None]
    suspects = np.flatnonzero(claims.any(axis=1))
    # Only among the classes that claim the row: the most probable of all may be below its threshold.
    likeliest = np.where(claims[suspects], probabilities[suspects], -1).argmax(axis=1)
    reasons = [
        f"{target} says {classes[given[row]]}, models that have not seen the row say {classes[other]} "
        f"({percent(probabilities[row, other])})"
        for row, other in zip(suspects, likeliest, strict=True)
    ]
    return findings_of(pl.Series(rows[suspects]), RULE, reasons, (1 - own[suspects]).round(_DECIMALS).tolist())


def _thresholds(
    given: NDArray[np.int64], probabilities: NDArray[np.float64], is_learnt: NDArray[np.bool_], judged: Sequence[bool]
) -> NDArray[np.float64]:
    """From which probability on a class is claimed, [K]: its mean among the training rows that are given it."""
    means = [
        probabilities[is_learnt & (given == number), number].mean() if is_known else np.inf
        for number, is_known in enumerate(judged)
    ]
    return np.array(means)


def _salt(settings: CleanLabels) -> str:
    return f"{RULE}/{settings.seed}"


def _hashed(part: pl.DataFrame, dataset: Dataset, salt: str) -> pl.DataFrame:
    """Row number, features, class as text, and the features' hash; rows without a class are left out."""
    features, target = [column.name for column in dataset.features], dataset.target.name
    # Classes as text, as they are named everywhere: a boolean target would else need numbers of its own.
    rows = part.select(ROW, *features, pl.col(target).cast(pl.String)).drop_nulls(target)
    return rows.with_columns(row_hashes(rows, features, salt).alias(HASH))


def _folds(rows: pl.DataFrame, num_folds: int) -> NDArray[np.int64]:
    # By the same hash that samples go by, so that a row is in one fold in both readings of the table.
    return (unit_interval(rows[HASH]) * num_folds).cast(pl.Int64).to_numpy()


def _small(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Media as small pictures, infinite numbers as missing ones."""
    media = [column for column in dataset.features if column_type(column.type).is_media]
    pictures = [thumbnails(rows[column.name], column.type) for column in media]
    numbers = [pl.col(column.name) for column in dataset.features if rows[column.name].dtype.is_float()]
    finite = [pl.when(number.is_finite()).then(number) for number in numbers]
    return rows.with_columns(*pictures, *finite)


def _types(dataset: Dataset) -> dict[str, ColumnTypeName]:
    """The types of the features as `_small` leaves them: it makes PNG files of all media."""
    return {column.name: "image" if column_type(column.type).is_media else column.type for column in dataset.features}
