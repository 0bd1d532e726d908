"""What encoding raw rows costs a server, and `modelwright predict` a table: `python benchmarks/serving.py`.

Twenty columns in a warm process: ten numbers, five categories, two booleans, two timestamps and a text, a tenth of the
values missing; once as `ingest` types them, and once with the repairs that `clean` gives a recipe.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.answers import answers_table
from tasks.parallel import num_cores
from tasks.params.config import ColumnTypeName
from tasks.params.normalize import Normalize
from tasks.recipe.learning import learn
from tasks.recipe.recipe import Feature, Recipe
from tasks.repair.repair import Repair
from tasks.tables.dataset import Column, Dataset, SourceRecord

NUM_ROWS = 10_000
SECONDS = 2.0
COLUMNS: dict[str, ColumnTypeName] = {
    **{f"number {place}": "number" for place in range(10)},
    **{f"category {place}": "category" for place in range(5)},
    **{f"boolean {place}": "boolean" for place in range(2)},
    **{f"timestamp {place}": "timestamp" for place in range(2)},
    "text": "text",
}
REPAIRS: dict[ColumnTypeName, Repair] = {
    "category": Repair(white_space="all", unicode="NFC"),
    "text": Repair(white_space="ends", unicode="NFC"),
}
"""What clean gives these types when its section says nothing."""


def main() -> None:
    """Learns two recipes, measures, prints a table."""
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    table = _table(np.random.default_rng(0))
    plain = learn([table], _dataset(), Normalize()).recipe
    print("| encode | rows | microseconds (median) | 99th of 100 | budget |")
    print("| --- | --- | --- | --- | --- |")
    for name, recipe in {"as typed": plain, "with clean's repairs": _repairing(plain)}.items():
        for num_rows, budget in {1: "1,000", 1_000: ""}.items():
            typical, slow = _microseconds(recipe, [table[start : start + num_rows] for start in range(0, 5_000, 500)])
            print(f"| {name} | {num_rows:,} | {typical:,.0f} | {slow:,.0f} | {budget} |")
    print("\n| one row of | microseconds (median) |")
    print("| --- | --- |")
    for feature in (plain.features[place] for place in (0, 10, 15, 17, 19)):
        one = Recipe(features=(feature,), target=plain.target, num_inputs=1)
        print(f"| {feature.name} | {_microseconds(one, [table[row : row + 1] for row in range(10)])[0]:,.1f} |")
    print(f"\n{answers_table(table)}")


def _table(random: np.random.Generator) -> pl.DataFrame:
    makers: dict[ColumnTypeName, Callable[[], object]] = {
        "number": lambda: float(random.normal()),
        "category": lambda: f"category {random.integers(60)}",
        "boolean": lambda: bool(random.integers(2)),
        "timestamp": lambda: datetime(2024, 1, 1) + timedelta(seconds=int(random.integers(10**8))),
        "text": lambda: " ".join(f"word{number}" for number in random.zipf(1.5, 20) % 5_000),
    }
    columns = {
        name: [None if random.random() < 0.1 else makers[kind]() for _ in range(NUM_ROWS)]
        for name, kind in COLUMNS.items()
    }
    return pl.DataFrame({**columns, "target": ["yes", "no"] * (NUM_ROWS // 2)})


def _dataset() -> Dataset:
    columns = [Column(name=name, type=kind, role="feature") for name, kind in COLUMNS.items()]
    return Dataset(
        columns=(*columns, Column(name="target", type="category", role="target")),
        task="binary",
        num_rows=NUM_ROWS,
        source=SourceRecord(kind="table", location="made here", digest="0" * 64),
    )


def _repairing(recipe: Recipe) -> Recipe:
    features = tuple(
        Feature(name=feature.name, encoding=feature.encoding, repair=REPAIRS.get(feature.encoding.type))
        for feature in recipe.features
    )
    return Recipe(features=features, target=recipe.target, num_inputs=recipe.num_inputs)


def _microseconds(recipe: Recipe, batches: list[pl.DataFrame]) -> tuple[float, float]:
    """Median and 99th percentile of single calls, after some that warm up."""
    for rows in batches:
        recipe.encode(rows)
    taken = []
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        for rows in batches:
            before = time.perf_counter()
            recipe.encode(rows)
            taken.append((time.perf_counter() - before) * 1e6)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


if __name__ == "__main__":
    main()
