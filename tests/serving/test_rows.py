"""The rows of a request: what is taken, and what each problem says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.serving.request_error import RequestError
from tasks.serving.rows import ServedColumn, checked, parsed, rows_of

KNOWN = (
    ServedColumn(name="age", type="number", accepts="a number"),
    ServedColumn(name="scan", type="image"),
    ServedColumn(name="region", is_required=False),
)
ROW = {"age": 41, "scan": "aGk="}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["age", "scan"]), inner),
    max_leaves=12,
)


def test_rows_come_as_an_object_as_a_list_or_one_alone() -> None:
    assert rows_of({"rows": [ROW, ROW]}) == rows_of([ROW, ROW]) == [ROW, ROW]
    assert rows_of(ROW) == [ROW]
    assert rows_of({"rows": "a column of that name", "age": 1}) == [{"rows": "a column of that name", "age": 1}]


@pytest.mark.parametrize("content", [[], {"rows": []}, "text", 7, None])
def test_a_body_without_rows_is_refused(content: object) -> None:
    with pytest.raises(RequestError) as refusal:
        rows_of(content)
    assert refusal.value.status == 422


@pytest.mark.parametrize("body", [b"", b"{", b"[NaN]", b'{"age": Infinity}', b"\xff\xfe", b"[" * 100_000, b"9" * 5_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        parsed(body)
    assert refusal.value.status == 400
    assert "sys." not in refusal.value.message, "Python's own advice"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[{"age": 1, "scan": "", "age": 2}]', "an object of the body has 'age' twice; send each name once"),
        ('[{"age": ' + "9" * 5_000 + "}]", "a number of more than 4,300 digits, which is none; send null"),
        ('[{"age": -' + "1" * 4_301 + "}]", "a number of more than 4,300 digits, which is none; send null"),
        ('{"age": NaN}', "NaN is no number; send null where nothing is known"),
    ],
)
def test_what_python_would_take_on_the_quiet_or_advise_on_is_told_the_sender(body: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        parsed(body.encode())
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"rows": "x"}, "`rows` is no list; it must be a list of rows"),
        ({"rows": {"age": 41}}, "`rows` is no list"),
        ({"rows": [ROW, 7]}, "`rows` is a list with what is no object in it"),
    ],
)
def test_rows_that_are_no_list_of_rows_are_called_so(content: object, what: str) -> None:
    with pytest.raises(RequestError, match=what) as refusal:
        checked(rows_of(content), KNOWN)
    assert (refusal.value.status, refusal.value.problems) == (422, ())


def test_a_column_may_be_called_rows() -> None:
    known = (ServedColumn(name="rows", type="number"),)
    assert checked(rows_of({"rows": 7}), known).columns == {"rows": [7]}
    assert checked(rows_of({**ROW, "rows": 7}), KNOWN).ignored == ("rows",)


def test_columns_are_values_in_the_order_of_the_rows_and_others_are_named() -> None:
    rows = checked([{**ROW, "x": 1}, {"age": None, "scan": "", "y": 2}], KNOWN)
    assert rows.columns == {"age": [41, None], "scan": ["aGk=", ""]}
    assert (rows.num_rows, rows.ignored) == (2, ("x", "y"))


def test_an_optional_column_is_asked_where_all_rows_have_it() -> None:
    assert "region" in checked([{**ROW, "region": "north"}], KNOWN).columns
    assert "region" not in checked([{**ROW, "region": "north"}, ROW], KNOWN).columns


def test_each_problem_says_its_row_and_its_column() -> None:
    with pytest.raises(RequestError) as refusal:
        checked([ROW, {"Age": 1, "scan": {}}, 7, {"age": "\ud800", "scan": None}, {"age": [1], "scan": [1]}], KNOWN)
    problems = [(problem.row, problem.column) for problem in refusal.value.problems]
    assert problems == [(2, "age"), (2, "scan"), (3, None), (4, "age"), (5, "age")]
    assert "'Age' is no column: was it meant?" in refusal.value.problems[0].message
    assert refusal.value.message.startswith("row 2: column age is missing")
    assert "give a number" in refusal.value.problems[4].message


def test_problems_are_not_told_without_end() -> None:
    with pytest.raises(RequestError) as refusal:
        checked([{}] * 1_000, KNOWN)
    assert len(refusal.value.problems) < 30


@settings(max_examples=60)
@given(JSON)
def test_whatever_the_json_it_is_rows_or_a_refusal_of_the_caller(content: object) -> None:
    status, rows = 200, None
    try:
        rows = checked(rows_of(parsed(json.dumps(content).encode())), KNOWN)
    except RequestError as error:
        status = error.status
    assert (rows is None) == (status in (400, 422))
    if rows is not None:
        assert all(len(values) == rows.num_rows for values in rows.columns.values())
