"""What it costs to read a CSV of a gigabyte: `python benchmarks/ingest.py`; results in docs/benchmarks.md.

Each measurement is a process of its own, all of them in turn, several rounds; the ratios are medians over the rounds.
polars is asked twice: to read every column of the file and keep its least value (a scan and nothing else), and to write
the file as Parquet, which is what ingest leaves.
"""

from __future__ import annotations

import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from tasks.parallel import num_cores

sys.path.insert(0, str(Path(__file__).parents[1]))

BYTES = 1_000_000_000
ROUNDS = 3
CHUNK = 500_000


def main() -> None:
    """Prints a table; with three arguments, what, the file and a folder, one measurement."""
    if len(sys.argv) == 4:
        print(*_measured(MEASURES[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])))
        return
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print("| what | file | seconds | against polars' scan | against polars to Parquet | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for quoted in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            _write(file, quoted=quoted)
            _compare(file, "with quotes" if quoted else "plain")


def _compare(file: Path, name: str) -> None:
    rounds = [{what: _run(what, file) for what in MEASURES} for _ in range(ROUNDS)]
    for what in MEASURES:
        seconds, memory = zip(*(one[what] for one in rounds), strict=True)
        ratios = [statistics.median(one[what][0] / one[other][0] for one in rounds) for other in ("scan", "to_parquet")]
        print(
            f"| {what} | {name} | {statistics.median(seconds):.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} "
            f"| {max(memory):.0f} MiB |",
            flush=True,
        )


def _run(what: str, file: Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        command = [sys.executable, __file__, what, str(file), folder]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(printed[0]), float(printed[1])


def _measured(measure: Callable[[Path, Path], object], file: Path, folder: Path) -> tuple[float, float]:
    start = time.perf_counter()
    measure(file, folder)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _scan(file: Path, folder: Path) -> None:
    pl.scan_csv(file).select(pl.all().min()).collect(engine="streaming")


def _to_parquet(file: Path, folder: Path) -> None:
    pl.scan_csv(file).sink_parquet(folder / "rows.parquet", compression="zstd")


def _ingest(file: Path, folder: Path) -> None:
    from tasks import ingest
    from tasks.params.ingest import Ingest
    from tasks.paths import Project

    config = Ingest.model_validate({"source": {"kind": "table", "path": str(file)}, "target": "left"})
    ingest.run(config, Project(root=folder).pipeline("rows"))


def _init(file: Path, folder: Path) -> None:
    from tasks.drafting.pipeline import init_pipeline
    from tasks.paths import Project

    (folder / "params.yaml").write_text("pipelines: {}\n")
    init_pipeline(Project(root=folder), "rows", str(file), "left")


MEASURES: dict[str, Callable[[Path, Path], object]] = {
    "scan": _scan,
    "to_parquet": _to_parquet,
    "ingest": _ingest,
    "init": _init,
}


def _write(file: Path, *, quoted: bool) -> None:
    """Rows of numbers, categories, codes with leading zeros and timestamps; `quoted`: every cell of text in quotes."""
    rng = np.random.default_rng(0)
    style = "non_numeric" if quoted else "necessary"
    with file.open("wb") as handle:
        first = 0
        while handle.tell() < BYTES:
            handle.write(_rows(rng, first).write_csv(include_header=not first, quote_style=style).encode())
            first += CHUNK


def _rows(rng: np.random.Generator, first: int) -> pl.DataFrame:
    numbers = {f"number_{place}": np.round(rng.normal(0, 100, CHUNK), 3) for place in range(5)}
    colours = np.array(["red", "green", "blue", "dark violet"])
    categories = {f"colour_{place}": colours[rng.integers(0, 4, CHUNK)] for place in range(3)}
    days, hours = rng.integers(0, 365, CHUNK), rng.integers(0, 24, CHUNK)
    moments = np.datetime64("2024-01-01", "us") + days * np.timedelta64(1, "D") + hours * np.timedelta64(1, "h")
    return pl.DataFrame(
        {
            "id": np.arange(first, first + CHUNK),
            **numbers,
            **categories,
            "zip": [f"{code:05d}" for code in rng.integers(0, 99_999, CHUNK)],
            "since": pl.Series(moments).dt.to_string("%Y-%m-%d %H:%M:%S"),
            "count": rng.integers(0, 1_000, CHUNK),
            "flag": rng.integers(0, 2, CHUNK),
            "left": np.array(["yes", "no"])[rng.integers(0, 2, CHUNK)],
        }
    )


if __name__ == "__main__":
    main()
