"""An estimator as bytes without pickles, the same for the same estimator, and back from trusted types alone."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from sklearn.base import BaseEstimator
from skops import io as skops_io

from tasks.errors import UserError
from tasks.trainers.sklearn.intact import is_intact

_TRUSTED = frozenset(
    {
        # Looked through once they are loaded: see intact.py.
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "scipy.sparse._csr.csr_matrix",
        # How boosted trees tell categories from numbers: check_array, with settings. Other functions stay refused.
        "functools.partial",
        "sklearn.utils.validation.check_array",
        # What estimators that are imported by their path hold. None of them runs anything of what a file says.
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)
"""Types beyond skops' own list of harmless ones. Not scikit-learn's search trees (KDTree, BallTree), which it follows
without any check and which cannot be looked through: `algorithm: brute` needs none."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip file can hold."""
_RECORDS = b"{'descr': [("
"""How the header of an array file begins whose elements are records, from byte 10 on."""


def to_bytes(estimator: Any, allowed: Sequence[str] = ()) -> bytes:
    """The estimator as a skops file: same estimator, same bytes. Raises UserError when it could not be loaded again.

    It is loaded once in between, as some parts come back in a narrower type: so a model that is loaded and saved again
    leaves the same bytes, and a file that nobody could read is never written.
    """
    name = type(estimator).__name__
    try:
        content = skops_io.dumps(estimator)
    except TypeError as error:  # what skops raises of a value that it has no form for
        raise UserError(f"train.estimator: {name} cannot be saved without a pickle ({error}); use another") from None
    unknown = _not_trusted(content, allowed)
    if unknown:
        raise UserError(
            f"train.estimator: {name} holds {', '.join(unknown)}, which a model file may not; use another estimator or "
            "other settings (neighbours: algorithm: brute), or put a class that it is made of on the list `allowed`"
        )
    return same_bytes(skops_io.dumps(_loaded(content)))


def from_bytes(content: bytes, allowed: Sequence[str], file: object) -> Any:
    """The estimator of `to_bytes`. Nothing is made before every type in the file is known to be trusted.

    `allowed` are import paths of classes beyond scikit-learn's; `file` is what a message calls the file. Raises
    UserError for a type that is not trusted, and for a tree or a matrix that leads nowhere.
    """
    try:
        unknown = _not_trusted(content, allowed)
        if unknown:
            raise UserError(f"{file}: holds types that are not trusted ({', '.join(unknown)}); train again")
        estimator = _loaded(content)
    except (KeyError, TypeError, ValueError) as error:  # by which skops refuses what it would not have written
        raise UserError(f"{file}: damaged ({error}); train again") from None
    if not is_intact(estimator):
        raise UserError(f"{file}: damaged (a tree or a matrix with places that are not there); train again")
    return estimator


def same_bytes(content: bytes) -> bytes:
    """A skops file without what differs from run to run: the zip's dates, memory addresses as names and ids, and what
    happens to lie between the fields of records."""
    with ZipFile(io.BytesIO(content)) as source:
        schema = json.loads(source.read("schema.json"))
        target = io.BytesIO()
        with ZipFile(target, "w") as archive:
            for number, node in enumerate(_nodes(schema)):
                node["__id__"] = number
                if "file" in node:
                    arrays = _without_gaps(source.read(node["file"]))
                    node["file"] = f"{number}.npy"
                    archive.writestr(ZipInfo(node["file"], _LONG_AGO), arrays)
            archive.writestr(ZipInfo("schema.json", _LONG_AGO), json.dumps(schema))
    return target.getvalue()


def allowed_class(path: str) -> type[BaseEstimator] | None:
    """The estimator class with that import path, if there is one.

    A module of Python's own holds none, and is not even imported: a model's files, which name such paths, may come from
    anywhere.
    """
    module, _, name = path.rpartition(".")
    if not module or module.partition(".")[0] in sys.stdlib_module_names:
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseEstimator) else None


def _not_trusted(content: bytes, allowed: Sequence[str]) -> list[str]:
    found = set(skops_io.get_untrusted_types(data=content)) - _TRUSTED
    # Only when there is need of them: importing is already running code.
    classes = (allowed_class(path) for path in allowed) if found else ()
    return sorted(found - {f"{one.__module__}.{one.__name__}" for one in classes if one is not None})


def _loaded(content: bytes) -> Any:
    """The estimator of a file in which `_not_trusted` found nothing."""
    return skops_io.loads(content, trusted=skops_io.get_untrusted_types(data=content))


def _without_gaps(content: bytes) -> bytes:
    """An array file whose records, if it has any, have zeros in the bytes between their fields."""
    if content[10 : 10 + len(_RECORDS)] != _RECORDS:
        return content
    records = np.load(io.BytesIO(content), allow_pickle=False)
    clean = np.zeros(records.shape, records.dtype)
    for name in records.dtype.names:
        clean[name] = records[name]
    target = io.BytesIO()
    np.save(target, clean, allow_pickle=False)
    return target.getvalue()


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All of a schema's nodes that stand for an object, in the order of the file."""
    if isinstance(value, dict):
        if "__id__" in value:
            yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)
