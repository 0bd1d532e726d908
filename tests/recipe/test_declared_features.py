from __future__ import annotations

import pytest

from tasks.errors import UserError
from tasks.recipe.declared_features import check_features
from tests.recipe.machines import computed, types

REFUSED: list[tuple[dict[str, str], str]] = [
    ({"power": "torque * sped"}, "normalize.features.power: `torque .* names sped, .*; did you mean speed?"),
    ({"power": "power * 2"}, "names itself"),
    ({"a": "b * 2", "b": "torque + 1"}, "uses b, which stands below it; move b above it"),
    ({"x": "broken"}, "uses broken, the target"),
    ({"x": "upper(customer)"}, r"whose role is id: .*ingest.columns: {customer: {role: feature}}"),
    ({"torque": "torque * 2"}, "has the name of a column of the data"),
    ({"broken": "torque > 1"}, "has the name of a column of the data"),
    ({"x": "town * 2"}, r"does not fit town \(category\): arithmetic on dtypes"),
    ({"x": "town > 3"}, r"does not fit town \(category\): cannot compare string with numeric"),
    ({"x": "day > '2024-01-31'"}, r"does not fit day \(timestamp\)"),
    ({"x": "day::time"}, r"is a time of day.* extract\(hour from"),
    ({"x": "string_to_array(town, 'l')"}, "is a list, .* split_part"),
    ({"x": "cast(town as boolean)"}, r"does not fit town \(category\): casting from"),
    ({"x": "extract(hour from town)"}, r"does not fit town \(category\): .*strptime\(COLUMN"),
    ({"x": "upper(scan)"}, r"uses scan, which holds files \(image\)"),
    ({"x": " / ".join(["torque"] * 100)}, r"` goes too deep, .*a feature of its own"),
    ({"x": "torque - avg(torque)"}, r"normalize.features.x: `torque - avg\(torque\)` looks at other rows"),
]


@pytest.mark.parametrize(("features", "message"), REFUSED)
def test_a_feature_that_cannot_be_is_refused_by_name_with_what_to_do(features: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        types(features)


@pytest.mark.parametrize(
    "followed",
    [
        {"power": "torque * speed"},
        {"b": "torque + 1", "a": "b * 2"},
        {"x": "cast(town as double) * 2"},
        {"x": "town > cast(3 as varchar)"},
        {"x": "day > date '2024-01-31'"},
        {"x": "extract(hour from day)"},
        {"x": "split_part(town, 'l', 1)"},
        {"x": "extract(hour from strptime(town, '%d.%m.%Y'))"},
        {"part": "+".join(["torque / 2"] * 9), "x": "+".join(["part"] * 9)},
    ],
)
def test_what_a_refusal_advises_is_computed(followed: dict[str, str]) -> None:
    assert computed(followed).height == 4


def test_what_is_known_before_the_data_are_is_told_then() -> None:
    known = {"broken": "target", "customer": "id"}
    check_features({"power": "torque * speed"}, known, complete=False)
    for features, message in ({"x": "broken"}, "the target"), ({"x": "x"}, "names itself"), ({"x": "max(y)"}, "rows"):
        with pytest.raises(UserError, match=message):
            check_features(features, known, complete=False)  # type: ignore[arg-type]


def test_a_type_of_a_column_of_the_data_belongs_to_ingest() -> None:
    with pytest.raises(UserError, match=r"normalize.columns.town.type: .*ingest.columns: {town: {type: text}}"):
        types({}, town={"type": "text"})


def test_no_timestamp_is_made_of_text_without_its_format() -> None:
    with pytest.raises(UserError, match=r"normalize.columns.x.type: .*strptime"):
        types({"x": "town"}, x={"type": "timestamp"})
    assert types({"x": "strptime(town, '%d.%m.%Y')"}) == {"x": "timestamp"}
