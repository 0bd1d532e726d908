"""How many learnt numbers a fitted estimator answers by."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.trainers.introspection import ModelSize, trees_size


def estimator_size(estimator: Any) -> ModelSize | None:
    """The leaves of trees, the coefficients and intercepts of a linear estimator, the weights of a network; None of
    what keeps none of these, such as nearest neighbours, whose rows are all it has."""
    num_leaves = _num_leaves(estimator)
    if num_leaves is not None:
        return trees_size(num_leaves)
    if hasattr(estimator, "coefs_"):
        return ModelSize(num_parameters=_count([*estimator.coefs_, *estimator.intercepts_]), parameters="weights")
    if hasattr(estimator, "coef_") and hasattr(estimator, "intercept_"):
        # An intercept that was not asked for is 0, and nothing that was learnt.
        intercepts = [estimator.intercept_] if getattr(estimator, "fit_intercept", True) else []
        return ModelSize(num_parameters=_count([estimator.coef_, *intercepts]), parameters="coefficients")
    return None


def _num_leaves(estimator: Any) -> list[int] | None:
    """Of each tree that it is made of; None where it is not made of trees alone."""
    if hasattr(estimator, "tree_"):
        return [int(estimator.tree_.n_leaves)]
    # Boosted trees of histograms keep theirs, a list of one for each class a round, under this name alone.
    if hasattr(estimator, "_predictors"):
        return [int(tree.get_n_leaf_nodes()) for trees in estimator._predictors for tree in trees]
    members = list(np.ravel(np.asarray(getattr(estimator, "estimators_", []), dtype=object)))
    if not members or not all(hasattr(member, "tree_") for member in members):
        return None
    return [int(member.tree_.n_leaves) for member in members]


def _count(arrays: list[Any]) -> int:
    return sum(int(np.size(array)) for array in arrays)
