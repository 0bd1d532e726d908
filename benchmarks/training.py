"""What the training loop costs, and what its settings are worth: `python benchmarks/training.py [SECTION ...]`.

Sections are loop, determinism, ways, checkpoints and workers; all of them when none is named. What is compared runs in
this process, in turn (A B A B ...), with one thread and by its processor time, which others on the machine disturb
least; a GPU, and workers, are timed by the clock. Results with their machine stand in docs/benchmarks.md, and what
streaming costs is measured by benchmarks/streaming.py.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.networks import build
from tasks.parallel import num_cores
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job
from tasks.trainers.torch.checkpoints import write_checkpoint
from tasks.trainers.torch.devices import deterministic, fastest, own_random_numbers
from tasks.trainers.torch.listeners import BestWeights
from tasks.trainers.torch.loop import fit, run_epoch, train_step
from tasks.trainers.torch.optimizers import make_optimizer
from tasks.trainers.torch.speed import Way
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.steps import drawn
from tasks.trainers.torch.workers import ALONE, joined

RUNS = 7
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PLAIN = Way(precision="float32", layout="contiguous", compile=False)
LAST = Way(precision="float32", layout="channels_last", compile=False)
BF16 = Way(precision="bf16", layout="contiguous", compile=False)
BF16_LAST = Way(precision="bf16", layout="channels_last", compile=False)
COMPILED = Way(precision="float32", layout="contiguous", compile=True)
BF16_LAST_COMPILED = Way(precision="bf16", layout="channels_last", compile=True)
MLP = {"kind": "mlp", "dropout": 0}
SMALL_CNN = {"kind": "cnn", "channels": [8, 16], "convolutions": 1, "dropout": 0}
CNN = {"kind": "cnn", "channels": [16, 32], "dropout": 0}


def main(arguments: list[str]) -> None:
    """Measures, prints tables."""
    sections = {
        "loop": _loop,
        "determinism": _determinism,
        "ways": _ways,
        "checkpoints": _checkpoints,
        "workers": _workers,
    }
    machine = f"{platform.processor() or platform.machine()}, {num_cores()} cores, {DEVICE.type}"
    print(f"{machine}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    torch.set_num_threads(1)
    for name in arguments or sections:
        print(flush=True)
        sections[name]()


def _loop() -> None:
    """Our loop against the same steps in a loop of plain torch, which must end with the same weights, and against as
    many steps over torch's DataLoader."""
    columns = [
        "plain, us a step (best)",
        "ours",
        "ratio of the best",
        "median of pairs",
        "DataLoader",
        "times ours (median)",
    ]
    print(f"| the loop against plain torch | {' | '.join(columns)} |")
    print("| --- " * (1 + len(columns)) + "|")
    with deterministic():
        _against_plain("MLP 128-64, 20 numbers, batches of 64", _table(64 * 200), MLP, 64)
        _against_plain("CNN 8-16, 28 x 28, batches of 128", _pictures(128 * 20), SMALL_CNN, 128)


def _against_plain(name: str, job: Job, network: dict[str, Any], batch_size: int) -> None:
    training = _training(job, network, batch_size)
    training.learn_mode()
    plain = _PlainEpoch(job, training.config)
    loaded = _LoaderEpoch(job, training.config)
    threes = [
        (_seconds(lambda e=epoch: plain(e)), _seconds(lambda: run_epoch(training, [])), _seconds(loaded))
        for epoch in range(RUNS + 1)
    ]
    pairs, of_loader = [three[:2] for three in threes], [three[1:] for three in threes]
    (bare, ours), (_, loader) = _best(pairs), _best(of_loader)
    bare, ours, loader = (seconds / training.batches.num_steps * 1e6 for seconds in (bare, ours, loader))
    ratios = f"{ours / bare:.2f} | {_ratio(pairs):.2f} | {loader:,.0f} | {_ratio(of_loader):.2f}"
    print(f"| {name} | {bare:,.0f} | {ours:,.0f} | {ratios} |", flush=True)
    mine = zip(training.network.parameters(), plain.network.parameters(), strict=True)
    assert all(torch.allclose(own, other, atol=1e-4) for own, other in mine), "not the same steps"


class _PlainEpoch:
    """A loop as one writes it by hand: the same network, optimizer, and order of the rows."""

    def __init__(self, job: Job, config: TorchTrain) -> None:
        with own_random_numbers(DEVICE, config.seed):
            self.network: nn.Module = build(config.network, job.spec).to(DEVICE)
        self._optimizer, self._config = make_optimizer(self.network, config), config
        examples = job.train.loaded()
        self._rows = torch.from_numpy(examples.inputs.blocks["x"]).to(DEVICE)
        self._target = torch.from_numpy(examples.target).to(DEVICE)

    def __call__(self, epoch: int) -> None:
        self.network.train()
        order = drawn(len(self._target), self._config.seed, epoch).to(DEVICE)
        for rows in order.split(self._config.batch_size):
            self.step(self._rows[rows], self._target[rows])

    def step(self, rows: torch.Tensor, target: torch.Tensor) -> None:
        loss = functional.cross_entropy(self.network({"x": rows}), target)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()


class _LoaderEpoch:
    """The same by torch's DataLoader over rows in memory, as its tutorials have it; an order of its own."""

    def __init__(self, job: Job, config: TorchTrain) -> None:
        self._plain, examples = _PlainEpoch(job, config), job.train.loaded()
        rows = TensorDataset(torch.from_numpy(examples.inputs.blocks["x"]), torch.from_numpy(examples.target))
        self._batches = DataLoader(rows, batch_size=config.batch_size, shuffle=True)

    def __call__(self) -> None:
        self._plain.network.train()
        for rows, target in self._batches:
            self._plain.step(rows.to(DEVICE), target.to(DEVICE))


def _determinism() -> None:
    """The same steps in float32, strict and off."""
    print("| determinism, float32 | off, ms a step (best) | strict | ratio of the best | median of pairs |")
    print("| --- | --- | --- | --- | --- |")
    cases = [("MLP 128-64", _table(64 * 100), MLP, 64, 100), ("CNN 16-32", _pictures(1_280), CNN, 128, 2)]
    for name, job, network, batch_size, num_steps in cases:
        training = _training(job, network, batch_size)
        data = next(iter(training.batches.epoch(0)))
        training.learn_mode()

        def steps(mode: Callable[[], AbstractContextManager[None]]) -> float:
            with mode():
                return _seconds(lambda: [train_step(training, data) for _ in range(num_steps)])  # noqa: B023

        pairs = [(steps(fastest), steps(deterministic)) for _ in range(RUNS + 1)]
        off, strict = (1e3 * seconds / num_steps for seconds in _best(pairs))
        print(f"| {name} | {off:.2f} | {strict:.2f} | {strict / off:.2f} | {_ratio(pairs):.2f} |", flush=True)


def _ways() -> None:
    """Precision, how images lie in memory, and torch.compile, on one CNN, a step each in turn."""
    print("| CNN 16-32, batches of 128, determinism off | steps a second | times the plain way (median) |")
    print("| --- | --- | --- |")
    ways = [PLAIN, LAST, BF16, BF16_LAST, COMPILED, BF16_LAST_COMPILED]
    trainings, job = [], _pictures(1_280)
    with fastest():
        for way in ways:
            training = _training(job, CNN, 128)
            training.learn_mode()
            training.use(way)
            trainings.append(training)
        data = next(iter(trainings[0].batches.epoch(0)))
        since = time.perf_counter()
        for training in trainings:
            # One after the other, as what one compiles another's `use` forgets.
            train_step(training, data), train_step(training, data)
        began = time.perf_counter() - since
        rounds = [[_seconds(lambda t=t: train_step(t, data)) for t in trainings] for _ in range(RUNS)]
    for number, way in enumerate(ways):
        seconds = [times[number] for times in rounds]
        speed_up = statistics.median(times[0] / times[number] for times in rounds)
        print(f"| {way.in_words()} | {1 / min(seconds):.2f} | {speed_up:.2f} |")
    print(f"\nall first steps together, two of them compiling: {began:.0f} s", flush=True)


def _checkpoints() -> None:
    """A checkpoint of AdamW's two states, the weights and the best ones, written to last."""
    print("| weights | checkpoint | seconds (median) | share of training, one each 2 minutes |")
    print("| --- | --- | --- | --- |")
    for hidden in ([300, 300], [3_100, 3_100]):
        training = _training(_table(256), {**MLP, "hidden": hidden}, 64, epochs=1)
        fit(training, [BestWeights()])
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "checkpoints").mkdir()
            times = []
            for _ in range(RUNS):
                since = time.perf_counter()
                write_checkpoint(Path(folder, "checkpoints"), training)
                times.append(time.perf_counter() - since)
            size = sum(file.stat().st_size for file in Path(folder, "checkpoints").iterdir())
        weights, seconds = sum(weight.numel() for weight in training.network.parameters()), statistics.median(times)
        print(f"| {weights:,} | {size / 2**20:,.1f} MiB | {seconds:.3f} | {seconds / 120:.2%} |", flush=True)


def _workers() -> None:
    """Two processes of one thread each against one process of two threads, in turn; starting is not counted."""
    print("| CNN 16-32, a step of 256 rows | ms a step (best) | rows a second |")
    print("| --- | --- | --- |")
    one = [sys.executable, __file__, "worker"]
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", __file__, "worker"]
    pairs = [(_told(one, threads=2), _told(two, threads=1)) for _ in range(3)]
    for name, best in zip(("1 process, 2 threads", "2 processes, 1 thread each"), _best(pairs, warm_up=0), strict=True):
        print(f"| {name} | {best * 1e3:,.0f} | {256 / best:,.0f} |")
    print(f"\ntwo processes against one (median of pairs): {_ratio(pairs, warm_up=0):.2f} times as long a step")


def worker() -> None:
    """One of the processes that `workers` measures: takes some steps and says how long the fastest took."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with joined(DEVICE.type) as workers, deterministic():
        training = _training(_pictures(512), {**CNN, "norm": "none"}, 256, workers=workers)
        training.learn_mode()
        data = next(iter(training.batches.epoch(0)))
        train_step(training, data)
        times = [_seconds(lambda: train_step(training, data), time.perf_counter) for _ in range(5)]
    if workers.is_first:
        print(min(times))


def _told(command: list[str], threads: int) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _training(job: Job, network: dict[str, Any], batch_size: int, workers: Any = ALONE, epochs: int = 1000) -> Training:
    settings = {"batch_size": batch_size, "epochs": epochs, "schedule": "constant"}
    config = TorchTrain.model_validate({"kind": "torch", "network": network, "device": DEVICE.type, **settings})
    with ExitStack() as stack:
        stack.enter_context(own_random_numbers(DEVICE, config.seed))
        return Training(job, config, workers.device(DEVICE), workers)


def _table(num_rows: int) -> Job:
    values = np.random.default_rng(0).standard_normal((num_rows, 20)).astype(np.float32)
    spec = Spec(fields=(Field(name="x", kind="dense", shape=(20,)),), task="binary", classes=("no", "yes"))
    return _job(spec, values, (values[:, 0] > 0).astype(np.int64))


def _pictures(num_rows: int) -> Job:
    random = np.random.default_rng(0)
    field = Field(name="x", kind="image", shape=(1, 28, 28), factor=(1 / 255,), offset=(0.0,))
    spec = Spec(fields=(field,), task="multiclass", classes=tuple("0123456789"))
    scans = random.integers(0, 256, (num_rows, *field.shape), dtype=np.uint8)
    return _job(spec, scans, random.integers(0, 10, num_rows))


def _job(spec: Spec, values: Any, target: Any) -> Job:
    def first(num_rows: int) -> Examples:
        return Examples(inputs=ModelInput(blocks={"x": values[:num_rows]}, num_rows=num_rows), target=target[:num_rows])

    # Few rows to validate: both loops are to be compared by their steps.
    return Job(spec=spec, train=first(len(target)), validation=first(16))


def _seconds(work: Callable[[], object], clock: Callable[[], float] | None = None) -> float:
    clock = clock or (time.perf_counter if DEVICE.type == "cuda" else time.process_time)
    since = clock()
    work()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return clock() - since


def _best(pairs: list[tuple[float, float]], warm_up: int = 1) -> tuple[float, float]:
    first, second = zip(*pairs[warm_up:], strict=True)
    return min(first), min(second)


def _ratio(pairs: list[tuple[float, float]], warm_up: int = 1) -> float:
    """How many times as long the second took."""
    return statistics.median(second / first for first, second in pairs[warm_up:])


if __name__ == "__main__":
    worker() if sys.argv[1:] == ["worker"] else main(sys.argv[1:])
