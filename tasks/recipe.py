"""The recipe: what `normalize` learnt from the training rows, as JSON that travels with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError
from pydantic import Field as PydanticField

from tasks import storage
from tasks.columns import column_type
from tasks.columns.audio import AudioEncoding
from tasks.columns.base import Encoding
from tasks.columns.boolean import BooleanEncoding
from tasks.columns.category import CategoryEncoding
from tasks.columns.image import ImageEncoding
from tasks.columns.number import NumberEncoding
from tasks.columns.text import TextEncoding
from tasks.columns.timestamp import TimestampEncoding
from tasks.errors import UserError
from tasks.inputs import Augmentation, ModelInput, Spec
from tasks.params import Augment, Config, Task

AnyEncoding = Annotated[
    NumberEncoding
    | CategoryEncoding
    | BooleanEncoding
    | TextEncoding
    | TimestampEncoding
    | ImageEncoding
    | AudioEncoding,
    PydanticField(discriminator="type"),
]


class Feature(Config):
    """A raw column, and how it becomes model input."""

    name: str
    encoding: AnyEncoding


class Target(Config):
    """What is predicted; `classes` in the order of the class numbers, empty for regression."""

    name: str
    task: Task
    classes: tuple[str, ...]


class Recipe(Config):
    """Turns raw rows into model input."""

    features: tuple[Feature, ...]
    target: Target
    num_inputs: int

    def spec(self) -> Spec:
        fields = tuple(feature.encoding.field(feature.name) for feature in self.features)
        return Spec(fields=fields, task=self.target.task, classes=self.target.classes)

    def encode(self, rows: pl.DataFrame) -> ModelInput:
        """Raw rows as blocks. Raises UserError that names the column that is missing or cannot be encoded."""
        blocks = {feature.name: _encode_column(rows, feature.name, feature.encoding) for feature in self.features}
        return ModelInput(blocks=blocks, num_rows=rows.height)

    def augmentations(self, config: Augment) -> dict[str, Augmentation]:
        """What is done to a training batch, by column: to those of a type that has a section in `config`."""
        by_column = {feature.name: _augmentation(feature.encoding, config) for feature in self.features}
        return {name: augmentation for name, augmentation in by_column.items() if augmentation is not None}

    def encode_target(self, rows: pl.DataFrame) -> NDArray[Any]:
        """Class numbers [N] int64, or values [N] float32 for regression."""
        values = rows[self.target.name]
        if self.target.task == "regression":
            return values.cast(pl.Float32).to_numpy()
        unknown = values.filter(~values.is_in(list(self.target.classes)))
        if len(unknown):
            raise UserError(f"column {self.target.name}: class {unknown[0]!r} is in no training row")
        numbers = np.arange(len(self.target.classes))
        return values.replace_strict(list(self.target.classes), numbers, return_dtype=pl.Int64).to_numpy()


def read_recipe(path: Path) -> Recipe:
    """What `write_recipe` wrote."""
    return Recipe.model_validate(storage.read_json(path))


def write_recipe(path: Path, recipe: Recipe) -> None:
    """recipe.json, which a person can read."""
    storage.write_json(path, recipe.model_dump(mode="json"))


def _augmentation(encoding: Encoding, config: Augment) -> Augmentation | None:
    settings = getattr(config, encoding.type, None)
    if settings is None:
        return None
    of_type = column_type(encoding.type)
    return lambda block, generator: of_type.augment(block, settings, generator)


def _encode_column(rows: pl.DataFrame, name: str, encoding: Encoding) -> Any:
    if name not in rows.columns:
        raise UserError(f"column {name} is missing; the model was trained with it")
    of_type = column_type(encoding.type)
    try:
        return of_type.transform(of_type.cast(rows[name]), encoding)
    except UserError as error:
        raise UserError(f"column {name} {error}") from None
    except PolarsError:
        raise UserError(f"column {name} holds {rows[name].dtype}, which is no {of_type.name}; convert it") from None
