"""What callers of a served model give for a column, text as the source writes it or typed values, as it is at rest."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from tasks.columns import column_type
from tasks.columns.base import ColumnType
from tasks.errors import UserError
from tasks.recipe.recipe import Feature
from tasks.repair.repair import FEW, WHITE_SPACE


def at_rest(values: Sequence[Any], feature: Feature) -> pl.Series:
    """The values [N], each by itself; None is a missing one.

    A number, a time or a truth value is taken for what it is; text is read as ingestion reads the source's cells, and,
    where these are never written so, as programs write it. So `8.000` is 8000 where the source sets thousands apart by
    points, but `6370.15` is what it says. Raises UserError that names the column, the value and what to give.
    """
    of_type = column_type(feature.encoding.type)
    # The bytes of a file may come as base64, which is no cell of the source's.
    texts = {} if of_type.is_media else {place: value for place, value in enumerate(values) if isinstance(value, str)}
    typed = [None if place in texts else _typed(value, of_type, feature) for place, value in enumerate(values)]
    column = feature.dialect.without_missing(pl.Series(feature.name, typed, dtype=of_type.dtype))
    if not texts:
        return column
    read = _read(pl.Series(feature.name, texts.values(), dtype=pl.String), of_type, feature)
    return read if len(texts) == len(values) else column.scatter(list(texts), read)


def check_fit(column: pl.Series, feature: Feature) -> None:
    """Raises UserError for a value that cost a row its place in training: an infinite number, or no file at all."""
    of_type = column_type(feature.encoding.type)
    give = of_type.accepts(feature.dialect)
    if of_type.is_media:
        # Whether a file can be decoded shows when it is: nobody decodes twice.
        if column.null_count():
            raise UserError(f"column {feature.name}: a row has none; give {give}")
        return
    reasons = of_type.faults(column)
    if reasons.null_count() < len(reasons):
        raise UserError(f"column {reasons.drop_nulls()[0]}; give {give}")


def rows_at_rest(cells: Mapping[str, Sequence[Any]], features: Iterable[Feature]) -> pl.DataFrame:
    """The features' columns of raw rows. Raises UserError for a column that is missing, or that cannot be read."""
    columns = []
    for feature in features:
        check_there(cells, feature)
        column = at_rest(cells[feature.name], feature)
        check_fit(column, feature)
        columns.append(column)
    return pl.DataFrame(columns)


def check_there(columns: Container[str], feature: Feature) -> None:
    """Raises UserError where the column of a feature is not among these."""
    if feature.name not in columns:
        raise UserError(f"column {feature.name} is missing; the model was trained with it")


def _typed(value: Any, of_type: ColumnType[Any, Any, Any], feature: Feature) -> Any:
    if value is None:
        return None
    try:
        served = of_type.served_value(value, feature.encoding, feature.dialect)
    except UserError as error:
        raise UserError(f"column {feature.name}: {error}") from None
    if served is None:
        raise _refusal(value, of_type, feature)
    return served


def refusals(texts: pl.Series, feature: Feature) -> pl.Series:
    """Why `at_rest` and `check_fit` refuse a cell of text, [N]; missing where they do not."""
    of_type = column_type(feature.encoding.type)
    cells, read = _cells_and_values(texts, of_type, feature)
    reasons = of_type.faults(read)
    give = of_type.accepts(feature.dialect)
    why = [None if reason is None else f"column {reason}; give {give}" for reason in reasons.to_list()]
    for row in (read.is_null() & cells.is_not_null()).arg_true().to_list():
        why[row] = str(_refusal(cells[row], of_type, feature))
    return pl.Series(texts.name, why, dtype=pl.String)


def _read(texts: pl.Series, of_type: ColumnType[Any, Any, Any], feature: Feature) -> pl.Series:
    cells, read = _cells_and_values(texts, of_type, feature)
    if read.null_count() == 0:
        return read
    unread = cells.filter(read.is_null() & cells.is_not_null())
    if len(unread):
        raise _refusal(unread[0], of_type, feature)
    return read


def _cells_and_values(
    texts: pl.Series, of_type: ColumnType[Any, Any, Any], feature: Feature
) -> tuple[pl.Series, pl.Series]:
    """The cells, missing ones as such, and what they say; missing as well where a cell is not of its type."""
    cells = feature.dialect.without_missing(texts)
    if missing := of_type.missing_texts(feature.encoding, feature.repair, feature.dialect):
        cells = _without_words(cells, missing)
    return cells, of_type.read_served(cells, feature.dialect)


def _without_words(cells: pl.Series, words: frozenset[str]) -> pl.Series:
    """The cells, missing where they are one of these words, in whatever case and with blanks around it."""
    few = cells.to_list() if len(cells) <= FEW else None
    # Beyond ASCII Python may follow another version of Unicode than polars.
    if few is not None and all(cell is None or cell.isascii() for cell in few):
        present = [None if cell is None or cell.strip(WHITE_SPACE).lower() in words else cell for cell in few]
        return pl.Series(cells.name, present, dtype=pl.String)
    return cells.set(cells.str.strip_chars().str.to_lowercase().is_in(list(words)), None)


def _refusal(value: Any, of_type: ColumnType[Any, Any, Any], feature: Feature) -> UserError:
    give = of_type.accepts(feature.dialect)
    return UserError(f"column {feature.name}: {value!r:.80} is no {of_type.name}; give {give}")


def unreadable_cells(cells: Mapping[str, Sequence[Any]], features: Iterable[Feature]) -> list[str]:
    """Why columns of these cells cannot be read, a sentence for each of those that cannot; the features' columns are
    all there."""
    messages = []
    for feature in features:
        try:
            check_fit(at_rest(cells[feature.name], feature), feature)
        except UserError as error:
            messages.append(str(error))
    return messages
