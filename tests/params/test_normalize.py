from __future__ import annotations

from typing import Any, get_args

import pytest

from tasks.params.config import ColumnTypeName
from tasks.params.normalize import (
    Normalize,
    NormalizeBoolean,
    NormalizeCategory,
    NormalizeColumn,
    NormalizeImage,
    NormalizeNumber,
    NormalizeTimestamp,
    settings_for,
)


def config(**columns: Any) -> Normalize:
    return Normalize.model_validate(
        {"number": {"scale": "min_max"}, "category": {"max_categories": 7}, "columns": columns}
    )


def test_a_column_without_settings_of_its_own_has_those_of_its_type() -> None:
    assert settings_for(config(), "age", "number") == NormalizeNumber(scale="min_max")
    assert settings_for(config(other={"scale": "log"}), "age", "number") == NormalizeNumber(scale="min_max")
    assert settings_for(config(age={}), "age", "image") == Normalize().image


def test_only_what_a_column_says_differs() -> None:
    age = settings_for(config(age={"impute": "constant", "value": 30, "indicator": False}), "age", "number")
    assert age == NormalizeNumber(scale="min_max", impute="constant", value=30.0, indicator=False)
    town = settings_for(config(town={"encode": "ordinal", "impute": "constant", "value": "none"}), "town", "category")
    assert town == NormalizeCategory(max_categories=7, encode="ordinal", impute="constant", value="none")
    assert settings_for(config(member={"impute": False}), "member", "boolean") == NormalizeBoolean(impute="false")
    filled = Normalize.model_validate(
        {"number": {"impute": "constant", "value": 5}, "columns": {"x": {"impute": "mean"}}}
    )
    assert settings_for(filled, "x", "number") == NormalizeNumber()
    assert settings_for(config(seen={"parts": ["year"]}), "seen", "timestamp") == NormalizeTimestamp(parts=("year",))


def test_a_column_may_have_another_network_or_none() -> None:
    section = {"encode": "embedding", "network": "models/one"}
    columns = {"front": {"network": "models/two"}, "back": {"encode": "pixels"}}
    config = Normalize.model_validate({"image": section, "columns": columns})
    assert settings_for(config, "side", "image") == NormalizeImage(encode="embedding", network="models/one")
    assert settings_for(config, "front", "image") == NormalizeImage(encode="embedding", network="models/two")
    assert settings_for(config, "back", "image") == NormalizeImage()


@pytest.mark.parametrize(
    ("of_type", "column", "complaint"),
    [
        ("category", {"scale": "log"}, "scale is not for category columns, only for number, image; take it out"),
        ("audio", {"parts": ["hour"]}, "parts is not for audio columns, only for timestamp; take it out"),
        ("number", {"encode": "one_hot"}, "encode is not for number columns, only for category, text, image, "),
        ("number", {"impute": "missing"}, "impute 'missing' does not fit a number column; it must be 'mean', "),
        ("boolean", {"impute": "mean"}, "impute 'mean' does not fit a boolean column; it must be 'most_frequent' or "),
        ("category", {"encode": "tfidf"}, "encode 'tfidf' does not fit a category column; it must be 'one_hot', "),
        (
            "text",
            {"encode": "hashed"},
            "encode 'hashed' does not fit a text column; it must be 'tfidf', 'score' or 'tokens'",
        ),
        ("number", {"value": "none"}, "value 'none' does not fit a number column; it must be a number"),
        ("category", {"value": 7}, "value 7.0 does not fit a category column; it must be text; put it in quotes"),
        ("image", {"encode": "tokens"}, "encode 'tokens' does not fit a image column; it must be 'pixels' or 'embeddi"),
        (
            "image",
            {"encode": "embedding"},
            "encode: embedding needs the network whose features are taken; add",
        ),
        ("image", {"network": "models/x"}, "network models/x is for encode: embedding alone; write that too, or take"),
        (
            "audio",
            {"encode": "embedding"},
            "encode: embedding needs the network whose features are taken; add",
        ),
        ("number", {"value": 3}, "value 3 is for impute: constant alone; write that too, or take value out"),
        ("category", {"value": "x"}, "value 'x' is for impute: constant alone; write that too, or take value out"),
        ("timestamp", {"parts": ["hour", "hour"]}, "parts names hour twice; name each part once"),
    ],
)
def test_what_is_nothing_for_the_type_is_refused_in_a_sentence(of_type: Any, column: Any, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        settings_for(config(x=column), "x", of_type)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_every_setting_of_a_column_is_one_of_some_type() -> None:
    types = [name for name in Normalize.model_fields if name in get_args(ColumnTypeName)]
    # The type itself is that of a feature of one's own.
    for key in set(NormalizeColumn.model_fields) - {"type"}:
        assert any(key in type(getattr(Normalize(), name)).model_fields for name in types), key
