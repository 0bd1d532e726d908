"""The sections of benchmarks/gpu.py: what each of them tries and times."""

from __future__ import annotations

import gzip
import os
import platform
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.gpu import Notes
from benchmarks.gpu_jobs import DEVICE, IS_GPU, NETWORKS, augmented_jobs, job, seconds, training, wait
from benchmarks.gpu_same import every_way, same
from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.devices import deterministic, fastest
from tasks.trainers.torch.gradients import add_gradients, forget_gradients
from tasks.trainers.torch.loop import changed, run_epoch, train_step
from tasks.trainers.torch.optimizers import make_optimizer
from tasks.trainers.torch.state import Training


def machine(notes: Notes) -> None:
    """Versions, and the ceilings that the other figures are shares of."""
    notes.add("torch", torch.__version__)
    notes.add("python", platform.python_version())
    notes.add("device", torch.cuda.get_device_name() if IS_GPU else platform.processor() or platform.machine())
    size = 8192 if IS_GPU else 512
    left, right = torch.randn(2, size, size, device=DEVICE)
    for name, dtype, precision in (
        ("float32", torch.float32, "highest"),
        ("tf32", torch.float32, "high"),
        ("bf16", torch.bfloat16, "highest"),
    ):
        torch.set_float32_matmul_precision(precision)
        one, other = left.to(dtype), right.to(dtype)
        best = min(seconds(lambda one=one, other=other: one @ other) for _ in range(8))
        notes.add(f"matmul {name}, TFLOP/s", round(2 * size**3 / best / 1e12, 2))
    block = torch.empty(2**28 if IS_GPU else 2**22, dtype=torch.uint8)
    for name, source in (("pageable", block), *((("pinned", block.pin_memory()),) if IS_GPU else ())):
        best = min(seconds(lambda source=source: source.to(DEVICE, copy=True)) for _ in range(5))
        notes.add(f"copy to the device from {name} memory, GB/s", round(block.nbytes / best / 1e9, 2))


def memory(notes: Notes) -> None:
    """What memory cannot hold goes through in pieces: the same gradient, and each row counted once by batch norms."""
    notes.add("CUBLAS_WORKSPACE_CONFIG", os.environ.get("CUBLAS_WORKSPACE_CONFIG"))
    with deterministic():
        notes.add("TF32 in convolutions when strict", torch.backends.cudnn.allow_tf32)
    for name in ("mlp", "cnn"):
        kind, network = NETWORKS[name]
        whole, tight = (training(job(kind, 64), network, batch_size=64) for _ in range(2))
        _fails_once(tight)
        expected, found = _gradient_of(whole), _gradient_of(tight)
        notes.add(f"{name}: pieces after a try that ran out", tight.progress.num_micro_batches)
        # Batch norms see half of the rows at once, and have another gradient: only that of the mlp must be the same.
        notes.add(f"{name}: largest difference of a gradient", float((found - expected).abs().max()))
        state = tight.network.state_dict()
        counts = [int(count) for key, count in state.items() if key.endswith("num_batches_tracked")]
        notes.add(f"{name}: pieces that each batch norm has counted", counts)


def waits(notes: Notes) -> None:
    """How often a step makes the host wait for the device, and in which line; on a CPU nothing is counted."""
    for name, (of, network) in augmented_jobs(256).items():
        begun = training(of, network, batch_size=64)
        begun.learn_mode()
        steps = begun.batches.epoch(0)
        # The first step sets up what all others use.
        train_step(begun, next(steps))
        with warnings.catch_warnings(record=True) as caught, _told_of_waits():
            warnings.simplefilter("always")
            train_step(begun, next(steps))
        lines = Counter(f"{_short(warning.filename)}:{warning.lineno}" for warning in caught)
        notes.add(name, dict(lines))


def loops(notes: Notes) -> None:
    """Small networks, where starting kernels takes longer than they do: bare, ours, compiled, and as a CUDA graph."""
    for name in ("mlp", "cnn"):
        kind, network = NETWORKS[name]
        of = job(kind, 64 * (200 if IS_GPU else 10))
        begun, plain = (training(of, network, batch_size=64, epochs=1000) for _ in range(2))
        bare = _BareLoop(plain)
        with fastest():
            pairs = [(seconds(bare.epoch), seconds(lambda: run_epoch(begun, []))) for _ in range(5)][1:]  # noqa: B023
            steps = begun.batches.num_steps
            notes.add(f"{name}: bare, us a step", round(1e6 * min(one for one, _ in pairs) / steps, 1))
            notes.add(f"{name}: ours, us a step", round(1e6 * min(other for _, other in pairs) / steps, 1))
            notes.add(f"{name}: ours against bare", round(median(other / one for one, other in pairs), 3))
            if IS_GPU:
                notes.add(f"{name}: as a CUDA graph, us a step", round(1e6 * bare.as_graph(), 1))


def shapes(notes: Notes) -> None:
    """Rows a second of a network of the size that pictures of 32 x 32 ask for, in each way of computing."""
    network = {"kind": "cnn", "style": "residual", "channels": [64, 128, 256] if IS_GPU else [8, 16]}
    rows = 512 if IS_GPU else 32
    of = job("image", rows * 4)
    for way in every_way(pictures=True):
        begun = training(of, network, batch_size=rows, epochs=1000)
        begun.learn_mode()
        try:
            with fastest():
                begun.use(way)
                data = next(iter(begun.batches.epoch(0)))
                for _ in range(3):
                    train_step(begun, data)
                best = min(seconds(lambda b=begun, d=data: train_step(b, d)) for _ in range(8))
        except RuntimeError as error:
            notes.add(way.in_words(), f"not possible: {str(error).splitlines()[0][:120]}")
            continue
        notes.add(f"{way.in_words()}, rows a second", round(rows / best))


def mnist(notes: Notes) -> None:
    """To 0.995 of the test rows, two seeds; its four files lie in the folder that MNIST names."""
    folder = Path(os.environ.get("MNIST", "mnist"))
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        notes.add("left out", f"no files in {folder}")
        return
    field = Field(name="scan", kind="image", shape=(1, 28, 28), factor=(1 / 64,), offset=(-0.5,))
    spec = Spec(fields=(field,), task="multiclass", classes=tuple("0123456789"))
    most = 60_000 if IS_GPU else 512
    train, test = (_digits(folder, part, most) for part in ("train", "t10k"))
    for seed in range(2):
        settings = {
            "network": {"kind": "cnn", "size": "medium"}, "epochs": 10, "batch_size": 256, "schedule": "one_cycle",
            "learning_rate": 0.003, "determinism": "off", "precision": "bf16", "layout": "channels_last",
            "compile": False, "ema_decay": 0.999, "seed": seed, "device": DEVICE.type,
        }  # fmt: skip
        config = TorchTrain.model_validate({"kind": "torch", **settings})
        found: list[Any] = []
        took = seconds(lambda c=config, f=found: f.append(TorchTrainer().fit(Job(spec, train, test), c)))
        right = found[0].model.predict(test.inputs).argmax(1) == test.target
        notes.add(f"seed {seed}: accuracy", float(right.mean()))
        notes.add(f"seed {seed}: seconds", round(took, 1))


def rows(notes: Notes) -> None:
    """Rows that are held on the device, and sent ahead from memory: steps a second, and what waiting takes."""
    kind, network = NETWORKS["cnn"]
    of = job(kind, 128 * (200 if IS_GPU else 10))
    for name, mebibytes in (("held", 1024), ("sent ahead", 0)):
        begun = training(of, network, batch_size=128, epochs=1000, max_memory_mib=mebibytes)
        times = [seconds(lambda b=begun: run_epoch(b, [])) for _ in range(4)][1:]
        notes.add(f"{name}, steps a second", round(begun.batches.num_steps / min(times), 1))
        notes.add(f"{name}, share of waiting", round(begun.batches.waited / begun.seconds(), 3))


def lightgbm(notes: Notes) -> None:
    """LightGBM's devices, where it is installed."""
    try:
        from lightgbm.basic import LightGBMError

        from tasks.params.lightgbm import LightgbmTrain
        from tasks.trainers.lightgbm import LightgbmTrainer
    except ImportError as error:
        notes.add("left out", str(error))
        return
    of = job("dense", 200_000 if IS_GPU else 2_000)
    for device in ("cpu", *(("cuda", "gpu") if IS_GPU else ())):
        config = LightgbmTrain(kind="lightgbm", num_iterations=50, device=device)  # type: ignore[arg-type]
        try:
            notes.add(device, round(seconds(lambda c=config: LightgbmTrainer().fit(of, c)), 2))
        except (LightGBMError, UserError) as error:
            notes.add(device, f"not possible: {str(error).splitlines()[0][:120]}")


SECTIONS: dict[str, Callable[[Notes], None]] = {
    section.__name__: section for section in (machine, same, memory, waits, loops, shapes, mnist, rows, lightgbm)
}


def _fails_once(begun: Training) -> None:
    forward, failing = begun.forward, [True]

    def hungry(blocks: Any) -> torch.Tensor:
        outputs = forward(blocks)
        if failing:
            # Behind the network, whose batch norms have counted the rows by then.
            failing.pop()
            torch.empty(2**60, dtype=torch.uint8, device=DEVICE)
        return outputs

    begun.forward = hungry


class _BareLoop:
    """A loop as one writes it by hand, on the same rows: the same network and optimizer."""

    def __init__(self, begun: Training) -> None:
        self._network: nn.Module = begun.network
        self._optimizer = make_optimizer(self._network, begun.config)
        (self._name,) = (field.name for field in begun.job.spec.fields)
        data = next(iter(training(begun.job, _as_dict(begun), batch_size=begun.job.train.num_rows).batches.epoch(0)))
        self._rows, self._target = data.blocks[self._name], data.target

    def epoch(self) -> None:
        self._network.train()
        for rows in torch.randperm(len(self._target), device=DEVICE).split(64):
            self._step(self._rows[rows], self._target[rows])

    def as_graph(self) -> float:
        """Seconds of a step's way forward and back, replayed; the optimizer's own work is not in it."""
        network, target = self._network, self._target[:64]
        block = self._rows[:64]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            for _ in range(3):
                functional.cross_entropy(network({self._name: block}), target).backward()
        wait()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            functional.cross_entropy(network({self._name: block}), target).backward()
        return min(seconds(lambda: [graph.replay() for _ in range(100)]) for _ in range(5)) / 100

    def _step(self, block: torch.Tensor, target: torch.Tensor) -> None:
        loss = functional.cross_entropy(self._network({self._name: block}), target)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()


def _gradient_of(begun: Training) -> torch.Tensor:
    begun.learn_mode()
    forget_gradients(begun)
    add_gradients(begun, changed(begun, next(iter(begun.batches.epoch(0)))))
    return torch.cat([weights.grad.flatten() for weights in begun.parameters if weights.grad is not None]).cpu()


def _told_of_waits() -> Any:
    if not IS_GPU:
        return nullcontext()
    torch.cuda.set_sync_debug_mode("warn")
    return _Unset()


class _Unset:
    """Ends what is told of waits."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        torch.cuda.set_sync_debug_mode("default")


def _short(file: str) -> str:
    return "/".join(Path(file).parts[-3:])


def _as_dict(begun: Training) -> dict[str, Any]:
    return begun.config.network.model_dump(mode="json", by_alias=True)


def _digits(folder: Path, part: str, most: int) -> Examples:
    images = np.frombuffer(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    scans = images.reshape(-1, 1, 28, 28)[:most].copy()
    return Examples(
        inputs=ModelInput(blocks={"scan": scans}, num_rows=len(scans)), target=labels[:most].astype(np.int64)
    )
