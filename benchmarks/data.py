"""Validate, clean, split and normalize against the same by hand: `python benchmarks/data.py [ROWS ...]`.

Tables of 20 mixed columns; each measurement is a process of its own, and its memory the highest resident set. By hand
is (a) pandas with scikit-learn's ColumnTransformer and (b) polars, both with the whole table in memory and no more than
the files at both ends; see by_hand.py. Results with their machine stand in docs/benchmarks.md.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.parallel import num_cores

sys.path.insert(0, str(Path(__file__).parents[1]))

Stages = dict[str, Callable[[], Any]]

SIZES = (100_000, 1_000_000, 10_000_000)
ROWS_PER_PART = 100_000
NAME = "benchmark"
CATEGORIES = (3, 10, 30, 100, 500)


def main() -> None:
    """Prints a table; with a contender, a folder and a number of rows, one measurement as JSON."""
    if len(sys.argv) == 4 and sys.argv[1] in CONTENDERS:
        print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
        return
    sizes = [int(size.replace("_", "")) for size in sys.argv[1:]] or SIZES
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print("| rows x 20 columns | who | seconds (each stage) | rows a second | times (a) | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for num_rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), num_rows)
            _compare(Path(folder), num_rows)


def _compare(folder: Path, num_rows: int) -> None:
    slowest: float | None = None
    for contender in CONTENDERS:
        command = [sys.executable, __file__, contender, str(folder), str(num_rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["killed: out of memory"])[-1]
            print(f"| {num_rows:,} | {contender} | did not finish: {last[:80]} | | | |", flush=True)
            continue
        found = json.loads(done.stdout.strip().splitlines()[-1])
        seconds = sum(found["seconds"].values())
        slowest = slowest or (seconds if contender == "pandas" else None)
        stages = ", ".join(f"{stage} {value:.2f}" for stage, value in found["seconds"].items())
        times = f"{slowest / seconds:.1f}" if slowest else ""
        print(
            f"| {num_rows:,} | {contender} | {seconds:.2f} ({stages}) | {num_rows / seconds:,.0f} | {times} "
            f"| {found['mebibytes']:,.0f} MiB |",
            flush=True,
        )


def parts(num_rows: int) -> Iterator[Any]:
    """The rows: eight numbers, half of them with gaps, three of whole numbers, five categories, one boolean, one
    timestamp, an id and the target; one row in a thousand stands twice."""
    import numpy as np
    import polars as pl

    for start in range(0, num_rows, ROWS_PER_PART):
        generator = np.random.default_rng(start)
        count = min(ROWS_PER_PART, num_rows - start)
        columns: dict[str, Any] = {}
        for number in range(8):
            values = pl.Series(generator.normal(size=count) * 10**number)
            gaps = pl.Series(generator.random(count) < (0.05 if number % 2 else 0))
            columns[f"x{number}"] = values.set(gaps, None)
        for number in range(3):
            columns[f"whole{number}"] = generator.integers(0, 1_000, count).astype(float)
        for number, size in enumerate(CATEGORIES):
            names = np.array([f"category {place}" for place in range(size)])
            columns[f"kind{number}"] = names[generator.integers(0, size, count)]
        columns["flag"] = generator.random(count) < 0.3
        seconds = generator.integers(10**9, 1_700_000_000, count)
        columns["when"] = pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))
        columns["id"] = pl.Series(np.arange(start, start + count)).cast(pl.String)
        columns["label"] = np.where(generator.normal(size=count) + columns["x0"].to_numpy() > 0.5, "yes", "no")
        part = pl.DataFrame(columns)
        twice = np.arange(0, count, 1_000)
        source = np.arange(count)
        source[twice[1:]] = twice[1:] - 1
        yield part[source].with_columns(part["id"])


def prepare(root: Path, num_rows: int) -> None:
    """raw/ with its description and a drafted suite."""
    from tasks import files
    from tasks.paths import Project
    from tasks.tables import storage
    from tasks.tables.dataset import Column, Dataset, SourceRecord, write_dataset
    from tasks.validation.expectations import draft_suite

    paths = Project(root=root).pipeline(NAME)
    storage.write_parts(paths.raw, parts(num_rows))
    names = next(storage.read_parts(paths.raw)).columns
    types = {"x": "number", "w": "number", "k": "category", "f": "boolean", "i": "category", "l": "category"}
    roles = {"id": "id", "label": "target"}
    columns = tuple(
        Column(name=n, type="timestamp" if n == "when" else types[n[0]], role=roles.get(n, "feature"))  # type: ignore[arg-type]
        for n in names
    )
    source = SourceRecord(kind="table", location="made here", digest="1")
    dataset = Dataset(columns=columns, task="binary", num_rows=num_rows, source=source)
    write_dataset(paths.dataset, dataset)
    files.write_json(paths.suite, draft_suite(NAME, dataset, storage.read_parts(paths.raw)))


def measured(contender: str, root: Path, num_rows: int) -> dict[str, Any]:
    """Seconds a stage, and the process's highest resident set in MiB. Imports are not counted."""
    stages = CONTENDERS[contender](root)
    seconds = {}
    for name, work in stages.items():
        start = time.perf_counter()
        work()
        seconds[name] = time.perf_counter() - start
    return {"seconds": seconds, "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def modelwright(root: Path) -> Stages:
    """The four stages as they are, with default settings."""
    from tasks import clean, normalize, split, validate
    from tasks.params.clean import Clean
    from tasks.params.normalize import Normalize
    from tasks.params.split import HashSplit
    from tasks.params.validate import Validate
    from tasks.paths import Project

    paths = Project(root=root).pipeline(NAME)
    _warm_up()
    return {
        "validate": lambda: validate.run(Validate(), paths),
        "split": lambda: split.run(HashSplit(), paths),
        "clean": lambda: clean.run(Clean(), paths),
        "normalize": lambda: normalize.run(Normalize(), paths),
    }


def pandas(root: Path) -> Stages:
    """pandas with scikit-learn's ColumnTransformer."""
    from benchmarks.by_hand import Pandas

    return Pandas(root / "data" / NAME).stages()


def polars(root: Path) -> Stages:
    """polars, by hand."""
    from benchmarks.by_hand import Polars

    return Polars(root / "data" / NAME).stages()


def _warm_up() -> None:
    """Libraries are imported inside of functions, and a script would have them at its top."""
    import great_expectations  # noqa: F401
    import pandas  # noqa: F401
    import sklearn.preprocessing  # noqa: F401


CONTENDERS: dict[str, Callable[[Path], Stages]] = {
    "pandas": pandas,
    "polars": polars,
    "modelwright": modelwright,
}

if __name__ == "__main__":
    main()
