"""Which types of scikit-learn's and scipy's own a model file may hold, without importing all of scikit-learn.

As it is imported, skops asks scikit-learn for the list of all its estimators, which imports every module of
scikit-learn's, and torch with them; and it looks for every function of scipy.special in all modules there are. That
takes 3 s of a processor and 170 MB of memory in each process that answers by a model. There the same rules are asked of
the types that stand in a file, and of no others.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from types import ModuleType

import numpy as np
import scipy
from sklearn import utils
from sklearn.base import BaseEstimator

from tasks.environment import ANSWERS_ALONE

_NOT_LISTED = frozenset({"tests", "externals", "setup", "conftest", "experimental", "estimator_checks"})
"""Modules that scikit-learn's `all_estimators` leaves out."""


@contextmanager
def without_lists() -> Iterator[None]:
    """While skops is imported in a process that only answers: its lists of both are then empty, so that it trusts less,
    and `is_listed` says the rest. Elsewhere others may load and save by skops, such as MLflow, and need the lists."""
    if ANSWERS_ALONE not in os.environ:
        yield
        return
    listing, functions = utils.all_estimators, scipy.special
    utils.all_estimators = lambda type_filter=None: []
    scipy.special = ModuleType("scipy.special")
    try:
        yield
    finally:
        utils.all_estimators, scipy.special = listing, functions


def is_listed(path: str) -> bool:
    """Whether a type, by the path that skops writes, is one that skops would have on its lists.

    That is an estimator of scikit-learn's `all_estimators`: one which a public module of scikit-learn's holds, and no
    abstract class. Or it is a universal function of scipy.special. Only such modules are imported to find out.
    """
    module, _, name = path.rpartition(".")
    if module.startswith("scipy."):
        # Of skops, such a function has the name of the first module that held it, whichever was imported first.
        function = getattr(scipy.special, name, None)
        is_function = isinstance(function, np.ufunc) and function.__name__ == name
        return is_function and getattr(_imported(module), name, None) is function
    public = list(takewhile(lambda part: not part.startswith("_"), module.split(".")))
    if public[:1] != ["sklearn"] or name.startswith("_") or not _NOT_LISTED.isdisjoint(public):
        return False
    holders = (".".join(public[:length]) for length in range(len(public), 0, -1))
    return any(_is_estimator(getattr(_imported(holder), name, None), path) for holder in holders)


def _imported(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def _is_estimator(kind: object, path: str) -> bool:
    return (
        isinstance(kind, type)
        and f"{kind.__module__}.{kind.__name__}" == path
        and issubclass(kind, BaseEstimator)
        and kind is not BaseEstimator
        and not inspect.isabstract(kind)
    )
