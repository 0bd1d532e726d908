"""Columns that give the target away: they are it, add up to it, or are written down after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.drafting.findings import Finding, listed, share
from tasks.drafting.partial_leaks import find_partial_leaks
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess

Floats = NDArray[np.float64]

_ALWAYS = 0.999
_FEWEST_ROWS = 50
"""With fewer rows everything can be chance."""
_MOST_ADDED = 60
"""Columns of which every two are added: 1,770 pairs."""
_NEARLY_PERFECT = 0.99
# A cause may be written down, too, for a few rows of the other class.
_SURE = 0.95
_FEWEST_HITS = 5
_MUCH = 0.5

# With 10,000 rows in five folds, 125 rows a bin.
_NUM_BINS = 64
_NUM_FOLDS = 5
_MOST_ROWS = 10_000
_MOST_COLUMNS = 300
_MOST_DISTINCT = 0.2
"""Of a column with more values than one to five rows nothing can be learnt by value."""

Indices = NDArray[np.int64]


def find_leaks(facts: Facts, target: TargetGuess, features: Sequence[str]) -> list[Finding]:
    """Certain leaks, to be left out, and suspected ones, to be looked at. Never all of the features."""
    if facts.sample.height < _FEWEST_ROWS:
        return []
    if target.task == "regression":
        certain = _sums(facts, target.name, features)
    else:
        certain = _relabelled(facts, target, features)
    if target.task == "binary":
        certain += _marks_of_one_class(facts, target.name, features)
    known = {name for finding in certain for name in finding.columns}
    partial = find_partial_leaks(facts, target, [name for name in features if name not in known])
    certain += [finding for finding in partial if finding.role]
    leaking = {name for finding in certain for name in finding.columns}
    # A model of suspected columns is still something; one without any is none.
    if leaking >= set(features):
        return [_with_warning_only(finding) for finding in certain]
    doubtful = [finding for finding in partial if not finding.role]
    others = [name for name in features if not any(name in finding.columns for finding in certain + doubtful)]
    return certain + doubtful + _suspected(facts, target, others)


def _sums(facts: Facts, target: str, features: Sequence[str]) -> list[Finding]:
    """One column that equals the target, or two whose sum or difference does, in next to all rows."""
    names = [name for name in features if facts.is_number(name)][:_MOST_ADDED]
    wanted = _floats(facts, target)
    values = {name: _floats(facts, name) for name in names}
    same = [name for name in names if _equal(values[name], wanted)]
    findings = [_certain((name,), f"{name} equals {target} in every row") for name in same]
    for first, second in combinations([name for name in names if name not in same], 2):
        for sign, formula in ((1, f"{first} + {second}"), (-1, f"{first} - {second}"), (-2, f"{second} - {first}")):
            added = _added(values[first], values[second], sign)
            # Nearly all pairs fail on the first rows: thousands of pairs cost next to nothing.
            if _equal(added[:200], wanted[:200]) and _equal(added, wanted):
                findings.append(_certain((first, second), f"{formula} = {target} in every row"))
    return findings


def _added(first: Floats, second: Floats, sign: int) -> Floats:
    # What is infinite has no difference; `_equal` leaves it out.
    with np.errstate(invalid="ignore", over="ignore"):
        return first + second if sign == 1 else first - second if sign == -1 else second - first


def _equal(values: Floats, wanted: Floats) -> bool:
    both = np.isfinite(values) & np.isfinite(wanted)
    if both.sum() < _FEWEST_ROWS:
        return False
    # Sums that cancel are off by digits of what was added, which is of the target's size: amounts may be of 1e-10.
    sizes = np.abs(wanted[both & (wanted != 0)])
    rounding = 1e-9 * float(np.median(sizes)) if len(sizes) else 1e-9
    return float(np.isclose(values[both], wanted[both], rtol=1e-9, atol=rounding).mean()) >= _ALWAYS


def _relabelled(facts: Facts, target: TargetGuess, features: Sequence[str]) -> list[Finding]:
    """Columns with a value of their own for each class, and no other."""
    num_classes = facts.state(target.name).num_distinct
    findings = []
    for name in features:
        if facts.is_media(name) or facts.is_free_text(name) or facts.state(name).num_distinct != num_classes:
            continue
        pairs = facts.sample[[target.name, name]].drop_nulls()
        # As many pairs as classes: each value goes with one class, and each class with one value.
        num_pairs, each = pairs.n_unique(), (pairs[target.name].n_unique(), pairs[name].n_unique())
        if pairs.height >= _FEWEST_ROWS and num_pairs == min(each) > 1:
            findings.append(_certain((name,), f"{name} is {target.name} under other names, a value for each class"))
    return findings


def _marks_of_one_class(facts: Facts, target: str, features: Sequence[str]) -> list[Finding]:
    """0/1 columns that are 1 in hardly any row but those of one class, and together in most of these: its causes."""
    names = [name for name in features if _is_mark(facts, name)]
    counts = facts.sample[target].drop_nulls().alias("value").value_counts().sort("count", "value")
    if not names or counts.height != 2:
        return []
    # A mark of the frequent class would be 1 nearly everywhere.
    rare = counts["value"][0]
    is_rare = (facts.sample[target] == rare).fill_null(value=False).to_numpy()
    marks = {name: facts.sample[name].cast(pl.Float64).fill_null(0).to_numpy() == 1 for name in names}
    telling = {
        name: marked
        for name, marked in marks.items()
        if (marked & is_rare).sum() >= _FEWEST_HITS and (marked & is_rare).sum() >= _SURE * marked.sum()
    }
    if not telling or np.logical_or.reduce(list(telling.values()))[is_rare].mean() < _MUCH:
        return []
    covered = np.logical_or.reduce(list(telling.values()))[is_rare].mean()
    statement = (
        f"where {listed(telling)} is 1, {target} is {_plain(rare)} in {share(_SURE, 1)} of rows or more; "
        f"together they mark {share(float(covered), 1)} of these rows: they are written down after the fact"
    )
    return [_certain(tuple(telling), statement)]


def _is_mark(facts: Facts, name: str) -> bool:
    dtype = facts.of_type(name).dtype
    if not (dtype.is_numeric() or dtype == pl.Boolean):
        return False
    return set(facts.present(name).cast(pl.Float64).unique().to_list()) == {0.0, 1.0}


def _suspected(facts: Facts, target: TargetGuess, features: Sequence[str]) -> list[Finding]:
    findings = []
    for name, (score, chance) in single_scores(facts, target, features).items():
        if score > _NEARLY_PERFECT and chance < 0.95:
            measure = "R²" if target.task == "regression" else "accuracy"
            message = (
                f"{name} alone predicts {target.name} almost perfectly ({measure} {score:.3f}, without it "
                f"{chance:.3f}): known before {target.name} is, or written down after it?"
            )
            findings.append(Finding(kind="leak", columns=(name,), message=message, proposal="role: id"))
    return findings


def _certain(columns: tuple[str, ...], statement: str) -> Finding:
    return Finding(
        kind="leak", columns=columns, message=f"{statement}: left out, or there is nothing to learn.", role="id"
    )


def _with_warning_only(finding: Finding) -> Finding:
    message = re.sub(r": left out, .*", ": kept, as there is no other column.", finding.message)
    return Finding(kind="leak", columns=finding.columns, message=message)


def _floats(facts: Facts, name: str) -> Floats:
    return facts.sample[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def single_scores(facts: Facts, target: TargetGuess, features: Sequence[str]) -> dict[str, tuple[float, float]]:
    """For each column its score, and that of knowing nothing: accuracy and the largest class's share, or R² and 0.

    A column is cut into values or 64 quantiles; each bin answers with what its other folds' rows say.
    """
    rows = facts.sample.filter(facts.sample[target.name].is_not_null()).head(_MOST_ROWS)
    if rows.height < _NUM_FOLDS * 10:
        return {}
    # In turn and not at random: the same draft each time, also where rows are sorted by class.
    folds = np.arange(rows.height) % _NUM_FOLDS
    scores = {}
    for name in features[:_MOST_COLUMNS]:
        bins = _bins(facts, rows[name])
        if bins is None:
            continue
        if target.task == "regression":
            scores[name] = (_regression(bins, rows, name, target.name, folds, facts.is_number(name)), 0.0)
        else:
            scores[name] = _classification(bins, _category_indices(rows[target.name]), folds)
    return scores


def _bins(facts: Facts, values: pl.Series) -> Indices | None:
    """[N] the bin of each value; a missing one has its own. None for columns that cannot be cut so."""
    if facts.has_categories(values.name):
        indices = _category_indices(values)
        # A value of its own in nearly each row would predict its own row, and no other.
        return indices if indices.max(initial=0) < _MOST_DISTINCT * len(values) else None
    if not facts.is_number(values.name):
        return None
    numbers = values.fill_null(float("nan")).to_numpy()
    finite = numbers[np.isfinite(numbers)]
    edges = np.unique(finite) if len(np.unique(finite)) <= _NUM_BINS else _edges(finite)
    return np.where(np.isfinite(numbers), np.searchsorted(edges, numbers, side="right"), len(edges) + 1)


def _edges(finite: Floats) -> Floats:
    return np.unique(np.quantile(finite, np.linspace(0, 1, _NUM_BINS + 1)[1:-1]))


def _category_indices(values: pl.Series) -> Indices:
    # A missing value is a value here: what is missing may tell the class.
    return values.cast(pl.String).fill_null("\0").rank("dense").cast(pl.Int64).to_numpy() - 1


def _classification(bins: Indices, classes: Indices, folds: Indices) -> tuple[float, float]:
    """Accuracy of each bin's commonest class, and the share of the commonest class of all."""
    num_bins, num_classes = int(bins.max()) + 1, int(classes.max()) + 1
    hits = 0
    for fold in range(_NUM_FOLDS):
        learn, test = folds != fold, folds == fold
        counts = np.bincount(bins[learn] * num_classes + classes[learn], minlength=num_bins * num_classes)
        answers = counts.reshape(num_bins, num_classes).argmax(axis=1)
        hits += int((answers[bins[test]] == classes[test]).sum())
    return hits / len(classes), float(np.bincount(classes).max() / len(classes))


def _regression(bins: Indices, rows: pl.DataFrame, name: str, target: str, folds: Indices, is_number: bool) -> float:
    """R² of each bin's mean, or of a straight line where that says more."""
    wanted = rows[target].to_numpy().astype(np.float64)
    # R² is not defined for a target that never changes.
    if not np.isfinite(wanted).all() or (wanted == wanted[0]).all():
        return 0.0
    wanted = _in_units_of_the_largest(wanted)
    answers = np.empty_like(wanted)
    for fold in range(_NUM_FOLDS):
        learn, test = folds != fold, folds == fold
        sums = np.bincount(bins[learn], weights=wanted[learn], minlength=int(bins.max()) + 1)
        counts = np.bincount(bins[learn], minlength=int(bins.max()) + 1)
        # A bin without a row to learn from answers what knowing nothing would.
        means = np.where(counts > 0, sums / np.maximum(counts, 1), wanted[learn].mean())
        answers[test] = means[bins[test]]
    by_bins = 1 - float(((wanted - answers) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())
    # Bins lose what lies within them: a column twice the target would score less than 1.
    return max(by_bins, _straight(rows[name].cast(pl.Float64).to_numpy(), wanted) if is_number else 0.0)


def _straight(values: Floats, wanted: Floats) -> float:
    both = np.isfinite(values)
    if both.mean() < 0.9:
        return 0.0
    values, wanted = _in_units_of_the_largest(values[both]), _in_units_of_the_largest(wanted[both])
    if np.ptp(values) == 0 or np.ptp(wanted) == 0:
        return 0.0
    return float(np.corrcoef(values, wanted)[0, 1]) ** 2


def _in_units_of_the_largest(numbers: Floats) -> Floats:
    """R² is the same in every unit; squares of numbers near the least or the largest float are 0 or infinite."""
    largest = np.abs(numbers).max()
    return numbers / largest if largest else numbers
