"""Small jobs for estimators of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.sklearn import SklearnTrain
from tasks.trainers.base import Job

FIELD = Field(name="x", kind="dense", shape=(2,), labels=("x1", "x2"))
WORDS = Field(name="words", kind="sparse", shape=(4,), labels=tuple("abcd"))
TOWN = Field(name="town", kind="category_index", shape=(3,), labels=("town=a", "town=b", "town=(other)"))
BINARY = Spec(fields=(FIELD,), task="binary", classes=("no", "yes"))
NUMBER = Spec(fields=(FIELD,), task="regression", classes=())


def config(kind: str, **settings: Any) -> SklearnTrain:
    return SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": kind, **settings}})


def imported(path: str, allowed: tuple[str, ...] = (), **settings: Any) -> SklearnTrain:
    return config("import", path=path, settings=settings, allowed=allowed)


def examples(spec: Spec, num_rows: int = 60, seed: int = 0, noise: float = 0.0) -> Examples:
    """Rows whose first number tells the class, or is the target."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(num_rows, 2)).astype(np.float32)
    signal = values[:, 0] + noise * random.normal(size=num_rows)
    target: Any = (signal > 0).astype(np.int64) if spec.classes else signal.astype(np.float32)
    blocks = {field.name: _block(field, values, random) for field in spec.fields}
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=num_rows), target=target)


def job(spec: Spec, num_rows: int = 60, noise: float = 0.0) -> Job:
    return Job(spec=spec, train=examples(spec, num_rows, 0, noise), validation=examples(spec, num_rows, 1, noise))


def _block(field: Field, values: NDArray[np.float32], random: np.random.Generator) -> Any:
    from scipy.sparse import csr_matrix

    match field.kind:
        case "sparse":
            return csr_matrix(np.hstack([np.maximum(values, 0), np.maximum(-values, 0)]))
        case "category_index":
            return np.where(values[:, 0] > 0, random.integers(0, 2, len(values)), 2).astype(np.int32)
        case _:
            return values
