"""What stands in the way of a target: classes that are rare, rows that are few, a label over several columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.drafting.findings import Finding, listed, share
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess
from tasks.wording import counted

# Of so many rows, 15 % for the test are one or two.
_FEW_TO_SPLIT = 10
TOO_FEW = 5
"""Of fewer rows, often none falls into train: such a class is taken out."""
# The test then has seven rows, and one answer moves a score by 14 points.
_FEWEST_ROWS = 50
_BY_CHANCE = 0.1
"""Of the equal rows: where each tenth is chance already, nobody can say which of the others are written twice."""
_RARE = 0.4
"""Of the share that a class would have if all had the same."""


def one_hot_label(facts: Facts) -> tuple[str, ...]:
    """The last columns, three or more, when they are 0 or 1 and exactly one of them is 1 in every row; else none."""
    last: list[str] = []
    for name in reversed(facts.names):
        if not facts.is_number(name) or set(facts.state(name).counts or ()) - {0, 1, "0", "1", "0.0", "1.0"}:
            break
        last.insert(0, name)
    # From the longest run on: columns of 0 and 1 before the label may be features.
    for start in range(len(last) - 2):
        ones = facts.sample[last[start:]].sum_horizontal()
        if len(ones) and bool((ones == 1).all()):
            return tuple(last[start:])
    return ()


def describe_one_hot(facts: Facts, columns: tuple[str, ...], target: TargetGuess) -> list[Finding]:
    """That the label lies over several columns; those that are not the target tell it, and are left out."""
    if target.name not in columns:
        return []
    others = tuple(name for name in columns if name != target.name)
    message = (
        f"{listed(columns, 8)} are one label over {len(columns)} columns, as exactly one of them is 1 in every row. "
        f"Only {target.name} is predicted and the others are left out; to predict which of them it is, write them "
        f"to the source as one column. {_sizes(facts, columns)}"
    )
    return [Finding(kind="one_hot_label", columns=others, message=message, role="id")]


def largest(facts: Facts, columns: tuple[str, ...]) -> str:
    """The column of a one-hot label with the most rows."""
    return max(columns, key=lambda name: float(facts.sample[name].sum()))


def find_rare_classes(facts: Facts, target: TargetGuess, counts: Mapping[str, int]) -> list[Finding]:
    """Imbalance, and classes with too few rows to be both learnt from and tested on. `counts`: rows of each class."""
    if target.task == "regression" or not counts:
        return []
    findings = []
    few = {name: count for name, count in counts.items() if count < _FEW_TO_SPLIT}
    # Two classes must be left, or there is nothing to tell apart: then the rare ones are only warned of.
    set_aside = tuple(name for name, count in few.items() if count < TOO_FEW) if len(counts) - len(few) >= 2 else ()
    if few:
        then = f"; {listed(set_aside)} count as missing, so that `clean` sets these rows aside" if set_aside else ""
        message = f"classes with too few rows to learn from and test on: {_listed_counts(few)}{then}."
        findings.append(Finding(kind="few_in_class", columns=(target.name,), message=message, missing=set_aside))
    total, name = sum(counts.values()), min(counts, key=lambda name: counts[name])
    if is_imbalanced(counts):
        message = (
            f"the classes of {target.name} are not balanced: {name} has {counts[name]:,} of {total:,} rows "
            f"({share(counts[name], total)}), so accuracy alone says little."
        )
        findings.append(Finding(kind="imbalance", columns=(target.name,), message=message))
    return findings


def is_imbalanced(counts: Mapping[str, int]) -> bool:
    """Whether a class is much rarer than its share would be."""
    return bool(counts) and min(counts.values()) < _RARE * sum(counts.values()) / len(counts)


def find_too_few_rows(facts: Facts) -> list[Finding]:
    """A warning for tables from which nothing can be learnt and tested."""
    if facts.num_rows >= _FEWEST_ROWS:
        return []
    rows = counted(facts.num_rows, "row is", "rows are")
    message = f"{rows} too few to learn from and test on: take what comes out as a try of the chain."
    return [Finding(kind="too_few_rows", columns=(), message=message)]


def find_duplicates(facts: Facts, identifiers: tuple[str, ...], used: Collection[str]) -> list[Finding]:
    """Rows that stand there before, identifiers aside; `used` are the features and the target."""
    num_again, num_compared = facts.profile.num_repeated(used), facts.profile.num_compared
    if not num_again:
        return []
    aside = f", {listed(identifiers)} aside" if identifiers else ""
    of = "" if num_compared == facts.num_rows else f" of the first {num_compared:,}"
    what, stand = ("row", "stands") if num_again == 1 else ("rows", "stand")
    message = f"{num_again:,} {what}{of} ({share(num_again, num_compared)}) {stand} there before{aside}."
    return [Finding(kind="duplicates", columns=(), message=message)]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The shares of rows that `clean` will take out: those that stand there before, and all others.

    `are_events`: as many rows would be equal if each column were drawn by itself: they are rows of few values.
    """

    repeated: float
    others: float
    are_events: bool = False

    @property
    def total(self) -> float:
        return min(1.0, self.others + (0.0 if self.are_events else self.repeated))


def find_losses(facts: Facts, target: str, key: Sequence[str], features: Sequence[str], num_set_aside: int) -> Losses:
    """Rows written down twice, ids and all; without a target; and without any value to learn from.

    `key`: what tells rows apart. Where that is an id, rows that are the same but for it are events of their own; where
    it is a picture, the sample, which has the sizes of files only, cannot tell.
    """
    profile = facts.profile
    no_id = set(features) <= set(key) and not any(map(facts.is_media, features))
    again = profile.num_repeated(key) / max(profile.num_compared, 1) if no_id else 0.0
    without = (facts.state(target).num_missing + num_set_aside) / facts.num_rows
    are_events = again > 0 and equal_by_chance(facts, features, target)
    return Losses(repeated=again, others=min(1.0, without + _share_empty(facts, features)), are_events=are_events)


def equal_by_chance(facts: Facts, features: Sequence[str], target: str) -> bool:
    """Whether chance alone makes a good part of the equal rows: what is left of them when each column is shuffled.

    Rows that were written twice lose each other then. Columns that go together make more equal rows than shuffled ones.
    """
    # Without a value in any feature all rows are equal, and none of them is learnt from. By name and not by expression:
    # polars takes `*` for all columns.
    rows = pl.DataFrame([facts.sample[name] for name in (*features, target)]).filter(_has_value(facts, features))
    shuffled = pl.DataFrame([values.shuffle(seed=number) for number, values in enumerate(rows)])
    num_equal, num_by_chance = (one.height - one.n_unique() for one in (rows, shuffled))
    return num_by_chance > _BY_CHANCE * num_equal


def _share_empty(facts: Facts, features: Sequence[str]) -> float:
    """The share of rows in which no feature has a value."""
    return float(1 - _has_value(facts, features).mean()) if features and facts.sample.height else 0.0


def _has_value(facts: Facts, features: Sequence[str]) -> NDArray[np.bool_]:
    """The rows of the sample in which some feature has a value, [N]."""
    is_present = np.zeros(facts.sample.height, dtype=bool)
    for name in features:
        is_present |= facts.of_type(name).is_present(facts.sample[name]).to_numpy()
    return is_present


def _sizes(facts: Facts, columns: tuple[str, ...]) -> str:
    sizes = {name: facts.estimate(int(facts.sample[name].sum())) for name in columns}
    return f"Rows of each: {_listed_counts(sizes)}."


def _listed_counts(counts: Mapping[str, int]) -> str:
    return listed((f"{name} ({count:,})" for name, count in counts.items()), 10)
