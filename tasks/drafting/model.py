"""The model to begin with, and why this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.drafting.findings import Finding
from tasks.drafting.labels import is_imbalanced
from tasks.drafting.network import Section, choose_network
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess
from tasks.params.config import Metric

OF_WORDS, OF_TABLES = 10.0, 1.0
"""The weight of a linear model: thousands of words each say little, and a few columns may say anything."""
_MOST_CHARACTERS = 20_000_000
"""Of all texts together: their runs take some 20 s to count on one core, and as long again to encode."""
_MOST_SCORED = 20
"""Classes up to which texts become scores: each has a coefficient for every word, and a column."""
_ENOUGH_FOR_TREES = 500
"""Rows below which boosted trees mostly learn by heart what a linear model generalizes."""


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """The sections of the block from normalize on, and in a sentence why they are so."""

    reason: str
    train: Section
    metric: Metric
    gate: Section
    gate_reason: str
    tried: tuple[str, ...] = ()
    """Lines of a table: what was measured, when it was."""
    normalize: Section = field(default_factory=dict)
    augment: Section = field(default_factory=dict)
    augment_reason: str = ""
    evaluate: Section = field(default_factory=dict)


def choose_model(
    facts: Facts,
    target: TargetGuess,
    features: Sequence[str],
    classes: Mapping[str, int],
    side: tuple[int, int] | None,
    asked: Metric | None = None,
) -> ModelChoice:
    """By the features' types, the number of rows and the task. `side`: height and width of the first picture; `asked`:
    the metric that the user goes by."""
    types = [facts.types[name] for name in features]
    media = [name for name in features if facts.is_media(name)]
    is_rare = is_imbalanced(classes)
    normalize: Section = {}
    augment: Section = {}
    # First: a network reads numbers and categories beside a picture, and nothing else here reads pictures.
    if media:
        network = choose_network(facts, facts.types[media[0]], side)
        reason, normalize, augment, train = network.reason, network.normalize, network.augment, network.train
    # Trees split on one word at a time; a linear model weighs thousands at once.
    elif is_mostly_text(facts, features):
        normalize = of_words(facts, features)
        reason, train = (
            "mostly free text: a linear model on TF-IDF learns fast and well",
            linear(target, OF_WORDS),
        )
    elif facts.num_rows >= _ENOUGH_FOR_TREES:
        reason = f"a table of {facts.num_rows:,} rows: boosted trees take numbers and categories as they are"
        normalize, train = trees(types, len(classes))
    else:
        reason = f"a table of {facts.num_rows:,} rows, too few for trees: a linear model"
        train = linear(target, OF_TABLES)
    judged = _gate(target, is_rare)
    metric = judged["metric"] if asked is None else asked
    return ModelChoice(
        reason=reason,
        normalize=normalize,
        augment=augment,
        train=on_scale(train, scale_of(metric)),
        evaluate=_evaluate(target, classes),
        **{**judged, "metric": metric},
    )


def is_mostly_text(facts: Facts, features: Sequence[str]) -> bool:
    """Whether free texts are half of the features, or more."""
    return sum(facts.is_free_text(name) for name in features) * 2 >= len(features)


def one_picture(facts: Facts, features: Sequence[str]) -> list[Finding]:
    """A network reads one image or audio column and no text: what it cannot read is left out."""
    media = [name for name in features if facts.is_media(name)]
    texts = [name for name in features if facts.is_free_text(name)]
    left_out = (*media[1:], *texts) if media else ()
    statement = "is left out: the network that reads {} takes no other image, recording or text."
    return [
        Finding(kind="pattern", columns=(name,), message=f"{name} {statement.format(media[0])}", role="id")
        for name in left_out
    ]


def of_words(facts: Facts, features: Sequence[str]) -> Section:
    """The section normalize for a linear model of texts: with runs of characters, unless there are too many of them."""
    texts = [facts.profile.sample[name].drop_nulls() for name in features if facts.is_free_text(name)]
    mean_length = sum(int(cells.str.len_chars().sum()) / max(1, len(cells)) for cells in texts)
    if mean_length * facts.num_rows > _MOST_CHARACTERS:
        return {}
    return {"text": {"characters": [2, 5], "sublinear": True}}


def linear(target: TargetGuess, weight: float) -> Section:
    """The train section of a linear model; the larger `weight` is, the less its coefficients are held back."""
    if target.task == "regression":
        return {"kind": "sklearn", "estimator": {"kind": "ridge"}, "seed": 0}
    # Not balanced: probabilities would be off, and ranks no better.
    return {"kind": "sklearn", "estimator": {"kind": "logistic_regression", "C": weight}, "seed": 0}


def trees(types: Sequence[str], num_classes: int) -> tuple[Section, Section]:
    """The sections normalize and train of boosted trees, for features of these types and a target of so many classes,
    0 for a number."""
    # Sections of `normalize` bear the names of the types that they are for.
    normalize: Section = {"number": {"scale": "none"}} if "number" in types else {}
    if "text" in types:
        # Of texts alone a score would be the linear model once more.
        is_beside_others = any(one != "text" for one in types)
        # Words without pairs of them, which take longer and scored no better where it was measured (docs/log.md).
        scored = {"encode": "score", "ngrams": [1, 1]}
        normalize["text"] = scored if is_beside_others and num_classes <= _MOST_SCORED else {"max_features": 2000}
    return normalize, {"kind": "lightgbm", "learning_rate": 0.05, "num_iterations": 500, "seed": 0}


def ensemble(linear: Section, boosted: Section, *, has_categories: bool, has_logarithm: bool) -> Section:
    """The train section of a linear model and of boosted trees in several shapes: as they are drafted alone, many small
    ones, slow ones that each see half of the columns, and ones that cut by chance; of amounts also trees and a linear
    model that learn their logarithm. The small and slow ones ask for categories one by one, which the others do of few
    alone. Slow ones and those of logarithms fit closely, down to leaves of three rows: on tables with little noise that
    is what counts, and on others the weights leave them out. Chosen by held-out rows of public tables: docs/log.md."""
    many: Section = {"num_iterations": 2000}
    rows = {"bagging_fraction": 0.8, **many, **({"categories": "one_by_one"} if has_categories else {})}
    shapes: list[Section] = [
        many,
        {"num_leaves": 7, "feature_fraction": 0.6, **rows},
        {"learning_rate": 0.03, "min_data_in_leaf": 3, "feature_fraction": 0.5, **rows},
        {"extra_trees": True},
        *([{"target_transform": "log1p", "num_leaves": 15, "min_data_in_leaf": 3, **many}] if has_logarithm else []),
    ]
    lines = [linear, *([on_scale(linear, "log1p")] if has_logarithm else [])]
    return {"kind": "ensemble", "members": [*lines, *({**boosted, **shape} for shape in shapes)], "seed": 0}


def scale_of(metric: Metric) -> str | None:
    """The transform of the target that the metric itself asks for: errors of logarithms are least where these are
    learnt."""
    return "log1p" if metric == "rmsle" else None


def on_scale(train: Section, transform: str | None) -> Section:
    """The same trainer, which learns the target's logarithm or rank. Networks have no such setting."""
    return train if transform is None or train["kind"] == "torch" else {**train, "target_transform": transform}


def _evaluate(target: TargetGuess, classes: Mapping[str, int]) -> Section:
    """The rarer class is the one that is looked for."""
    # One class of several is not more looked for than the others.
    if target.task != "binary" or len(classes) != 2:
        return {}
    # Of two as frequent the later by name: `yes` after `no`, 1 after 0.
    return {"positive": min(sorted(classes, reverse=True), key=lambda name: classes[name])}


def _gate(target: TargetGuess, is_rare: bool) -> dict[str, Any]:
    if target.task == "regression":
        return {"metric": "rmse", "gate": {"r2": {"min": 0.0}}, "gate_reason": "0 is what the mean alone scores"}
    # Where classes are rare, accuracy is that of never naming them.
    metric = "roc_auc" if target.task == "binary" else "f1" if is_rare else "accuracy"
    return {"metric": metric, "gate": {"roc_auc": {"min": 0.5}}, "gate_reason": "0.5 is a toss of a coin"}
