"""The sets that benchmarks/quality.py judges by: how each is read, split and scored.

A set is read as its publisher left it, with the names that its files lack and without the columns that tell the answer.
Where the publisher says which rows are test rows, these are; what has a time is tested on its last fifth; all else goes
through five folds, drawn once and the same for everyone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

FOLDS = 5
TARGET = "target"

Frames = tuple[pl.DataFrame, pl.DataFrame]
"""Training rows and test rows."""

_ADULT = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
]
_LEAKS_OF_AI4I = ["TWF", "HDF", "PWF", "OSF", "RNF"]
"""Ways of failing: each says that the machine failed."""


@dataclass(frozen=True, kw_only=True)
class QualitySet:
    """One set. Of `metrics`, all are shown, and AutoGluon is told the first; `positive` is the class looked for."""

    name: str
    split: str
    metrics: tuple[str, ...]
    read: Callable[[Path], Iterator[Frames]]
    positive: str | None = None
    text: str | None = None

    @property
    def is_regression(self) -> bool:
        return self.metrics[0].startswith("rmse") or self.metrics[0] == "rmsle"


def _folds(rows: pl.DataFrame, *, stratify: bool) -> Iterator[Frames]:
    from sklearn.model_selection import KFold, StratifiedKFold

    folds = (StratifiedKFold if stratify else KFold)(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(np.zeros(rows.height), rows[TARGET] if stratify else None):
        yield rows[train], rows[test]


def _adult(folder: Path) -> Iterator[Frames]:
    def part(name: str) -> pl.DataFrame:
        # Blanks behind the commas, a comment above the test rows, and a full stop behind their labels.
        text = (folder / name).read_text().replace(", ", ",").replace(".\n", "\n")
        lines = [line for line in text.splitlines() if line.count(",") == len(_ADULT) - 1]
        rows = pl.read_csv(
            io.StringIO("\n".join(lines)), has_header=False, new_columns=_ADULT, infer_schema_length=None
        )
        return rows.rename({"income": TARGET})

    yield part("adult.data"), part("adult.test")


def _german_credit(folder: Path) -> Iterator[Frames]:
    rows = pl.read_csv(folder / "german.data", separator=" ", has_header=False)
    names = {name: f"a{number}" for number, name in enumerate(rows.columns, 1)}
    rows = rows.rename({**names, rows.columns[-1]: TARGET})
    yield from _folds(rows.with_columns(pl.col(TARGET).replace_strict({1: "good", 2: "bad"})), stratify=True)


def _credit_default(folder: Path) -> Iterator[Frames]:
    rows = pl.read_csv(folder / "UCI_Credit_Card.csv", infer_schema_length=None)
    yield from _folds(rows.drop("ID").rename({"default.payment.next.month": TARGET}), stratify=True)


def _california_housing(folder: Path) -> Iterator[Frames]:
    yield from _folds(pl.read_csv(folder / "housing.csv").rename({"median_house_value": TARGET}), stratify=False)


def _ai4i(folder: Path) -> Iterator[Frames]:
    rows = pl.read_csv(folder / "ai4i2020.csv").drop("UDI", "Product ID", *_LEAKS_OF_AI4I)
    yield from _folds(rows.rename({"Machine failure": TARGET}), stratify=True)


def _steel_faults(folder: Path) -> Iterator[Frames]:
    rows = pl.read_csv(folder / "SteelPlatesFaults_Clean.csv", infer_schema_length=None)
    faults = rows.columns[-7:]
    label = pl.concat_list(faults).list.arg_max().replace_strict(dict(enumerate(faults)), return_dtype=pl.String)
    yield from _folds(rows.select(pl.exclude(faults), label.alias(TARGET)), stratify=True)


def _bike_sharing(folder: Path) -> Iterator[Frames]:
    # What was rented by members and by others is what was rented.
    rows = pl.read_csv(folder / "hour.csv").drop("instant", "casual", "registered").rename({"cnt": TARGET})
    cut = rows.height * 4 // 5
    yield rows[:cut], rows[cut:]


def _sms_spam(folder: Path) -> Iterator[Frames]:
    lines = [line.split("\t", 1) for line in (folder / "SMSSpamCollection").read_text().splitlines()]
    yield from _folds(pl.DataFrame(lines, schema=[TARGET, "text"], orient="row"), stratify=True)


def _rt_polarity(folder: Path) -> Iterator[Frames]:
    texts: dict[str, list[str]] = {
        label: (folder / f"rt-polarity.{label}").read_text().splitlines() for label in ("neg", "pos")
    }
    rows = [(label, text.strip()) for label, lines in texts.items() for text in lines]
    yield from _folds(pl.DataFrame(rows, schema=[TARGET, "text"], orient="row"), stratify=True)


_FIVE_FOLDS, _LAST_FIFTH, _OFFICIAL = "5 folds", "last fifth of time", "official"

SETS: dict[str, QualitySet] = {
    quality.name: quality
    for quality in (
        QualitySet(name="adult", split=_OFFICIAL, metrics=("roc_auc", "accuracy"), read=_adult, positive=">50K"),
        QualitySet(name="credit-default", split=_FIVE_FOLDS, metrics=("roc_auc",), read=_credit_default, positive="1"),
        QualitySet(name="german-credit", split=_FIVE_FOLDS, metrics=("roc_auc",), read=_german_credit, positive="bad"),
        QualitySet(name="california-housing", split=_FIVE_FOLDS, metrics=("rmse",), read=_california_housing),
        QualitySet(name="ai4i-2020", split=_FIVE_FOLDS, metrics=("pr_auc", "roc_auc"), read=_ai4i, positive="1"),
        QualitySet(name="bike-sharing", split=_LAST_FIFTH, metrics=("rmsle", "rmse"), read=_bike_sharing),
        QualitySet(name="steel-faults", split=_FIVE_FOLDS, metrics=("f1_macro",), read=_steel_faults),
        QualitySet(
            name="sms-spam", split=_FIVE_FOLDS, metrics=("f1", "roc_auc"), read=_sms_spam, positive="spam", text="text"
        ),
        QualitySet(
            name="rt-polarity",
            split=_FIVE_FOLDS,
            metrics=("accuracy", "roc_auc"),
            read=_rt_polarity,
            positive="pos",
            text="text",
        ),
    )
}


def higher_is_better(metric: str) -> bool:
    """Errors are better when they are small."""
    return not metric.startswith("rms")


def metric_of(metric: str, positive: str | None) -> Callable[[Any, Any, Any], float]:
    """scikit-learn's, of the truth [N], the answers [N] and, if there is one, the probability of `positive` [N]."""
    from sklearn import metrics

    def rmsle(truth: Any, answers: Any, _: Any) -> float:
        return float(metrics.root_mean_squared_log_error(truth, np.clip(answers, 0, None)))

    return {
        "roc_auc": lambda truth, _, scores: float(metrics.roc_auc_score(truth == positive, scores)),
        "pr_auc": lambda truth, _, scores: float(metrics.average_precision_score(truth == positive, scores)),
        "accuracy": lambda truth, answers, _: float(metrics.accuracy_score(truth, answers)),
        "f1": lambda truth, answers, _: float(metrics.f1_score(truth == positive, answers == positive)),
        "f1_macro": lambda truth, answers, _: float(metrics.f1_score(truth, answers, average="macro")),
        "rmse": lambda truth, answers, _: float(metrics.root_mean_squared_error(truth, answers)),
        "rmsle": rmsle,
    }[metric]
