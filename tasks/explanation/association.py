"""Which columns go together, so that a model may do without one of them: groups of columns that tell the same.

A model that has two of a kind loses little when one is shuffled. Such columns are shuffled together as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import Field, ModelInput, Spec

STRONG = 0.8
"""From here on two columns share most of what they tell: a rank correlation of 0.8 is some two thirds of the spread."""
_MOST_INPUTS = 16
"""A column of more inputs, such as an embedded picture, is like no other."""
_MOST_CATEGORIES = 50
_FEWEST_ROWS = 20
"""Of fewer rows any two columns may look alike."""

Floats = NDArray[np.float64]


def correlated_groups(spec: Spec, rows: ModelInput, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of two columns or more, each of which goes with every other of its group; in the order of the columns."""
    fields = [field for field in spec.fields if field.name in names and _is_simple(field)]
    if rows.num_rows < _FEWEST_ROWS or len(fields) < 2:
        return []
    strength = associations(fields, rows)
    groups = [{number} for number in range(len(fields))]
    # The strongest pairs first, and two groups become one only where all of both go together: a chain of neighbours,
    # each a little like the next one, would else end as one group of all.
    pairs = sorted(combinations(range(len(fields)), 2), key=lambda pair: -strength[pair])
    for first, second in pairs:
        if strength[first, second] < STRONG:
            break
        one, other = (next(group for group in groups if number in group) for number in (first, second))
        if one is not other and all(strength[left, right] >= STRONG for left in one for right in other):
            groups = [group for group in groups if group is not one and group is not other] + [one | other]
    together = sorted(sorted(group) for group in groups if len(group) > 1)
    return [tuple(fields[number].name for number in group) for group in together]


def associations(fields: Sequence[Field], rows: ModelInput) -> Floats:
    """How strongly each two columns go together, [C, C] from 0 to 1, whatever their types.

    Numbers by Spearman's rank correlation; two categories by Cramer's V, a category and a number by the correlation
    ratio of ranks, both corrected for what chance alone would give (Bergsma 2013; Kelley 1935).
    """
    strength = np.zeros((len(fields), len(fields)))
    blocks = {number: rows.blocks[field.name] for number, field in enumerate(fields)}
    levels = {number: block for number, block in blocks.items() if fields[number].kind == "category_index"}
    ranks = {number: _ranks(block) for number, block in blocks.items() if number not in levels}
    _fill(strength, {pair: _rank_correlation(ranks[pair[0]], ranks[pair[1]]) for pair in combinations(ranks, 2)})
    _fill(strength, {pair: _cramers_v(levels[pair[0]], levels[pair[1]]) for pair in combinations(levels, 2)})
    _fill(strength, {(one, other): _correlation_ratio(levels[one], ranks[other]) for one in levels for other in ranks})
    return strength


def _fill(strength: Floats, pairs: dict[tuple[int, int], float]) -> None:
    for (one, other), value in pairs.items():
        strength[one, other] = strength[other, one] = value


def _is_simple(field: Field) -> bool:
    few = field.num_inputs <= (_MOST_CATEGORIES if field.kind == "category_index" else _MOST_INPUTS)
    return few and field.kind in ("dense", "category_index")


def _ranks(block: Floats) -> Floats:
    """The ranks of each input's values, [N, K], centered and of length 1; all 0 for an input that is one value."""
    from scipy.stats import rankdata

    ranks = rankdata(block, axis=0)
    centered = ranks - ranks.mean(axis=0)
    lengths = np.sqrt(np.square(centered).sum(axis=0))
    return np.asarray(np.divide(centered, lengths, out=np.zeros_like(centered), where=lengths > 0))


def _rank_correlation(one: Floats, other: Floats) -> float:
    """The largest between an input of one and an input of the other."""
    return float(np.abs(np.einsum("ni,nj->ij", one, other)).max())


def _correlation_ratio(levels: NDArray[np.int32], ranks: Floats) -> float:
    """The root of the share of the ranks' spread that lies between the categories; that of the input with the most."""
    counts = np.bincount(levels)
    num_rows, num_levels = len(levels), int(np.count_nonzero(counts))
    if num_rows <= num_levels:
        return 0.0
    sums = np.stack([np.bincount(levels, values) for values in ranks.T], axis=1)
    between = (np.square(sums) / np.maximum(counts, 1)[:, None]).sum(axis=0)  # of a spread of 1, as ranks have length 1
    corrected = 1 - (1 - between) * (num_rows - 1) / (num_rows - num_levels)
    varies = np.square(ranks).sum(axis=0) > 0
    return float(np.sqrt(np.max(np.where(varies, corrected, 0), initial=0)))


def _cramers_v(one: NDArray[np.int32], other: NDArray[np.int32]) -> float:
    num_rows, width = len(one), int(other.max()) + 1
    table = np.bincount(one * width + other, minlength=(int(one.max()) + 1) * width).reshape(-1, width)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / num_rows
    phi = float((np.square(table - expected) / expected).sum()) / num_rows
    rows, columns = table.shape
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (num_rows - 1))
    least = min(side - (side - 1) ** 2 / (num_rows - 1) for side in (rows, columns)) - 1
    return float(min(1.0, np.sqrt(corrected / least))) if least > 0 else 0.0
