"""The recipe: what `normalize` learnt from the training rows, as JSON that travels with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError
from pydantic import BeforeValidator, PrivateAttr, SerializeAsAny, ValidationError

from tasks import files
from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.base import Encoding
from tasks.errors import UserError
from tasks.model_input.inputs import Augmentation, ModelInput, Spec
from tasks.model_input.step_rows import ALL
from tasks.params.augment import Augment
from tasks.params.config import Config, Task
from tasks.recipe.computed import Computation, with_computed
from tasks.recipe.embedding import LIBRARIES, WEIGHTS, EmbeddingEncoding, StoredEncoders, column_encoding, no_weights
from tasks.recipe.frame_function import FrameFunction
from tasks.repair.repair import Repair, repaired
from tasks.tables.dialect import ColumnDialect


def _of_its_type(value: Any) -> Any:
    """An encoding read from JSON, as the class of the column type that it names; one with a `picture` embeds it."""
    if isinstance(value, Encoding):
        return value
    if isinstance(value, Mapping) and "picture" in value:
        return EmbeddingEncoding.model_validate(value)
    of_type = value.get("type") if isinstance(value, Mapping) else None
    if of_type not in TYPE_NAMES:
        raise ValueError(f"type {of_type!r} is no column type")
    return column_type(of_type).encoding.model_validate(value)


AnyEncoding = Annotated[SerializeAsAny[Encoding], BeforeValidator(_of_its_type)]

_NONE: Mapping[str, float] = MappingProxyType({})


class Feature(Config):
    """A raw column, and how it becomes model input."""

    name: str
    encoding: AnyEncoding
    dialect: ColumnDialect = ColumnDialect()
    """How the source writes the cells, and a caller a raw row's."""
    repair: Repair | None = None
    """What `clean` did to the values that the encoding was learnt from, and what is done to a raw row's."""
    sql: str | None = None
    """The expression that computes it from features before it; none for a column of the data."""
    by_function: bool = False
    """Whether the recipe's function makes it."""

    @property
    def is_computed(self) -> bool:
        return self.sql is not None or self.by_function


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
    inputs: tuple[Feature, ...] = ()
    """Columns of a raw row that computed features read, and the model does not: such as the time that a row is of."""
    function: FrameFunction | None = None
    """The user's own, which makes features that no expression says."""
    _encoders: StoredEncoders | None = PrivateAttr(None)
    """Of embedded columns; known to a recipe that was read from its file."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """The distributions that embedding and the user's function need, besides those that a kind of column needs."""
        return (*(LIBRARIES if self._embeddings else ()), *(self.function.libraries if self.function else ()))

    def check_encoders(self) -> None:
        """Raises UserError when the weights of the encoders, if there are any, are missing or damaged."""
        if self._encoders is not None:
            self._encoders.check()

    def spec(self) -> Spec:
        fields = tuple(feature.encoding.field(feature.name) for feature in self.features)
        return Spec(fields=fields, task=self.target.task, classes=self.target.classes)

    @property
    def raw_features(self) -> tuple[Feature, ...]:
        """The columns that a raw row has; the other features are computed from these."""
        raw = tuple(feature for feature in self.features if not feature.is_computed)
        return raw if len(raw) == len(self.features) else (*raw, *self.inputs)

    def encode(self, rows: pl.DataFrame) -> ModelInput:
        """Raw rows as blocks. Raises UserError that names the column that is missing or cannot be encoded."""
        return self.blocks(self.columns(rows))

    def alone(self, feature: Feature) -> Recipe:
        """What makes a block of this feature's values and asks for no other column; a computed one is given its values,
        too."""
        return self.of((feature.model_copy(update={"sql": None, "by_function": False}),))

    def of(self, features: tuple[Feature, ...]) -> Recipe:
        """What makes the blocks of these features, none of which is computed, and asks for no other column."""
        return self.model_copy(update={"features": features, "inputs": ()})

    def columns(self, rows: pl.DataFrame, *, are_clean: bool = False) -> pl.DataFrame:
        """Raw rows as the features' values: put right, and those computed that a raw row does not have.

        Rows that `clean` has left are right as they are.
        """
        there = set(rows.columns)
        columns = []
        for feature in self.raw_features:
            if feature.name not in there:
                raise UserError(f"column {feature.name} is missing; the model was trained with it")
            values = rows[feature.name]
            columns.append((values if are_clean else _put_right(values, feature)).alias(feature.name))
        return with_computed(pl.DataFrame(columns), self.computations, self.function)

    def blocks(self, columns: pl.DataFrame) -> ModelInput:
        """What `columns` makes, as blocks."""
        blocks = {}
        for feature in self.features:
            block = _encode_column(columns[feature.name], feature)
            if isinstance(feature.encoding, EmbeddingEncoding):
                assert self._encoders is not None, "pictures are embedded by a recipe that was read from its file"
                block = self._encoders.embed(feature.encoding, block)
            blocks[feature.name] = block
        return ModelInput(blocks=blocks, num_rows=columns.height)

    def augmentations(self, config: Augment, stds: Mapping[str, float] = _NONE) -> dict[str, Augmentation]:
        """What is done to a training batch, by column: to those of a type that has a section in `config`.

        `stds` are the standard deviations of number columns' first inputs over the training rows; 1 where not given.
        """
        by_column = {
            feature.name: _augmentation(feature.encoding, config, stds.get(feature.name, 1.0))
            for feature in self.features
        }
        return {name: augmentation for name, augmentation in by_column.items() if augmentation is not None}

    def encode_target(self, rows: pl.DataFrame) -> NDArray[Any]:
        """Class numbers [N] int64, or values [N] float64 for regression."""
        values = rows[self.target.name]
        if self.target.task == "regression":
            return values.cast(pl.Float64).to_numpy()
        unknown = values.filter(~values.is_in(list(self.target.classes)))
        if len(unknown):
            raise UserError(f"column {self.target.name}: class {unknown[0]!r} is in no training row")
        numbers = np.arange(len(self.target.classes))
        return values.replace_strict(list(self.target.classes), numbers, return_dtype=pl.Int64).to_numpy()

    # Not kept: a copy with other features would keep it, too.
    @property
    def computations(self) -> tuple[Computation, ...]:
        """How the features of one's own are computed, each after those that it reads."""
        return tuple(
            Computation(name=feature.name, sql=feature.sql, type=feature.encoding.type)
            for feature in self.features
            if feature.is_computed
        )

    @property
    def _embeddings(self) -> tuple[EmbeddingEncoding, ...]:
        encodings = (feature.encoding for feature in self.features)
        return tuple(encoding for encoding in encodings if isinstance(encoding, EmbeddingEncoding))


def read_recipe(path: Path) -> Recipe:
    """What `write_recipe` wrote. The weights of encoders are read from beside it, when a picture is embedded.

    Raises UserError when it is missing or damaged.
    """
    try:
        recipe = Recipe.model_validate(files.read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"
        raise UserError(f"{path}: damaged ({what}); run the stage that makes it again{files.again(path)}") from None
    if recipe._embeddings:
        recipe._encoders = StoredEncoders(path.with_name(WEIGHTS), recipe._embeddings)
    return recipe


def write_recipe(path: Path, recipe: Recipe, weights: bytes | None = None) -> None:
    """recipe.json, which a person can read: without what is as it always is; and the weights of its encoders beside it,
    in a file that is there, and empty, where it has none."""
    content = recipe.model_dump(mode="json", exclude={"features", "inputs", "function"})
    shown = {"features": [_shown(feature) for feature in recipe.features], **content}
    if recipe.inputs:
        shown["inputs"] = [_shown(feature) for feature in recipe.inputs]
    if recipe.function:
        shown["function"] = recipe.function.model_dump(mode="json")
    files.write_json(path, shown)
    files.write_bytes(path.with_name(WEIGHTS), no_weights() if weights is None else weights)


def _shown(feature: Feature) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": feature.name,
        # Of its class the type is the default, which the dump leaves out; a reader wants to see it first.
        "encoding": {"type": feature.encoding.type, **feature.encoding.model_dump(mode="json", exclude_defaults=True)},
    }
    for name, part in (("dialect", feature.dialect), ("repair", feature.repair)):
        if part is not None and part != type(part)():
            shown[name] = part.model_dump(mode="json", exclude_defaults=True)
    if feature.sql is not None:
        shown["sql"] = feature.sql
    if feature.by_function:
        shown["by_function"] = True
    return shown


def copy_recipe(path: Path, folder: Path) -> None:
    """recipe.json into this folder, and the weights of its encoders where it has any."""
    weights = path.with_name(WEIGHTS).read_bytes()
    files.write_bytes(folder / path.name, path.read_bytes())
    # A model without embeddings has no file beside recipe.json that somebody would have to explain.
    if weights != no_weights():
        files.write_bytes(folder / WEIGHTS, weights)


def _augmentation(encoding: Encoding, config: Augment, std: float) -> Augmentation | None:
    settings = getattr(config, encoding.type, None)
    if settings is None or settings == type(settings)():
        return None
    of_type = column_type(encoding.type)
    return lambda block, generator, rows=ALL: of_type.augment(block, settings, generator, encoding, std, rows)


def _encode_column(values: pl.Series, feature: Feature) -> Any:
    encoding = column_encoding(feature.encoding)
    with _naming(feature, values):
        return column_type(encoding.type).transform(values, encoding)


def _put_right(values: pl.Series, feature: Feature) -> pl.Series:
    """Values as `clean` would leave them, of the type at rest; those that it has seen stay as they are."""
    repair, of_type = feature.repair, column_type(feature.encoding.type)
    with _naming(feature, values):
        if values.dtype != pl.String:
            return repaired(of_type.cast(values), repair)
        return repaired(of_type.read(values, feature.dialect), repair)


@contextmanager
def _naming(feature: Feature, values: pl.Series) -> Iterator[None]:
    """Errors say which column is meant."""
    try:
        yield
    except UserError as error:
        raise UserError(f"column {feature.name} {error}") from None
    except PolarsError:
        raise UserError(
            f"column {feature.name} holds {values.dtype}, which is no {feature.encoding.type}; convert it"
        ) from None
