"""What training rows look like before and after: what the sheet shows of each column that is changed."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.augmentation.copies import Changes, Window, changed_texts, copied
from tasks.augmentation.picture import Pictures, Section, Texts, ValueTable
from tasks.augmentation.settings import given_sections
from tasks.columns import column_type
from tasks.columns.text.column import TextEncoding
from tasks.model_input.block_columns import from_series
from tasks.model_input.inputs import Block, Field
from tasks.recipe.recipe import Feature

_MOST_LINES = 24
"""Columns of numbers and categories that are shown: more would be a list to scroll, not a picture."""


def sections(changes: Changes, window: Window) -> list[Section]:
    """For each picture and text column a section, then one with the numbers and categories."""
    after = copied(changes, window, copy=1)
    given = given_sections(changes.config)
    shown: list[Section] = []
    values: list[tuple[str, Sequence[str], Sequence[str]]] = []
    for number, feature in enumerate(changes.recipe.features):
        if feature.encoding.type not in given:
            continue
        column = feature.encoding.field(feature.name)
        before_block, after_block = (from_series(column, rows[feature.name]) for rows in (window.encoded, after))
        if column.is_picture:
            shown.append(Pictures(feature.name, before_block, after_block, is_sound=column.kind == "audio"))
        elif column_type(feature.encoding.type).is_prose:
            # A computed text stands in no table that could be shown.
            if feature.is_computed:
                continue
            shown.append(_texts(feature, number, changes, window, after_block))
        else:
            values.append((feature.name, _in_words(column, before_block), _in_words(column, after_block)))
    return [*shown, ValueTable(tuple(values[:_MOST_LINES]))] if values else shown


def _texts(feature: Feature, number: int, changes: Changes, window: Window, after: Block) -> Texts:
    """Words as they came and as they are in the first copy; or, on the batch, what the tokens spell."""
    assert window.raw is not None
    before = [text or "" for text in window.raw[feature.name]]
    if feature.name in changes.raw_columns:
        changed = changed_texts(feature, number, changes, window)
        return Texts(feature.name, tuple(before), tuple(text or "" for text in changed))
    assert isinstance(feature.encoding, TextEncoding)
    return Texts(feature.name, tuple(before), tuple(_spelt(feature.encoding, row) for row in after.tolist()))


def _spelt(encoding: TextEncoding, tokens: Sequence[int]) -> str:
    from tokenizers.decoders import ByteLevel

    text: str = ByteLevel().decode([encoding.vocabulary[token] for token in tokens if token])
    return text.strip()


def _in_words(column: Field, block: Block) -> list[str]:
    """Each row's value: a category by its name, else the encoded numbers."""
    if column.kind == "category_index":
        return [column.labels[index].removeprefix(f"{column.name}=") for index in block.tolist()]
    return [", ".join(f"{number:.3g}" for number in row) for row in block.tolist()]
