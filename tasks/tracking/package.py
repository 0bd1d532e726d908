"""A trained model as an MLflow folder: code, weights, exact requirements, signature and an example. No pickles."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import files, trainers
from tasks.environment import installed_version
from tasks.model_input.conformal import ConformalRule, read_conformal, sure_names
from tasks.recipe.embedding import column_encoding
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.tracking.contents import write_listing
from tasks.tracking.served_code import ARCHIVE, pack

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec

NUM_EXAMPLES = 5

_ALWAYS = ("mlflow", "numpy", "pandas", "polars", "pydantic")


@contextmanager
def packaged(
    model_folder: Path,
    sample: pl.DataFrame,
    about: Model,
    place: Path,
    beside: Mapping[str, Path] = MappingProxyType({}),
) -> Iterator[Path]:
    """The folder that MLflow is to keep, for as long as the context lasts: a scratch folder beside `place`.

    `sample` holds raw rows, for the signature and the example; `about` is MLflow's own record of the model; `beside`
    are the files that answer with it: `decision` of a threshold, `conformal` of intervals or sets of classes.
    """
    from mlflow.pyfunc import save_model

    recipe = read_recipe(model_folder / "recipe.json")
    rule = read_conformal(beside["conformal"], recipe.target.classes) if "conformal" in beside else None
    with files.scratch(place) as scratch, _temporary_files_in(scratch):
        folder, code = scratch / "packaged", scratch / ARCHIVE
        pack(code)
        save_model(
            path=str(folder),
            mlflow_model=about,
            # A path, as an object would be pickled.
            python_model=str(Path(__file__).with_name("served_model.py")),
            # The code goes along, so that the model answers the same when this project has moved on.
            code_paths=[str(code)],
            artifacts={"model": str(model_folder), **{name: str(path) for name, path in beside.items()}},
            # Given, as MLflow would load the model once more to find them out.
            pip_requirements=requirements(recipe, (*trainers.requirements(model_folder), *recipe.libraries)),
            signature=signature(recipe, rule),
            input_example=example(recipe, sample),
        )
        _import_from(about, folder)
        write_listing(folder)
        yield folder


def _import_from(about: Model, folder: Path) -> None:
    """MLflow puts the folder of code on Python's path; it is the archive in it that Python imports from."""
    flavor = about.flavors["python_function"]
    flavor["code"] = f"{flavor['code']}/{ARCHIVE}"
    about.save(str(folder / "MLmodel"))


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """MLflow copies a model by way of the system's temporary folder, where nobody would sweep what a kill leaves."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def requirements(recipe: Recipe, of_model: Iterable[str]) -> list[str]:
    """What prediction needs, in the versions that are installed; `of_model` is what the model itself does."""
    # An embedded picture is decoded before it becomes numbers.
    encodings = [column_encoding(feature.encoding) for feature in recipe.features]
    of_columns = {name for encoding in encodings for name in encoding.requirements}
    return [_pinned(name) for name in sorted({*_ALWAYS, *of_columns, *of_model})]


def signature(recipe: Recipe, rule: ConformalRule | None = None) -> ModelSignature:
    """Raw feature columns in; the prediction, for classes their probabilities, and how sure it is by the rule, out.

    A column that the rule alone goes by may be left out.
    """
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = [_input(feature.name) for feature in recipe.raw_features]
    beside = rule.column_beside([feature.name for feature in recipe.raw_features]) if rule else None
    optional = [_input(beside, required=False)] if beside else []
    classes = recipe.target.classes
    answer_type = DataType.string if classes else DataType.double
    answer = ColSpec(answer_type, "prediction")
    probabilities = [ColSpec(DataType.double, f"probability_{name}") for name in classes]
    sure = [] if rule is None else [ColSpec(answer_type, name) for name in sure_names(classes)]
    outputs = Schema([answer, *sure, *probabilities])
    return ModelSignature(inputs=Schema([*inputs, *optional]), outputs=outputs)


def example(recipe: Recipe, sample: pl.DataFrame) -> Any:
    """The first rows as callers would give them: a pandas frame."""
    import pandas as pd

    rows = sample.head(NUM_EXAMPLES)
    return pd.DataFrame({feature.name: rows[feature.name].to_list() for feature in recipe.raw_features})


def _input(name: str, *, required: bool = True) -> ColSpec:
    """A column that MLflow lets through as it comes, whatever it holds.

    Where MLflow was promised doubles it refuses whole numbers and text, where it was promised strings a column of
    gaps; it reads 01.02.2023 as it thinks best where it was promised times, and cuts the last zeros off files that
    come as `instances`. The model reads all of these, and refuses what it cannot read with the column, the value and
    what to give.
    """
    from mlflow.types import ColSpec
    from mlflow.types.schema import AnyType

    return ColSpec(AnyType(), name, required=required)  # type: ignore[no-untyped-call]


def _pinned(name: str) -> str:
    """`torch==2.13.0`, without a local build's tag such as `+cpu`, which the package index does not know."""
    installed = installed_version(re.split(r"[<>=!~\[; ]", name)[0])
    return f"{name}=={installed.split('+')[0]}" if installed else name
