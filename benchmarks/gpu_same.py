"""Whether a GPU gives the same bits twice, in every way of computing: a section of benchmarks/gpu.py."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.gpu import Notes
from benchmarks.gpu_jobs import IS_GPU, NETWORKS, job, training, wait
from tasks.trainers.torch.checkpoints import restore, write_checkpoint
from tasks.trainers.torch.devices import deterministic
from tasks.trainers.torch.listeners import Quiet
from tasks.trainers.torch.loop import run_epoch
from tasks.trainers.torch.speed import Layout, Precision, Way
from tasks.trainers.torch.state import Training

PRECISIONS: Sequence[Precision] = ("float32", "bf16", "fp16") if IS_GPU else ("float32", "bf16")
LAYOUTS: Sequence[Layout] = ("contiguous", "channels_last")


def same(notes: Notes) -> None:
    """Five steps twice, and once stopped and gone on: the same weights, bit for bit, in every way of computing."""
    for name, (kind, network) in NETWORKS.items():
        for way in every_way(pictures=kind == "image"):
            key = f"{name}, {way.in_words()}"
            try:
                with deterministic():
                    digests = [_trained(kind, network, way, stopped=stopped) for stopped in (False, False, True)]
            except RuntimeError as error:
                notes.add(key, f"not possible: {str(error).splitlines()[0][:120]}")
                continue
            words = ("the same", "differs")
            twice, resumed = digests[0] != digests[1], digests[0] != digests[2]
            notes.add(key, f"twice {words[twice]}, resumed {words[resumed]}")


def every_way(*, pictures: bool) -> Iterator[Way]:
    """Precisions and layouts, and one that is compiled."""
    layouts = LAYOUTS if pictures else LAYOUTS[:1]
    for precision, layout in product(PRECISIONS, layouts):
        yield Way(precision=precision, layout=layout, compile=False)
    if IS_GPU:
        yield Way(precision="bf16", layout=layouts[-1], compile=True)


class _StopAfter(Quiet):
    """Writes a checkpoint behind the third step, and lets nothing come after it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def step_ended(self, training: Training) -> None:
        if training.progress.step == 3:
            write_checkpoint(self._folder, training)
            training.stopped = True


def _trained(kind: Any, network: dict[str, Any], way: Way, *, stopped: bool) -> str:
    """The digest of the weights after five steps, the last of them a smaller one."""
    of = job(kind, 16 * 4 + 7)
    settings = {**asdict(way), "batch_size": 16, "epochs": 1}
    begun = training(of, network, **settings)
    begun.use(way)
    if not stopped:
        run_epoch(begun, [])
        return _digest(begun)
    with tempfile.TemporaryDirectory() as folder:
        run_epoch(begun, [_StopAfter(Path(folder))])
        again = training(of, network, **settings)
        restore(Path(folder), again)
        run_epoch(again, [])
    return _digest(again)


def _digest(begun: Training) -> str:
    wait()
    state = begun.network.state_dict()
    return hashlib.sha256(
        b"".join(state[name].cpu().contiguous().numpy().tobytes() for name in sorted(state))
    ).hexdigest()
