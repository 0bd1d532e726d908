"""What validate costs as rows grow: `python benchmarks/validate.py`; results with their machine in docs/benchmarks.md.

Peak memory is the highest resident set of a process of its own per size, Great Expectations and all.
"""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.parallel import num_cores

sys.path.insert(0, str(Path(__file__).parents[1]))

ROWS_PER_PART = 100_000
SIZES = (200_000, 2_000_000)
NAME = "benchmark"


def main() -> None:
    """Prints a table; with two arguments, a folder and a number of rows, one measurement."""
    if len(sys.argv) == 3:
        print(*_measured(Path(sys.argv[1]), int(sys.argv[2])))
        return
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print("| rows x 10 columns | suite | seconds in validate | peak memory |")
    print("| --- | --- | --- | --- |")
    for suite in ("drafted", "hard"):
        for num_rows in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                _prepare(Path(folder), num_rows, suite)
                command = [sys.executable, __file__, folder, str(num_rows)]
                printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, mebibytes = printed.split()
            print(f"| {num_rows:,} | {suite} | {seconds} | {mebibytes} MiB |")


def _parts(num_rows: int) -> Iterator[object]:
    import numpy as np
    import polars as pl

    generator = np.random.default_rng(0)
    for start in range(0, num_rows, ROWS_PER_PART):
        count = min(ROWS_PER_PART, num_rows - start)
        numbers = {f"x{column}": generator.normal(size=count) for column in range(6)}
        texts = {f"c{column}": generator.choice(["a", "b", "c", "d"], count) for column in range(3)}
        yield pl.DataFrame({**numbers, **texts, "id": np.arange(start, start + count, dtype=float)})


def _prepare(root: Path, num_rows: int, suite: str) -> None:
    from tasks import files
    from tasks.paths import Project
    from tasks.tables import storage
    from tasks.tables.dataset import Column, Dataset, SourceRecord, read_dataset, write_dataset
    from tasks.validation.expectations import draft_suite

    paths = Project(root=root).pipeline(NAME)
    storage.write_parts(paths.raw, _parts(num_rows))  # type: ignore[arg-type]
    names = next(storage.read_parts(paths.raw)).columns
    columns = tuple(
        Column(
            name=name,
            type="category" if name[0] == "c" else "number",
            role="target" if name == "c0" else "id" if name == "id" else "feature",
        )
        for name in names
    )
    source = SourceRecord(kind="table", location="made here", digest="1")
    write_dataset(paths.dataset, Dataset(columns=columns, task="multiclass", num_rows=num_rows, source=source))
    content = draft_suite(NAME, read_dataset(paths.dataset), storage.read_parts(paths.raw))
    if suite == "hard":
        content["expectations"] += [
            {"type": f"expect_column_{kind}", "kwargs": kwargs, "severity": "warning"} for kind, kwargs in _hard()
        ]
    files.write_json(paths.suite, content)


def _hard() -> list[tuple[str, dict[str, object]]]:
    """Expectations that need all of a column: its order, its duplicates, its distribution."""
    return [
        ("values_to_be_unique", {"column": "id"}),
        ("values_to_be_increasing", {"column": "id"}),
        ("median_to_be_between", {"column": "x0", "min_value": -1, "max_value": 1}),
        ("stdev_to_be_between", {"column": "x1", "min_value": 0.5, "max_value": 2}),
        ("value_z_scores_to_be_less_than", {"column": "x2", "threshold": 9, "double_sided": True}),
        ("proportion_of_unique_values_to_be_between", {"column": "x3", "min_value": 0.5}),
        ("distinct_values_to_be_in_set", {"column": "c1", "value_set": ["a", "b", "c", "d"]}),
    ]


def _measured(root: Path, num_rows: int) -> tuple[str, str]:
    from tasks import validate
    from tasks.params.validate import Validate
    from tasks.paths import Project

    start = time.perf_counter()
    report = validate.run(Validate(), Project(root=root).pipeline(NAME))
    seconds = time.perf_counter() - start
    assert report.numbers["num_rows"] == num_rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{seconds:.1f}", f"{peak:.0f}"


if __name__ == "__main__":
    main()
