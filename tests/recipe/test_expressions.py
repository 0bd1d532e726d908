from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.recipe.expressions import parse

ROWS = pl.DataFrame(
    {
        "a": [1.0, 2.0, 0.0, None, -1.0],
        "b": [0.0, 4.0, 0.0, 2.0, 1.0],
        "word": ["Ab", "c d", None, "1.5", "2"],
        "start": [None, *(datetime(2024, 3, day, 12, 30) for day in (1, 2, 3, 4))],
        "flag": [True, False, None, True, False],
        "two words": [1.0, 2.0, 3.0, 4.0, 5.0],
    }
)


def values(sql: str, rows: pl.DataFrame = ROWS) -> list[Any]:
    return rows.select(parse(sql).computed.alias("x"))["x"].to_list()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a * b", [0.0, 8.0, 0.0, None, -1.0]),
        ('"two words" + 1', [2.0, 3.0, 4.0, 5.0, 6.0]),
        ("extract(hour from start)", [None, 12, 12, 12, 12]),
        ("extract(isodow from start)", [None, 5, 6, 7, 1]),
        ("start - start", [None, *[timedelta(0)] * 4]),
        ("case when a > 0 then 'up' else 'down' end", ["up", "up", "down", "down", "down"]),
        ("left(word, 1)", ["A", "c", None, "1", "2"]),
        ("greatest(a, b)", [1.0, 4.0, 0.0, 2.0, 1.0]),
        ("upper(word) || '!'", ["AB!", "C D!", None, "1.5!", "2!"]),
        ("word in ('Ab', '2')", [True, False, None, False, True]),
        ("not flag", [False, True, None, False, True]),
        ("word = 'now()'", [False, False, None, False, False]),
    ],
)
def test_an_expression_computes_what_sql_says(sql: str, expected: list[Any]) -> None:
    assert values(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a / b", [None, 0.5, None, None, -1.0]),
        ("a % b", [None, 2.0, None, None, 0.0]),
        ("a // b", [None, 0.0, None, None, -1.0]),
        ("a / nullif(b, 0)", [None, 0.5, None, None, -1.0]),
        ("sqrt(a)", [1.0, math.sqrt(2), 0.0, None, None]),
        ("ln(a)", [0.0, math.log(2), None, None, None]),
        ("exp(1000 * a)", [None, None, 1.0, None, 0.0]),
        ("power(a, 0.5)", [1.0, math.sqrt(2), 0.0, None, None]),
        ("cast(word as double)", [None, None, None, 1.5, 2.0]),
        ("strptime(word, '%Y')", [None] * 5),
    ],
)
def test_a_value_that_cannot_be_computed_is_missing(sql: str, expected: list[Any]) -> None:
    assert values(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        # Were a / 0 infinite, its inverse would be 0, and larger than anything.
        ("1 / (a / b)", [None, 2.0, None, None, -1.0]),
        ("coalesce(a / b, 9)", [9.0, 0.5, 9.0, 9.0, -1.0]),
        ("a / b > 1", [None, False, None, None, False]),
        ("coalesce(sqrt(a), 7)", [1.0, math.sqrt(2), 0.0, 7.0, 7.0]),
        ("sqrt(a) > 3", [False, False, False, None, None]),
    ],
)
def test_what_cannot_be_computed_is_missing_inside_of_an_expression_too(sql: str, expected: list[Any]) -> None:
    assert values(sql) == expected


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("sum(a)", r"looks at other rows \(sum\)"),
        ("a - avg(a)", r"looks at other rows \(mean\)"),
        ("max(a)", r"greatest and least compare columns"),
        ("count(*)", r"looks at other rows \(count\)"),
        ("median(a) + 1", "a row to answer comes alone"),
        ("quantile_cont(a, 0.5)", "looks at other rows"),
        ("corr(a, b)", "looks at other rows"),
        ("array_agg(a)", "looks at other rows"),
        ("unnest(word)", "looks at other rows"),
        ("sum(a) over (partition by word)", r"looks at other rows \(a window\)"),
        ("row_number() over ()", "a window"),
        ("lag(a) over (order by b)", "a window"),
        ("rank() over (order by a)", "a window"),
        ("a > (select max(a) from self)", "asks a query of its own"),
        ("a in (select 1)", "asks a query of its own"),
        ("exists(select 1)", "asks a query of its own"),
        ("now()", "asks what time it is"),
        ("extract(year from now()) - a", "asks what time it is"),
        ("a + extract(year from CURRENT_DATE)", "asks what time it is"),
        ("1 + 1", "names no column"),
        ("a as z", "calls something z"),
        ("two words", "put a name with blanks in double quotes"),
        ("word.length", "put such a name in double quotes"),
        ("date(word)", "as in strptime"),
        ("timestamp(word)", "as in strptime"),
        ("foo(a)", "no such function"),
        ("date_trunc('day', start)", "needs to know types"),
        ("a +", "is no SQL"),
        ("a; drop table x", "is no SQL"),
        ("a, b", "is no SQL"),
        ("a -- and\n+ b", "holds a comment"),
        ("order * 2", "words of SQL's own such as order, stand in double quotes, and the whole"),
        ("", "is no SQL"),
    ],
)
def test_what_a_row_alone_does_not_say_is_refused_with_the_reason(sql: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(sql)


@pytest.mark.parametrize(
    ("refused", "instead"),
    [
        ("max(a)", "greatest(a, b)"),
        ("a - avg(a)", "a - 1.5"),
        ("two words", '"two words"'),
        ("date(word)", "strptime(word, '%d.%m.%Y')"),
        ("date_trunc('day', start)", "strftime(start, '%Y-%m-%d')"),
        ("now()", "start > date '2024-01-01'"),
    ],
)
def test_what_a_refusal_advises_is_taken(refused: str, instead: str) -> None:
    with pytest.raises(UserError):
        parse(refused)
    assert len(values(instead)) == 5


def test_the_columns_that_an_expression_reads() -> None:
    assert parse('a * b + "two words" + a').columns == ("a", "b", "two words")


ROW_WISE = [
    "a * b / (a - b)",
    "exp(a) + ln(b) - power(a, b)",
    "sin(a) + cos(b) + atan2(a, b)",
    "round(a / 3, 2)",
    "sqrt(a * a + b * b)",
    "case when a / b > 1 then a else b end",
    "coalesce(a, b) % 7",
]
NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1.0]))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40), st.sampled_from(ROW_WISE))
def test_a_row_alone_has_the_value_that_it_has_among_others_to_the_last_bit(
    rows: list[tuple[float | None, float | None]], sql: str
) -> None:
    table = pl.DataFrame(rows, schema={"a": pl.Float64, "b": pl.Float64}, orient="row")
    alone = [values(sql, table[number : number + 1])[0] for number in range(table.height)]
    assert values(sql, table) == alone
    assert all(value is None or math.isfinite(value) or abs(value) > 1e300 for value in alone)
