"""A trained model as an MLflow folder: code, weights, exact requirements, signature and an example. No pickles."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import tasks
from tasks import trainers
from tasks.environment import installed_version
from tasks.model_input.inputs import FieldKind
from tasks.recipe.embedding import column_encoding
from tasks.recipe.recipe import Feature, Recipe, read_recipe

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec

NUM_EXAMPLES = 5

_ALWAYS = ("mlflow", "numpy", "pandas", "polars", "pydantic")
_READS: dict[FieldKind, tuple[str, ...]] = {
    "image": ("pillow",),
    "audio": ("soundfile", "scipy"),
    "sparse": ("scipy",),
    "tokens": ("tokenizers",),
}
"""The libraries that a kind of model input needs; scipy brings sounds to one rate."""


@contextmanager
def packaged(model_folder: Path, sample: pl.DataFrame, about: Model) -> Iterator[Path]:
    """The folder that MLflow is to keep, for as long as the context lasts.

    `sample` holds raw rows, for the signature and the example; `about` is MLflow's own record of the model.
    """
    from mlflow.pyfunc import save_model

    recipe = read_recipe(model_folder / "recipe.json")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "packaged"
        save_model(
            path=str(folder),
            mlflow_model=about,
            python_model=str(Path(__file__).with_name("served_model.py")),
            code_paths=[str(Path(tasks.__file__).parent)],
            artifacts={"model": str(model_folder)},
            pip_requirements=requirements(recipe, (*trainers.requirements(model_folder), *recipe.libraries)),
            signature=signature(recipe, sample),
            input_example=example(recipe, sample),
        )
        yield folder


def requirements(recipe: Recipe, of_model: Iterable[str]) -> list[str]:
    """What prediction needs, in the versions that are installed; `of_model` is what the model itself does."""
    # An embedded picture is decoded before it becomes numbers.
    kinds = {column_encoding(feature.encoding).field(feature.name).kind for feature in recipe.features}
    by_kind = {name for kind in kinds & _READS.keys() for name in _READS[kind]}
    return [_pinned(name) for name in sorted({*_ALWAYS, *by_kind, *of_model})]


def signature(recipe: Recipe, sample: pl.DataFrame) -> ModelSignature:
    """Raw feature columns in; the prediction, and for classes their probabilities, out."""
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = [_input(feature, sample) for feature in recipe.features]
    classes = recipe.target.classes
    answer = ColSpec(DataType.string if classes else DataType.double, "prediction")
    probabilities = [ColSpec(DataType.double, f"probability_{name}") for name in classes]
    return ModelSignature(inputs=Schema([*inputs]), outputs=Schema([answer, *probabilities]))


def example(recipe: Recipe, sample: pl.DataFrame) -> Any:
    """The first rows as callers would give them: a pandas frame."""
    import pandas as pd

    rows = sample.head(NUM_EXAMPLES)
    return pd.DataFrame({feature.name: rows[feature.name].to_list() for feature in recipe.features})


def _input(feature: Feature, sample: pl.DataFrame) -> ColSpec:
    """A column's type as MLflow enforces it before the model sees a row.

    It refuses whole numbers where it was promised doubles or strings, and pandas reads a column without fractions as
    whole numbers: such a column is promised nothing, and the model checks it. Nor is one of booleans, which may come as
    words, or with gaps, nor one of numbers that may come with their unit, as text.
    """
    from mlflow.types import ColSpec, DataType
    from mlflow.types.schema import AnyType

    kind = feature.encoding.type
    if (
        kind == "boolean"
        or feature.arrives_as != kind
        or (kind in ("number", "category") and _looks_whole(sample[feature.name]))
    ):
        return ColSpec(AnyType(), feature.name)  # type: ignore[no-untyped-call]
    types = {
        "number": DataType.double,
        "category": DataType.string,
        "text": DataType.string,
        "timestamp": DataType.datetime,
        "image": DataType.binary,
        "audio": DataType.binary,
    }
    return ColSpec(types[kind], feature.name)


def _looks_whole(values: pl.Series) -> bool:
    numbers = values.cast(pl.Float64, strict=False).drop_nulls()
    return len(numbers) == len(values.drop_nulls()) and bool((numbers % 1 == 0).all())


def _pinned(name: str) -> str:
    """`torch==2.13.0`, without a local build's tag such as `+cpu`, which the package index does not know."""
    installed = installed_version(re.split(r"[<>=!~\[; ]", name)[0])
    return f"{name}=={installed.split('+')[0]}" if installed else name
