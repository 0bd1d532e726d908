"""What every column type must do. A new type needs a Case here, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.base import Encoding
from tasks.errors import UserError
from tasks.model_input.block_columns import from_series, to_series
from tasks.model_input.step_rows import ALL
from tasks.params.augment import Augment, AugmentAudio, AugmentCategory, AugmentImage, AugmentNumber, AugmentText
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import (
    NormalizeAudio,
    NormalizeBoolean,
    NormalizeCategory,
    NormalizeImage,
    NormalizeNumber,
    NormalizeText,
    NormalizeTimestamp,
)
from tasks.validation.expectations import KNOWN_TYPES
from tests.small_tables import image
from tests.sounds import tone, wav


@dataclass(frozen=True)
class Case:
    """A column type with settings, and values to try it with."""

    type: ColumnTypeName
    settings: Config
    values: st.SearchStrategy[Any]
    """Values as they come to `normalize`: what `clean` lets through."""
    never_seen: Sequence[Any]
    """Usable values that no training row may have had."""
    others: pl.Series
    """Values of another type."""
    faulty: Sequence[Any] = ()
    """Values that `clean` takes out."""


PICTURES = [
    image([[0, 255], [100, 200]]),
    image([[7, 7], [7, 9]], "BMP"),
    image(np.arange(24, dtype=np.uint8).reshape(4, 2, 3)),
    image(np.linspace(0, 250, 27).astype(np.uint8).reshape(3, 3, 3), "JPEG"),
]
SOUNDS = [
    tone(440, seconds=0.05),
    tone(900, seconds=0.03, rate=11_025),
    wav(np.linspace(0, 255, 600).astype(np.uint8).reshape(300, 2)),
    wav(np.array([0.5], dtype=np.float32), rate=44_100),
]
WORDS = st.text("abcd äß.,-", min_size=1, max_size=20).filter(str.strip)
OTHER_WORDS = pl.Series(["some", "words", None])


def number(**settings: Any) -> Case:
    values = st.none() | st.floats(-1e9, 1e9, allow_subnormal=False) | st.sampled_from([0.1, 1.0])
    never_seen = [1e300, -1e300, 5e-324, 0.0, None]
    return Case("number", NormalizeNumber(**settings), values, never_seen, OTHER_WORDS, [float("inf"), float("-inf")])


def category(**settings: Any) -> Case:
    values = st.none() | st.sampled_from(["", "red", "green", "-", "(missing)", "(other)", "1"]) | WORDS
    return Case("category", NormalizeCategory(**settings), values, ["never", "", None], pl.Series([b"a", b"b"]))


def text(**settings: Any) -> Case:
    never_seen = ["Unerhört!", "🎉", "x" * 10_000, "", None]
    return Case("text", NormalizeText(min_documents=1, **settings), WORDS, never_seen, pl.Series([1.5]))


def images(**settings: Any) -> Case:
    never_seen = [image([[1, 2, 3]]), image(np.zeros((5, 9, 3), dtype=np.uint8), "JPEG")]
    blank, line = image(np.full((3, 3, 3), 200, dtype=np.uint8), "JPEG"), image([[1, 2, 3]])
    faulty = [b"", b"no picture", PICTURES[0][:45], None, blank, line]
    return Case("image", NormalizeImage(**settings), st.sampled_from(PICTURES), never_seen, OTHER_WORDS, faulty)


def booleans(**settings: Any) -> Case:
    values = st.none() | st.booleans()
    return Case("boolean", NormalizeBoolean(**settings), values, [True, False, None], OTHER_WORDS)


def timestamps(*parts: str) -> Case:
    values = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
    chosen = NormalizeTimestamp.model_validate({"parts": parts} if parts else {})
    never_seen = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None]
    return Case("timestamp", chosen, values, never_seen, pl.Series(["2020-01-01", "soon"]))


def sounds(**settings: Any) -> Case:
    never_seen = [tone(3000, seconds=0.2), tone(50, rate=22_050, loudness=0)]
    faulty = [b"", b"no sound", SOUNDS[0][:-1], SOUNDS[0][:40], wav(np.zeros(0, dtype=np.int16)), None]
    faulty.append(wav(np.full((300, 2), 128, dtype=np.uint8)))
    pictures = pl.Series([image([[1, 2]], "WEBP")])
    return Case("audio", NormalizeAudio(**settings), st.sampled_from(SOUNDS), never_seen, pictures, faulty)


CASES = {
    "number": number(),
    "number min_max": number(scale="min_max", impute="zero"),
    "number symmetric": number(scale="symmetric", indicator=False),
    "number as it is": number(scale="none"),
    "number robust": number(scale="robust", impute="median"),
    "number quantile": number(scale="quantile", impute="most_frequent"),
    "number log": number(scale="log", impute="constant", value=-3.5),
    "number power": number(scale="power", indicator=False),
    "category": category(),
    "category few": category(max_categories=2),
    "category ordinal": category(encode="ordinal"),
    "category hashed": category(encode="hashed", buckets=7),
    "category most frequent": category(impute="most_frequent"),
    "category constant": category(impute="constant", value="red", max_categories=3),
    "category hashed constant": category(encode="hashed", impute="constant", value="red"),
    "boolean": booleans(),
    "boolean without indicator": booleans(impute="false", indicator=False),
    "timestamp": timestamps(),
    "timestamp in all parts": timestamps("year", "month", "day", "weekday", "hour", "minute", "elapsed"),
    "timestamp of one part": timestamps("hour"),
    "text": text(),
    "text few": text(max_features=3, ngrams=(1, 1)),
    "text tokens": text(encode="tokens", vocabulary=300, length=12),
    "image": images(),
    "image standard": images(scale="standard"),
    "image of one size": images(scale="standard", height=3, width=2, channels=1),
    "image symmetric": images(scale="symmetric", channels=3),
    "image cropped": images(scale="standard", height=4, width=5, fit="crop"),
    "image padded": images(scale="standard", height=5, width=4, channels=1, fit="pad"),
    "audio": sounds(),
    "audio of one size": sounds(rate=16_000, seconds=0.1, n_mels=12, window_ms=20, hop_ms=20, top_db=60),
    "audio in short": sounds(rate=1_000, seconds=0.001, window_ms=1, hop_ms=1, n_mels=3),
}

DTYPES: dict[str, type] = {"image": np.uint8, "audio": np.uint8, "category_index": np.int32, "tokens": np.int32}

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
examples = settings(derandomize=True, max_examples=25, deadline=None)


def test_every_type_has_a_case() -> None:
    assert {case.type for case in CASES.values()} == set(TYPE_NAMES)
    assert all(column_type(name).name == name for name in TYPE_NAMES)


def series(case: Case, values: Sequence[Any]) -> pl.Series:
    return pl.Series("x", values, dtype=column_type(case.type).dtype)


def learnt(case: Case, parts: Sequence[pl.Series]) -> Encoding | str:
    """The encoding, or why there is none."""
    of_type = column_type(case.type)
    try:
        state = reduce(of_type.merge, [of_type.fit(part, case.settings) for part in parts])
        encoding = of_type.finish(state, case.settings)
    except UserError as error:
        return str(error)
    assert isinstance(encoding, Encoding)
    return encoding


def block(case: Case, values: pl.Series, encoding: Encoding) -> np.ndarray[Any, Any]:
    found = column_type(case.type).transform(values, encoding)
    plain = found.toarray() if hasattr(found, "toarray") else found
    assert isinstance(plain, np.ndarray)
    return plain


def typical(case: Case) -> list[Any]:
    """Values from which every type learns something."""
    values: dict[ColumnTypeName, list[Any]] = {
        "number": [1.0, 2.0, None, 4.0],
        "category": ["red", None, "green", "red"],
        "text": ["red rose", "green leaf", "red leaf"],
        "boolean": [True, None, False, True],
        "timestamp": [datetime(2020, 1, 31, 23, 59, 59, 5), None, datetime(2021, 6, 1), datetime(2024, 2, 29, 12)],
        "image": PICTURES,
        "audio": SOUNDS,
    }
    return values[case.type]


def encoding_of(case: Case) -> Encoding:
    encoding = learnt(case, [series(case, typical(case))])
    assert isinstance(encoding, Encoding)
    return encoding


@every_case
@examples
@given(data=st.data())
def test_parts_cut_anywhere_lead_to_the_same_encoding(case: Case, data: st.DataObject) -> None:
    values = data.draw(st.lists(case.values, min_size=1, max_size=12))
    places = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3)))
    whole = series(case, values)
    parts = [whole[start:stop] for start, stop in zip([0, *places], [*places, len(values)], strict=True)]
    in_one = learnt(case, [whole])
    in_parts = learnt(case, parts)
    assert in_parts == in_one
    if isinstance(in_one, Encoding) and isinstance(in_parts, Encoding):
        assert in_parts.model_dump_json() == in_one.model_dump_json()


@every_case
@examples
@given(data=st.data())
def test_every_value_has_a_finite_input_of_the_fields_shape(case: Case, data: st.DataObject) -> None:
    encoding = learnt(case, [series(case, data.draw(st.lists(case.values, min_size=1, max_size=8)))])
    if isinstance(encoding, str):
        return
    values = data.draw(st.lists(case.values | st.sampled_from(case.never_seen), max_size=8))
    field = encoding.field("x")
    found = column_type(case.type).transform(series(case, values), encoding)
    assert found.shape == (len(values), *field.row_shape)
    # Only 0 and 1 are in a boolean's inputs, and a text's are learnt.
    number = np.float64 if case.type in ("number", "timestamp") else np.float32
    assert found.dtype == DTYPES.get(field.kind, number)
    assert np.isfinite(block(case, series(case, values), encoding)).all()
    assert from_series(field, to_series("x", field, found)).shape == found.shape
    assert len(set(field.labels)) == len(field.labels) in (0, field.num_inputs)


@every_case
def test_a_row_is_encoded_the_same_whatever_stands_beside_it(case: Case) -> None:
    encoding = encoding_of(case)
    values = series(case, [*typical(case), *case.never_seen])
    alone = [block(case, values[row : row + 1], encoding) for row in range(len(values))]
    assert np.array_equal(np.concatenate(alone), block(case, values, encoding))


@every_case
def test_many_rows_are_encoded_as_one_is(case: Case) -> None:
    """A few values go another way than many, which a server and `normalize` must not be told apart by."""
    encoding = encoding_of(case)
    values = series(case, [*typical(case), *case.never_seen])
    many = pl.concat([values] * 9)
    assert np.array_equal(block(case, many, encoding), np.concatenate([block(case, values, encoding)] * 9))


@every_case
def test_a_table_without_rows_is_encoded_too(case: Case) -> None:
    encoding = encoding_of(case)
    field = encoding.field("x")
    found = column_type(case.type).transform(series(case, []), encoding)
    assert found.shape == (0, *field.row_shape)
    assert from_series(field, to_series("x", field, found)).shape == found.shape


@every_case
def test_an_encoding_survives_json(case: Case) -> None:
    encoding = encoding_of(case)
    text = json.dumps(json.loads(encoding.model_dump_json()), allow_nan=False)
    again = type(encoding).model_validate_json(text)
    assert again == encoding
    values = series(case, typical(case))
    assert np.array_equal(block(case, values, again), block(case, values, encoding))
    assert again.field("x") == encoding.field("x")


@every_case
def test_without_any_value_there_is_no_encoding(case: Case) -> None:
    blank = " \n" if getattr(case.settings, "encode", None) == "tokens" else "."
    nothing: Sequence[Sequence[Any]] = [[None, None]] if case.type != "text" else [["", blank]]
    for values in nothing:
        assert isinstance(reason := learnt(case, [series(case, values)]), str)
        assert reason.startswith("has no ")
        assert ";" in reason


@every_case
def test_its_own_values_could_be_of_the_type(case: Case) -> None:
    of_type = column_type(case.type)
    values = series(case, typical(case))
    assert of_type.could_be(values)
    assert of_type.could_be(values.clear())
    assert of_type.cast(values).equals(values, null_equal=True)
    assert not of_type.could_be(case.others)


@every_case
@pytest.mark.parametrize("cut", [[], [None], [None, None]], ids=len)
def test_casting_gives_the_type_at_rest(case: Case, cut: list[None]) -> None:
    for dtype in (pl.String, pl.Float64, pl.Int32, pl.Boolean, pl.Null, pl.Binary):
        values = column_type(case.type).cast(pl.Series("x", cut, dtype=dtype))
        assert values.dtype == column_type(case.type).dtype
        assert values.name == "x"
        assert values.null_count() == len(cut)


@every_case
def test_only_what_cannot_be_used_is_at_fault_and_says_so(case: Case) -> None:
    values = series(case, [*typical(case), *case.faulty])
    reasons = column_type(case.type).faults(values)
    assert reasons.dtype == pl.String
    fine = len(typical(case))
    assert reasons[:fine].null_count() == fine
    assert all(reason.startswith("x ") for reason in reasons[fine:])
    assert column_type(case.type).faults(values.clear()).is_empty()


@every_case
def test_nothing_is_flagged_by_default(case: Case) -> None:
    values = series(case, [*typical(case), *case.faulty])
    flags = column_type(case.type).flags(values)
    assert (flags.dtype, len(flags), flags.null_count()) == (pl.String, len(values), len(values))


@every_case
def test_drafted_expectations_are_known_and_can_be_kept_as_json(case: Case) -> None:
    parts: list[Sequence[Any]] = [typical(case), [*typical(case), *case.faulty], [None], []]
    for values in parts:
        for entry in column_type(case.type).expect("x", series(case, values)):
            assert entry["type"] in KNOWN_TYPES
            assert entry["severity"] in ("critical", "warning")
            assert entry["kwargs"]["column"] == "x"
            assert json.loads(json.dumps(entry, allow_nan=False)) == entry


SOME: dict[str, Config] = {
    "number": AugmentNumber(jitter=0.5),
    "category": AugmentCategory(swap=0.99),
    "text": AugmentText(swap=0.5, drop=0.5),
    "image": AugmentImage(rotate=90, shift=0.5),
    "audio": AugmentAudio(shift=0.5, noise=0.5),
}


def augmented(case: Case, settings: Config) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch's block before and after."""
    encoding = encoding_of(case)
    before = torch.from_numpy(block(case, series(case, typical(case)), encoding).copy())
    generator = torch.Generator().manual_seed(0)
    return before, column_type(case.type).augment(before.clone(), settings, generator, encoding, 1.0, ALL)


def test_every_type_with_a_section_is_changed_by_it() -> None:
    assert SOME.keys() == set(TYPE_NAMES) & Augment.model_fields.keys()


@every_case
def test_augmentation_keeps_shape_and_type(case: Case) -> None:
    settings = SOME.get(case.type, AugmentImage())
    for chosen in (settings, type(settings)()):
        before, after = augmented(case, chosen)
        assert (after.shape, after.dtype) == (before.shape, before.dtype)


@every_case
def test_only_what_is_asked_for_is_changed(case: Case) -> None:
    settings = SOME.get(case.type, AugmentImage(rotate=90))
    before, after = augmented(case, type(settings)())
    assert torch.equal(before, after)
    before, after = augmented(case, settings)
    # Text as TF-IDF has no words left that could be changed, and silence has no loudness to compare noise with.
    is_changed = case.type in SOME and getattr(case.settings, "encode", None) != "tfidf" and bool(before.any())
    assert torch.equal(before, after) == (not is_changed)
