"""Trees and sparse matrices from a file, looked through before they answer.

scikit-learn and scipy follow the places that stand in them without any check, and a damaged or harmful file could send
them outside their memory. So skops trusts no tree by itself; see https://github.com/scikit-learn/scikit-learn/pull/34558.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import isspmatrix_csr


def is_intact(estimator: Any) -> bool:
    """Whether every tree in an estimator leads from its root to its leaves and asks only for inputs that are there, and
    every sparse matrix has only columns that are there."""
    for held in _held(estimator):
        if isspmatrix_csr(held) and not _is_csr(held):
            return False
        inner = _fields(held)
        num_inputs = inner.get("n_features_in_", 0)
        if "tree_" in inner and not _is_sound(held.tree_.__getstate__()["nodes"], "{}_child", "feature", num_inputs):
            return False
        if not all(_is_sound_boosted(tree, num_inputs) for tree in _boosted(inner.get("_predictors", ()))):
            return False
    return True


def _is_csr(matrix: Any) -> bool:
    try:
        matrix.check_format(full_check=True)
    except ValueError:
        return False
    return True


def _is_sound_boosted(tree: Any, num_inputs: int) -> bool:
    nodes = tree.nodes
    by_category = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 1)]
    sets = min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))
    return _is_sound(nodes, "{}", "feature_idx", num_inputs) and bool((by_category["bitset_idx"] < sets).all())


def _is_sound(nodes: NDArray[Any], child: str, feature: str, num_inputs: int) -> bool:
    """Children stand after their parent in the list of nodes, so that a walk ends."""
    places = np.arange(len(nodes))
    left, right = (nodes[child.format(side)].astype(np.int64) for side in ("left", "right"))
    is_leaf = nodes["is_leaf"] == 1 if "is_leaf" in (nodes.dtype.names or ()) else left == -1
    asked = nodes[feature].astype(np.int64)
    follows = (left > places) & (right > places) & (left < len(nodes)) & (right < len(nodes))
    return len(nodes) > 0 and bool((is_leaf | (follows & (asked >= 0) & (asked < num_inputs))).all())


def _boosted(value: Any) -> Iterator[Any]:
    """The trees of HistGradientBoosting: a list for each round of a list for each class."""
    for one in value:
        if hasattr(one, "raw_left_cat_bitsets"):
            yield one
        elif isinstance(one, Iterable):
            yield from _boosted(one)


def _held(value: Any) -> Iterator[Any]:
    """A value and all that it is made of, down to single estimators."""
    yield value
    inner: Iterable[Any] = _fields(value).values()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        inner = value.ravel().tolist()
    for one in inner:
        yield from _held(one)


def _fields(value: Any) -> dict[str, Any]:
    return {} if isinstance(value, type) else getattr(value, "__dict__", {})
