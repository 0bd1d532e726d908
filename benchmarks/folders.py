"""What a folder of very many small images costs: `python benchmarks/folders.py`; results in docs/benchmarks.md.

Each measurement is a process of its own, through the command. Its processor time is given beside the seconds, as others
disturb that less. What it is held against is a plain loop that reads every file and writes the rows as Parquet, in a
process of its own too; the ratio is the median over pairs (A B A B ...).

A run in which nothing changed goes by the snapshot once all nine stages have been run. Here that is made of the images
and what ingest left, as the stages behind it would train for hours. `--dvc` adds such a folder to DVC itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.parallel import num_cores
from tests.projects import environment

NUM_CLASSES = 10
PAIRS = 3
SIDE = 32
ROW = 3 * SIDE
POOL = 1 << 24
"""Bytes of noise that pictures are cut from."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ROWS_PER_PART = 100_000

PARAMS = """\
pipelines:
  photos:
    ingest: {source: {kind: folder, path: photos}, target: label}
    validate: {}
    clean: {}
    split: {}
    normalize: {image: {height: 8, width: 8, channels: 1}}
    augment: {}
    train: {kind: torch, network: {kind: mlp, hidden: [16]}, epochs: 1, batch_size: 1024, learning_rate: 0.001}
    evaluate: {}
    register: {metric: accuracy}
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one process, with all that it started and waited for."""

    seconds: float
    processor: float
    memory_mib: float


def main() -> None:
    """Makes folder and project, measures, prints a table; with --loop, is the plain loop."""
    options = _options()
    if options.loop:
        _plain_loop(*options.loop)
        return
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print("| what | images | seconds | processor time | against the plain loop | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = _project(Path(folder), options.images)
        _ingest(root, options.images, options.pairs)
        _nothing_changed(root, options.images, "nothing changed, the source is asked")
        _new_file(root, options.images)
        _remember(root)
        _nothing_changed(root, options.images, "nothing changed, by the snapshot")
        if options.dvc:
            _dvc(root, options.images)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?", type=int, default=600_000)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of the first run and the plain loop")
    parser.add_argument("--dvc", action="store_true", help="`dvc add` of the folder, too")
    parser.add_argument("--loop", nargs=2, type=Path, metavar=("FOLDER", "TABLE"), help=argparse.SUPPRESS)
    return parser.parse_args()


def _project(root: Path, num_images: int) -> Path:
    from tasks.scaffold.new_project import new_project

    project = new_project(root / "project").project
    project.params.write_text(PARAMS)
    _draw(project.root / "photos", num_images)
    _command(project.root, "expect", "photos", "--write")
    return project.root


def _draw(folder: Path, num_images: int) -> None:
    """Images of 32 x 32 in three colours, of noise: some 3 kB each, no two the same, and packed no smaller."""
    for label in range(NUM_CLASSES):
        (folder / f"class-{label}").mkdir(parents=True)
    for number in range(num_images):
        # In no order of classes, as a photographer comes by them.
        file = f"{folder}/class-{number * 7 % NUM_CLASSES}/{number:07d}.png"
        with open(file, "wb") as handle:  # noqa: PTH123 (a Path for each costs as much as the file)
            handle.write(_picture(number))


def _picture(number: int) -> bytes:
    # An odd step through a power of two comes to every place once.
    start = number * 1_000_003 % POOL
    # A line begins with the number of its filter: 0 is none.
    lines = b"".join(b"\0" + _noise()[place : place + ROW] for place in range(start, start + ROW * SIDE, ROW))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 0)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def _noise() -> bytes:
    return random.Random(0).randbytes(POOL + ROW * SIDE)


def _ingest(root: Path, num_images: int, pairs: int) -> None:
    """The first run and the plain loop, in turn; what the last first run left is there for what follows."""
    costs = []
    for _ in range(pairs):
        _forget(root)
        ours = _command(root, "run", "photos", "--plain", "--to", "ingest")
        with tempfile.TemporaryDirectory(dir=root) as table:
            costs.append((ours, _cost(root, sys.executable, __file__, "--loop", str(root / "photos"), table)))
    ratio = statistics.median(ours.seconds / loop.seconds for ours, loop in costs)
    of_processor = statistics.median(ours.processor / loop.processor for ours, loop in costs)
    ours, loop = (_median(list(column)) for column in zip(*costs, strict=True))
    _row("plain loop: every file read, rows to Parquet", num_images, loop)
    _row("first run, to ingest", num_images, ours, f"{ratio:.2f} (processor time {of_processor:.2f})")


def _forget(root: Path) -> None:
    """All that earlier runs left."""
    for name in ("data", "dvc.lock", ".dvc/cache", ".dvc/tmp", ".modelwright"):
        place = root / name
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)


def _nothing_changed(root: Path, num_images: int, what: str) -> None:
    runs = [_command(root, "run", "photos", "--plain", "--to", "ingest") for _ in range(PAIRS)]
    _row(what, num_images, _median(runs))


def _remember(root: Path) -> None:
    from tasks.memo import snapshot
    from tasks.paths import Project

    roots = ["params.yaml", "photos", "data/photos"]
    paths = Project(root=root).pipeline("photos")
    snapshot.remember(paths, roots, snapshot.take(root, roots), root / ".dvc" / "cache")


def _new_file(root: Path, num_images: int) -> None:
    """One more picture, among the first: all rows behind it have another number."""
    runs = []
    for number in range(PAIRS):
        (root / "photos" / "class-0" / f"0000000-{number}.png").write_bytes(_picture(num_images + number))
        runs.append(_command(root, "run", "photos", "--plain", "--to", "ingest"))
    _row("one new file, to ingest", num_images, _median(runs))


def _dvc(root: Path, num_images: int) -> None:
    _row("`dvc add` of the folder", num_images, _cost(root, sys.executable, "-m", "dvc", "add", "--quiet", "photos"))


def _plain_loop(folder: Path, table: Path) -> None:
    """What one would write by hand: in the order of names, one pass, a part in memory."""
    import polars as pl

    names = sorted(f"{path[len(str(folder)) + 1 :]}/{name}" for path, _, files in os.walk(folder) for name in files)
    for first in range(0, len(names), ROWS_PER_PART):
        chosen = names[first : first + ROWS_PER_PART]
        contents = [(folder / name).read_bytes() for name in chosen]
        labels = [name.partition("/")[0] for name in chosen]
        part = pl.DataFrame({"file": chosen, "image": contents, "label": labels})
        part.write_parquet(table / f"{first}.parquet", compression="zstd", compression_level=1)


def _command(root: Path, *arguments: str) -> Cost:
    return _cost(root, sys.executable, "-m", "tasks.command.cli", *arguments)


def _cost(root: Path, *command: str) -> Cost:
    """Of a command that must go well."""
    start = time.perf_counter()
    started = subprocess.Popen(
        command, cwd=root, env=environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert started.stderr is not None
    said = started.stderr.read()
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert not started.returncode, said.decode()
    return _of(time.perf_counter() - start, usage)


def _of(seconds: float, usage: resource.struct_rusage) -> Cost:
    return Cost(seconds=seconds, processor=usage.ru_utime + usage.ru_stime, memory_mib=usage.ru_maxrss / 1024)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        seconds=statistics.median(cost.seconds for cost in costs),
        processor=statistics.median(cost.processor for cost in costs),
        memory_mib=max(cost.memory_mib for cost in costs),
    )


def _row(what: str, num_images: int, cost: Cost, ratio: str = "") -> None:
    cells = (what, f"{num_images:,}", f"{cost.seconds:.1f}", f"{cost.processor:.1f}", ratio)
    print(f"| {' | '.join(cells)} | {cost.memory_mib:,.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
