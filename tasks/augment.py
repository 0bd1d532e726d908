"""Stage augment: the training rows as the trainer gets them, and what is done to them on the batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files, reports
from tasks.augmentation.balance import class_counts, lacking, repeats, smote
from tasks.augmentation.copies import Changes, Window, windows, with_copies
from tasks.augmentation.mirrors import flip_warnings
from tasks.augmentation.picture import caption_only, sheet
from tasks.augmentation.preview import sections
from tasks.augmentation.record import augmentation_record, number_stds
from tasks.augmentation.settings import check_settings, given_sections
from tasks.columns import column_type
from tasks.params.augment import Augment
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.reports import Report
from tasks.splitting.folds import in_each_fold
from tasks.tables import storage


def run(config: Augment, paths: Paths) -> Report:
    """Reads normalized/train/, recipe.json and clean/train/; leaves augmented/, augmentation.json, augmentation.png.

    Rows are changed while training, on the batch and on the device, anew in every epoch: augmentation.json tells the
    trainer how, and augmented/ holds the rows as they are. With `copies`, changed rows are written down instead, and
    with `balance`, rows of the rare classes. So in each fold of cross validation (folds/augment/), without a picture.
    Raises UserError when a change does not fit the columns or the target.
    """
    warnings = flip_warnings(config, read_recipe(paths.recipe), paths)
    changes = _augment(config, paths, warnings)
    files.write_bytes(paths.augmentation_picture, _picture(changes, paths))
    in_each_fold(paths, "normalize", "augment", lambda fold: _augment(config, fold))
    return reports.augment(paths)


def _augment(config: Augment, paths: Paths, warnings: Sequence[str] = ()) -> Changes:
    """The rows of one training, and the record of what is done to them."""
    recipe = read_recipe(paths.recipe)
    check_settings(config, recipe)
    changes = Changes(config=config, recipe=recipe, number_stds=number_stds(config, recipe, paths))
    num_rows_in = storage.count_rows(paths.normalized("train"))
    counts = class_counts(storage.read_parts(paths.normalized("train"), [recipe.target.name]), recipe)
    num_rows = _write_rows(changes, counts, paths)
    files.write_json(paths.augmentation_report, augmentation_record(changes, counts, num_rows_in, num_rows, warnings))
    return changes


def _write_rows(changes: Changes, counts: NDArray[np.int64], paths: Paths) -> int:
    config, source = changes.config, paths.normalized("train")
    if not config.copies and config.balance == "none":
        # As files, where no row is added: none has to be read.
        return storage.copy_table(source, paths.augmented)
    rows = with_copies(changes, _windows(changes, paths)) if config.copies else storage.read_parts(source)
    return storage.write_parts(paths.augmented, chain(rows, _balancing(changes, counts, storage.read_parts(source))))


def _balancing(changes: Changes, counts: NDArray[np.int64], parts: Iterable[pl.DataFrame]) -> Iterable[pl.DataFrame]:
    """The rows that the rare classes lack."""
    config, recipe = changes.config, changes.recipe
    num_missing = lacking(counts, config.copies)
    match config.balance:
        case "repeat":
            return repeats(parts, recipe, counts, num_missing)
        case "smote":
            return smote(parts, recipe, num_missing, config.neighbours, config.seed)
        case _:
            return []


def _windows(changes: Changes, paths: Paths, raw: list[str] | None = None) -> Iterator[Window]:
    """The training rows, encoded, and where they are changed or shown as they came in, raw too."""
    columns = changes.raw_columns if raw is None else raw
    raw_parts = storage.read_parts(paths.clean("train"), columns) if columns else None
    return windows(changes, storage.read_parts(paths.normalized("train")), raw_parts)


def _picture(changes: Changes, paths: Paths) -> bytes:
    """The first training rows before and after, as PNG."""
    given = given_sections(changes.config)
    if not given:
        return caption_only("No column is augmented in this pipeline.")
    types = {feature.name: feature.encoding.type for feature in changes.recipe.raw_features}
    # Texts are shown as they came in: their tokens would not say what they were before.
    texts = [name for name, of_type in types.items() if of_type in given and column_type(of_type).is_prose]
    raw = list(dict.fromkeys([*changes.raw_columns, *texts]))
    first = next(_windows(changes, paths, raw), None)
    if first is None:
        return caption_only("There is no training row to show.")
    count = changes.config.preview
    shown = Window(
        number=0,
        first=0,
        encoded=first.encoded.head(count),
        raw=first.raw.head(count) if first.raw is not None else None,
    )
    return sheet(sections(changes, shown))
