"""Tables as people have them: gaps, rare classes, ids that repeat, groups of one row, rows that stand there twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from hypothesis import assume
from hypothesis import strategies as st

Make = Callable[[np.random.Generator, int], list[Any]]


def _numbers(dice: np.random.Generator, count: int) -> list[Any]:
    return dice.normal(50, 9, count).round(int(dice.integers(0, 4))).tolist()


def _flags(dice: np.random.Generator, count: int) -> list[Any]:
    return dice.integers(0, 2, count).tolist()


def _kinds(dice: np.random.Generator, count: int) -> list[Any]:
    return dice.choice(["red", "green", "blue", "odd"], count, p=[0.5, 0.3, 0.19, 0.01]).tolist()


def _texts(dice: np.random.Generator, count: int) -> list[Any]:
    words = ["late", "broken", "thanks", "order", "again", "never", "please", "refund"]
    return [" ".join(dice.choice(words, dice.integers(3, 9))) + f" nr {number}" for number in range(count)]


def _own_words(dice: np.random.Generator, count: int) -> list[Any]:
    """A word that stands in no other row, as names do."""
    return [f"W{number}x{dice.integers(1_000)} Q{number * 7}z" for number in range(count)]


def _codes(dice: np.random.Generator, count: int) -> list[Any]:
    """An id, which may repeat once, and in a few rows."""
    codes = [f"C{number:05}" for number in range(count)]
    for _ in range(dice.integers(0, 3)):
        codes[dice.integers(count)] = codes[dice.integers(count)]
    return codes


def _groups(dice: np.random.Generator, count: int) -> list[Any]:
    """Customers with many rows, and some with one."""
    return [f"K{number}" for number in (dice.pareto(1.0, count) * 3).astype(int) % 97]


def _days(dice: np.random.Generator, count: int) -> list[Any]:
    return [f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}" for number in dice.integers(0, 336, count)]


def _constant(dice: np.random.Generator, count: int) -> list[Any]:
    return [["same", 20230301181139, 0.1][dice.integers(3)]] * count


def _row_numbers(dice: np.random.Generator, count: int) -> list[Any]:
    return list(range(1000, 1000 + count))


COLUMNS: dict[str, Make] = {
    "width": _numbers,
    "flag": _flags,
    "kind": _kinds,
    "note": _texts,
    "name": _own_words,
    "code": _codes,
    "customer": _groups,
    "seen": _days,
    "constant": _constant,
    "row": _row_numbers,
}
GAPS = (0.0, 0.0, 0.05, 0.5, 0.9, 0.97, 0.995)
STRAYS = ("ERR", "n/a", "?", "unknown", "12.5V", " ")
CLASSES: tuple[tuple[float, ...], ...] = (
    *((0.5, 0.5), (0.97, 0.03), (0.9, 0.1)),
    *((0.4, 0.3, 0.3), (0.6, 0.38, 0.02), (0.3, 0.3, 0.2, 0.1, 0.07, 0.02, 0.01)),
)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """A table of text cells with the target `outcome`, of which something can be learnt from `width` or `kind`."""
    count = draw(st.integers(60, 400))
    dice = np.random.default_rng(draw(st.integers(0, 10**6)))
    names = ["width", "kind", *draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True, max_size=6))]
    columns = {}
    for name in dict.fromkeys(names):
        # Something must be there to learn from: the others may be missing nearly everywhere.
        gaps = GAPS[:4] if name in ("width", "kind") else GAPS
        columns[name] = _with_gaps(draw, dice, COLUMNS[name](dice, count), gaps)
    columns["outcome"] = _target(draw, dice, count)
    rows = pl.DataFrame({name: pl.Series(cells, dtype=pl.String) for name, cells in columns.items()})
    assume(_has_something_to_learn(rows))
    again = draw(st.sampled_from([0, 0, 0, 3, count // 3]))
    return pl.concat([rows, rows.head(again)])


def _has_something_to_learn(rows: pl.DataFrame) -> bool:
    """Five rows of two classes at least: one or two for each part."""
    usable = rows.unique().filter(
        pl.col("outcome").is_not_null() & ~pl.all_horizontal(pl.all().exclude("outcome").is_null())
    )
    counts = usable["outcome"].alias("value").value_counts()["count"]
    return counts.len() > 20 or int((counts >= 5).sum()) >= 2


def _with_gaps(
    draw: st.DrawFn, dice: np.random.Generator, values: list[Any], gaps: tuple[float, ...]
) -> list[str | None]:
    share, stray = draw(st.sampled_from(gaps)), draw(st.sampled_from([None, None, *STRAYS]))
    cells = [None if dice.random() < share else str(value) for value in values]
    if stray:
        cells[dice.integers(len(cells))] = stray
    return cells


def _target(draw: st.DrawFn, dice: np.random.Generator, count: int) -> list[str | None]:
    shares = draw(st.sampled_from([(), *CLASSES]))
    if not shares:
        return [str(round(float(value), 2)) for value in dice.normal(100, 20, count)]
    named = ("no", "yes", "maybe", "never", "soon", "late", "gone")
    if draw(st.booleans()):
        named = tuple(str(number) for number in range(7))
    classes = dice.choice(named[: len(shares)], count, p=shares).tolist()
    # Of two classes, some rows of each: of one nothing can be learnt.
    for place, name in enumerate(named[:2] * draw(st.integers(5, 9))):
        classes[place] = name
    if draw(st.booleans()):
        classes = [None if dice.random() < 0.1 else name for name in classes[:-1]] + classes[-1:]
    return [None if name is None else str(name) for name in classes]
