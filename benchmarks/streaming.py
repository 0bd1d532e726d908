"""What streaming costs the training loop, against rows that are held: `python benchmarks/streaming.py`.

Both go through the same rows in this process, in turn (A B A B ...): first without a network, which shows how fast
rows come, then with a small MLP and a small CNN that learn from them. Results with their machine stand in
docs/benchmarks.md.
"""

from __future__ import annotations

import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Field, Spec
from tasks.parallel import num_cores
from tasks.tables import storage
from tasks.trainers.torch.batches import Batches, Data, StreamingBatches, TargetScale, make_batches

RUNS = 3
PART_ROWS = 2**23 // 784
NUM_PARTS = 12
STEP_ROWS = 128
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SCAN = Field(name="scan", kind="image", shape=(1, 28, 28), factor=(1 / 255,), offset=(0.0,))
SPEC = Spec(fields=(SCAN,), task="multiclass", classes=tuple("0123456789"))


def main() -> None:
    """Makes the rows, measures, prints a table."""
    # Threads that learn wait for each other on a core that reads, and what is measured would be their waiting.
    torch.set_num_threads(max(1, num_cores() - 1))
    machine = f"{platform.processor() or platform.machine()}, {num_cores()} cores, {DEVICE.type}"
    print(f"{machine}, torch {torch.__version__}\n")
    with tempfile.TemporaryDirectory() as folder:
        examples = _rows(Path(folder, "rows"))
        before = _peak()
        streamed = _batches(examples, max_bytes=0)
        assert isinstance(streamed, StreamingBatches)
        print(f"{examples.num_rows:,} rows, {examples.num_bytes >> 20} MiB in {NUM_PARTS} parts, {STEP_ROWS} a step")
        _measure(streamed, _learner(_cnn()), epoch=0)
        print(f"peak memory of streaming and learning: {_peak() - before} MiB more than before\n")
        held = _batches(examples, max_bytes=examples.num_bytes)
        print("| what | held, steps/s | streamed, steps/s | ratio (median of pairs) | share of waiting |")
        print("| --- | --- | --- | --- | --- |")
        _report("rows alone", _nothing, streamed, held)
        _report("MLP 784-500-10, SGD", _learner(_mlp()), streamed, held)
        _report("CNN 8-16, SGD", _learner(_cnn()), streamed, held)


def _report(name: str, learn: Callable[[Data], None], streamed: Batches, held: Batches) -> None:
    pairs, shares = [], []
    for run in range(RUNS):
        waited = streamed.waited
        pairs.append((_measure(held, learn, run), _measure(streamed, learn, run)))
        shares.append((streamed.waited - waited) * pairs[-1][1] / streamed.num_steps)
    ratio = statistics.median(ours / plain for plain, ours in pairs)
    plain, ours = (statistics.median(speeds) for speeds in zip(*pairs, strict=True))
    print(f"| {name} | {plain:,.0f} | {ours:,.0f} | {ratio:.2f} | {statistics.median(shares):.1%} |", flush=True)


def _measure(batches: Batches, learn: Callable[[Data], None], epoch: int) -> float:
    """Steps a second over one epoch."""
    since = time.perf_counter()
    for data in batches.epoch(epoch):
        learn(data)
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return batches.num_steps / (time.perf_counter() - since)


def _batches(examples: StoredExamples, max_bytes: int) -> Batches:
    return make_batches(examples, SPEC, TargetScale(), step_rows=STEP_ROWS, device=DEVICE, max_bytes=max_bytes, seed=0)


def _nothing(data: Data) -> None:
    assert len(data)


def _learner(network: nn.Module) -> Callable[[Data], None]:
    network.to(DEVICE)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)

    def learn(data: Data) -> None:
        loss = nn.functional.cross_entropy(network(data.blocks["scan"].float() / 255), data.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return learn


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 500), nn.Sigmoid(), nn.Linear(500, 10))


def _cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 25, 10)),
    )


def _rows(folder: Path) -> StoredExamples:
    """Noise around a digit's place, which compresses about as badly as photographs do."""
    random = np.random.default_rng(0)

    def part() -> pl.DataFrame:
        scans = random.integers(0, 256, (PART_ROWS, 1, 28, 28), dtype=np.uint8)
        target = pl.Series("digit", random.integers(0, 10, PART_ROWS))
        return pl.DataFrame([to_series("scan", SCAN, scans), target])

    storage.write_parts(folder, (part() for _ in range(NUM_PARTS)))
    return StoredExamples(spec=SPEC, target="digit", files=tuple(storage.part_files(folder)))


def _peak() -> int:
    """MiB that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
