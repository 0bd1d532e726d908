"""Small real data sets that scikit-learn brings along: no network, no download."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import BuiltinName, BuiltinSource
from tasks.sources.base import Place, Source

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_FILES: dict[BuiltinName, tuple[str, ...]] = {
    "breast_cancer": ("breast_cancer.csv",),
    "diabetes": ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
    "digits": ("digits.csv.gz",),
    "iris": ("iris.csv",),
    "wine": ("wine_data.csv",),
}

# Names of our own: scikit-learn calls each of them `target`.
_TARGETS: dict[BuiltinName, tuple[str, ColumnTypeName]] = {
    "breast_cancer": ("diagnosis", "category"),
    "diabetes": ("progression", "number"),
    "digits": ("digit", "category"),
    "iris": ("species", "category"),
    "wine": ("cultivar", "category"),
}

_DARKEST = 16
"""The digits' pixels are counts of set dots in a 4x4 cell: 0 to 16."""


class Builtin(Source):
    """One of scikit-learn's bundled data sets, its target's classes by name; the digits as PNG pictures."""

    kind = "builtin"

    def __init__(self, config: BuiltinSource, place: Place) -> None:
        self._name = config.name
        self.location = config.name

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        return {name: "image" if name == "image" else "number" for name in self._features} | dict(
            [_TARGETS[self._name]]
        )

    def parts(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        target = pl.Series(_TARGETS[self._name][0], _target_values(self._bunch))
        if self._name == "digits":
            features = pl.DataFrame({"image": [_as_png(pixels) for pixels in self._bunch.images]})
        else:
            features = pl.DataFrame(self._bunch.data, schema=self._features)
        yield features.with_columns(target)

    def digest(self) -> str:
        """Over the unpacked files that scikit-learn brings, whatever its version."""
        content = hashlib.sha256(self._name.encode())
        for name in _FILES[self._name]:
            packed = (_data_folder() / name).read_bytes()
            # Packing anew changes the packed bytes, and none of the rows.
            content.update(gzip.decompress(packed) if name.endswith(".gz") else packed)
        return content.hexdigest()

    def watched(self) -> list[Path]:
        return []

    @property
    def _features(self) -> list[str]:
        return ["image"] if self._name == "digits" else [str(name) for name in self._bunch.feature_names]

    @cached_property
    def _bunch(self) -> Any:
        # Parsed once: `types` is asked for every column, and scikit-learn parses the file each time.
        return _load(self._name)


def _data_folder() -> Path:
    """Found without the import, which takes seconds."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UserError("ingest.source: scikit-learn is not installed; run `make run`, which installs it")
    return Path(spec.origin).parent / "datasets" / "data"


def _load(name: BuiltinName) -> Any:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")()


def _target_values(bunch: Any) -> list[str] | list[float]:
    """Class names, or the numbers of a regression."""
    if "target_names" not in bunch:
        return [float(value) for value in bunch.target]
    return [str(bunch.target_names[number]) for number in bunch.target]


def _as_png(pixels: NDArray[np.float64]) -> bytes:
    """`pixels`: [8, 8], 0 to 16. Grey, 8 bits."""
    import numpy as np
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.round(pixels * 255 / _DARKEST).astype(np.uint8)).save(content, format="PNG")
    return content.getvalue()
