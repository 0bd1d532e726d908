"""An estimator as bytes without pickles, the same for the same estimator, and back from trusted types alone."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import isspmatrix_csr
from sklearn.base import BaseEstimator

from tasks.errors import UserError
from tasks.trainers.sklearn.trusted_types import is_listed, without_lists

with without_lists():
    from skops import io as skops_io

_TRUSTED = frozenset(
    {
        # Looked through once they are loaded: see _is_intact.
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
"""Types beyond skops' own list of harmless ones and those of `is_listed`. Not scikit-learn's search trees, KDTree and
BallTree: it follows them without any check, and they cannot be looked through; `algorithm: brute` needs none."""
_DAMAGE = (
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TokenError,
    TypeError,
    ValueError,
)
"""By which skops, and the readers of zips and of arrays, refuse what `to_bytes` would not have written: among it nodes
in nodes by the thousand, and arrays of terabytes. NotImplementedError, of other ways to pack, and RecursionError are
RuntimeErrors."""
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
        _check_stored(content)
        unknown = _not_trusted(content, allowed)
        if unknown:
            raise UserError(f"{file}: holds types that are not trusted ({', '.join(unknown)}); train again")
        estimator = _loaded(content)
    except _DAMAGE as error:
        raise UserError(f"{file}: damaged ({str(error) or type(error).__name__}); train again") from None
    if not _is_intact(estimator):
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
                # skops takes Python's `id` of the object, which is its place in memory.
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
        estimator_class = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    is_estimator = isinstance(estimator_class, type) and issubclass(estimator_class, BaseEstimator)
    return estimator_class if is_estimator else None


def _check_stored(content: bytes) -> None:
    """Raises ValueError for a file that unpacks to more than it is: those of `to_bytes` are not packed."""
    with ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > len(content):
            raise ValueError("it unpacks to more than it is")


def _not_trusted(content: bytes, allowed: Sequence[str]) -> list[str]:
    others = set(skops_io.get_untrusted_types(data=content)) - _TRUSTED
    unknown = {path for path in others if not is_listed(path)}
    # Only when there is need of them: importing is already running code.
    classes = (allowed_class(path) for path in allowed) if unknown else ()
    return sorted(unknown - {f"{kind.__module__}.{kind.__name__}" for kind in classes if kind is not None})


def _loaded(content: bytes) -> Any:
    """The estimator of a file whose types are known to be trusted, all of them."""
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


def _is_intact(estimator: Any) -> bool:
    """Whether every tree in an estimator leads from its root to its leaves and asks only for inputs that are there, and
    every sparse matrix has only columns that are there.

    scikit-learn and scipy follow the places that stand in them without any check, and a damaged or harmful file could
    send them outside their memory: see https://github.com/scikit-learn/scikit-learn/pull/34558.
    """
    for part in _parts(estimator):
        if isspmatrix_csr(part) and not _is_csr(part):
            return False
        inner = _fields(part)
        num_inputs = inner.get("n_features_in_", 0)
        if "tree_" in inner and not _is_sound(part.tree_.__getstate__()["nodes"], "{}_child", "feature", num_inputs):
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
    # Both are looked up by the same place: one for numbers as they are, one for binned ones.
    num_sets = min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))
    return _is_sound(nodes, "{}", "feature_idx", num_inputs) and bool((by_category["bitset_idx"] < num_sets).all())


def _is_sound(nodes: NDArray[Any], child: str, feature: str, num_inputs: int) -> bool:
    """Children stand after their parent in the list of nodes, so that a walk ends."""
    places = np.arange(len(nodes))
    left, right = (nodes[child.format(side)].astype(np.int64) for side in ("left", "right"))
    # Boosted trees have a flag; the trees of a forest have a child of -1 instead.
    is_leaf = nodes["is_leaf"] == 1 if "is_leaf" in (nodes.dtype.names or ()) else left == -1
    inputs = nodes[feature].astype(np.int64)
    follows = (left > places) & (right > places) & (left < len(nodes)) & (right < len(nodes))
    return len(nodes) > 0 and bool((is_leaf | (follows & (inputs >= 0) & (inputs < num_inputs))).all())


def _boosted(value: Any) -> Iterator[Any]:
    """The trees of HistGradientBoosting: a list for each round of a list for each class."""
    for one in value:
        if hasattr(one, "raw_left_cat_bitsets"):
            yield one
        elif isinstance(one, Iterable):
            yield from _boosted(one)


def _parts(value: Any) -> Iterator[Any]:
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
        yield from _parts(one)


def _fields(value: Any) -> dict[str, Any]:
    # A class's own fields are functions, and none of its estimator's parts.
    return {} if isinstance(value, type) else getattr(value, "__dict__", {})
