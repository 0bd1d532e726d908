"""Changed copies of training rows, written down: each with its own changes, wherever the table's parts are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.augmentation.settings import SECTIONS, given_sections
from tasks.columns import column_type
from tasks.columns.audio.column import AudioEncoding
from tasks.columns.draws import generator_for, random_for
from tasks.model_input.block_columns import from_series, to_series
from tasks.model_input.inputs import Augmentation, Block, Field
from tasks.params.augment import Augment
from tasks.params.config import Config
from tasks.recipe.recipe import Feature, Recipe
from tasks.tables.parts import regroup

_MOST_ROWS = 65_536
_MOST_BYTES = 1 << 25
"""Of a window, decoded: what is changed at once is held several times, as bytes, as float32 and as Parquet."""
_SPARSE_BYTES = 1_024
"""Of a text as TF-IDF: some hundred terms."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is done to training rows; `number_stds` are the standard deviations of number columns' first inputs."""

    config: Augment
    recipe: Recipe
    number_stds: Mapping[str, float] = field(default_factory=dict)

    @property
    def raw_columns(self) -> list[str]:
        """The columns that are changed as they came in, before they are encoded; none on the batch."""
        if not self.config.copies:
            return []
        # A computed text is changed where it is encoded, if at all: it never came in.
        features = self.recipe.raw_features
        return [feature.name for feature in features if _raw_settings(feature, self.config) is not None]

    @property
    def on_blocks(self) -> dict[str, Augmentation]:
        """The changes of encoded columns; where copies are written down, those that raw columns do not have."""
        config = self.config
        if config.copies:
            # What is done to raw values must not be done to the encoded ones again.
            sections = {name: getattr(config, name) for name in SECTIONS if getattr(config, name) is not None}
            encoded: dict[str, Any] = {
                name: column_type(name).augment_parts(section)[1] for name, section in sections.items()
            }
            config = config.model_copy(update=encoded)
        return self.recipe.augmentations(config, self.number_stds)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Training rows that lie one after another, `first` being the number of the first; `raw` are the same rows."""

    number: int
    first: int
    encoded: pl.DataFrame
    raw: pl.DataFrame | None = None


def windows(changes: Changes, encoded: Iterable[pl.DataFrame], raw: Iterable[pl.DataFrame] | None) -> Iterator[Window]:
    """The rows of both tables, which are the same rows, cut anew; where, depends on the rows alone."""
    size = rows_per_window(changes.recipe)
    first = 0
    # By rows alone: a limit in bytes would cut raw rows elsewhere than encoded ones.
    raw_windows = regroup(raw, size, bytes_per_part=np.iinfo(np.int64).max) if raw is not None else None
    for number, rows in enumerate(regroup(encoded, size)):
        yield Window(number=number, first=first, encoded=rows, raw=next(raw_windows) if raw_windows else None)
        first += rows.height


def with_copies(changes: Changes, rows: Iterable[Window]) -> Iterator[pl.DataFrame]:
    """Each window's rows, then its first copies, its second, and so on."""
    for window in rows:
        yield window.encoded
        for copy in range(1, changes.config.copies + 1):
            yield copied(changes, window, copy)


def copied(changes: Changes, window: Window, copy: int) -> pl.DataFrame:
    """The window's rows as they are in this copy, or on some batch: changed by draws of their own."""
    columns = [
        _changed(feature, changes, window, (changes.config.seed, copy, number))
        for number, feature in enumerate(changes.recipe.features)
    ]
    return window.encoded.with_columns(columns)


def rows_per_window(recipe: Recipe) -> int:
    """So many rows that none of what a window holds is large."""
    size = sum(_bytes_of(feature) for feature in recipe.features)
    return max(1, min(_MOST_ROWS, _MOST_BYTES // size))


def _bytes_of(feature: Feature) -> int:
    """Of one row, decoded; a sound's are those of its samples."""
    if isinstance(feature.encoding, AudioEncoding):
        # In float32, four bytes each.
        return 4 * feature.encoding.num_samples
    column = feature.encoding.field(feature.name)
    return _SPARSE_BYTES if column.kind == "sparse" else 4 * max(1, int(np.prod(column.row_shape)))


def _raw_settings(feature: Feature, config: Augment) -> Config | None:
    """What is done to the column's values as they came in; None where that is nothing."""
    section = given_sections(config).get(feature.encoding.type)
    return None if section is None else column_type(feature.encoding.type).augment_parts(section)[0]


def changed_texts(feature: Feature, number: int, changes: Changes, window: Window) -> list[str | None]:
    """The texts of a column, which is the recipe's `number`th, as they are in the first copy."""
    return _changed_values(feature, changes, window, (changes.config.seed, 1, number))


def _changed(feature: Feature, changes: Changes, window: Window, seeds: tuple[int, int, int]) -> pl.Series:
    column, name = feature.encoding.field(feature.name), feature.name
    augmentation = changes.on_blocks.get(name)
    is_raw = name in changes.raw_columns
    if not is_raw and augmentation is None:
        return window.encoded[name]
    block = _encoded_anew(feature, changes, window, seeds) if is_raw else from_series(column, window.encoded[name])
    if augmentation is not None:
        generator = generator_for(*seeds, window.number)
        block = _on_block(column, block, lambda batch: augmentation(batch, generator))
    return to_series(name, column, block)


def _encoded_anew(feature: Feature, changes: Changes, window: Window, seeds: tuple[int, int, int]) -> Block:
    """The block of raw values that were changed."""
    assert window.raw is not None
    values = _changed_values(feature, changes, window, seeds)
    rows = pl.DataFrame([pl.Series(feature.name, values, dtype=window.raw[feature.name].dtype)])
    return changes.recipe.alone(feature).encode(rows).blocks[feature.name]


def _changed_values(feature: Feature, changes: Changes, window: Window, seeds: tuple[int, int, int]) -> list[Any]:
    """Raw values, each changed by draws for its row's number."""
    assert window.raw is not None
    of_type, settings = column_type(feature.encoding.type), _raw_settings(feature, changes.config)
    assert settings is not None
    return [
        None if value is None else of_type.augment_raw(value, settings, random_for(*seeds, window.first + row))
        for row, value in enumerate(window.raw[feature.name].to_list())
    ]


def _on_block(column: Field, block: NDArray[Any], change: Any) -> NDArray[Any]:
    """A block changed as a batch is; pictures' bytes are rounded once, at the end."""
    import torch

    # A copy, as polars lends its memory read-only.
    batch = torch.from_numpy(np.array(block))
    if not column.is_picture:
        return np.asarray(change(batch).numpy())
    return np.asarray(change(batch.float()).round().clamp(0, 255).to(torch.uint8).numpy())
