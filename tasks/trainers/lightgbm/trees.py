"""Trees as LightGBM writes them: cut into single ones, put together again, and what each adds to a row's score.

LightGBM writes leaf values and thresholds with 17 significant digits, so a tree that was read is the one that was
written, to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import ModelInput
from tasks.trainers.lightgbm.matrix import Layout

_ITERATIONS_AT_ONCE = 25
_LEAVES_AT_ONCE = 1 << 22
"""Leaves that are looked up in one go, of as many rows as that allows: a few dozen MiB."""


@dataclass(frozen=True)
class Forest:
    """LightGBM's text of a model, with its trees one by one; `head` and `tail` are what stands around them."""

    head: str = ""
    trees: tuple[str, ...] = ()
    tail: str = ""

    @staticmethod
    def of(booster: lightgbm.Booster) -> Forest:
        text = booster.model_to_string(num_iteration=-1)
        head, *trees = re.split(r"^(?=Tree=\d+$)", text, flags=re.MULTILINE)
        last, end, tail = trees[-1].partition("end of trees")
        # Without the trees' sizes LightGBM reads them one after the other.
        head = re.sub(r"^tree_sizes=.*\n", "", head, flags=re.MULTILINE)
        return Forest(head, (*trees[:-1], last), end + tail)

    def followed_by(self, other: Forest) -> Forest:
        """These trees, then the others."""
        return Forest(self.head or other.head, self.trees + other.trees, self.tail or other.tail)

    def booster(self) -> lightgbm.Booster:
        return lightgbm.Booster(model_str=self.head + "".join(self.trees) + self.tail)


def add_to_scores(
    scores: NDArray[np.float64], booster: lightgbm.Booster, forest: Forest, layout: Layout, inputs: ModelInput
) -> None:
    """Adds to the scores [N, scores a row] what the booster's trees answer, tree by tree.

    That is the order in which LightGBM adds them when it trains, so the sums are the same to the last bit.
    """
    num_trees = _ITERATIONS_AT_ONCE * layout.num_scores
    num_rows = max(1, _LEAVES_AT_ONCE // num_trees)
    for first in range(0, len(forest.trees), num_trees):
        values = [_leaf_values(tree) for tree in forest.trees[first : first + num_trees]]
        for start in range(0, len(scores), num_rows):
            matrix = layout.matrix(inputs, start, start + num_rows)
            leaves = _leaves(booster, matrix, first // layout.num_scores)
            _add(scores[start : start + num_rows], values, leaves)


def _leaves(booster: lightgbm.Booster, matrix: Any, first: int) -> NDArray[np.int32]:
    """The leaf in which each row comes to lie, [N, trees], from iteration `first` on."""
    leaves = booster.predict(matrix, start_iteration=first, num_iteration=_ITERATIONS_AT_ONCE, pred_leaf=True)
    return np.asarray(leaves).reshape(matrix.shape[0], -1)


def _add(scores: NDArray[np.float64], values: Sequence[NDArray[np.float64]], leaves: NDArray[np.int32]) -> None:
    for number, of_tree in enumerate(values):
        scores[:, number % scores.shape[1]] += of_tree[leaves[:, number]]


def _leaf_values(tree: str) -> NDArray[np.float64]:
    found = re.search(r"^leaf_value=(.*)$", tree, flags=re.MULTILINE)
    assert found, "LightGBM writes the values of a tree's leaves"
    return np.array(found[1].split(), dtype=np.float64)
