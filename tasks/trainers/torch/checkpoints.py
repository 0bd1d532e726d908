"""Checkpoints: everything that a training needs to go on as if its process had never been killed.

A checkpoint is one safetensors file of all tensors, and `latest.json`, which says which file it is, its digest, and
everything that is no tensor. The file is written first and `latest.json` renamed over the old one after it: whatever
moment the power goes at, `latest.json` names a whole file. What a step draws depends on the seed and the step alone, so
no state of a random generator is among it.

The training waits for a copy of the tensors at most: a thread writes them while it goes on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from tasks import files
from tasks.errors import UserError
from tasks.trainers.torch.listeners import Quiet
from tasks.trainers.torch.speed import Way
from tasks.trainers.torch.state import Progress, Training

_LATEST = "latest.json"
_FORMAT = 3
_ANEW = "remove the folder to begin the training anew"


class Checkpoints(Quiet):
    """Writes a checkpoint every so many minutes, or steps; whoever has kept the model removes the folder.

    One at most is being written. What its thread raises is raised at the next step, or at the end.
    """

    def __init__(self, folder: Path, *, minutes: float, steps: int | None) -> None:
        self._folder, self._seconds, self._steps = folder, 60 * minutes, steps
        self._due = time.monotonic() + self._seconds
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")

    def step_ended(self, training: Training) -> None:
        if training.being_written is not None and training.being_written.done():
            training.wait_for_checkpoint()
        step = training.progress.step
        if time.monotonic() >= self._due or (self._steps is not None and step % self._steps == 0):
            self._write(training)

    def epoch_ended(self, training: Training, metrics: dict[str, float]) -> None:
        # The best weights of a long epoch are worth keeping at once.
        if self._steps is not None or time.monotonic() >= self._due - self._seconds / 2:
            self._write(training)

    def ended(self, training: Training) -> None:
        with self._writer:
            training.wait_for_checkpoint()

    def _write(self, training: Training) -> None:
        # What the file says of the epoch's loss is that of all its steps.
        training.epoch_loss.read()
        # One process writes for all: every worker has the same weights.
        if training.workers.is_first:
            # Before the copy, so that memory holds one at most.
            training.wait_for_checkpoint()
            training.being_written = self._writer.submit(write_checkpoint, self._folder, snapshot(training))
        self._due = time.monotonic() + self._seconds


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state at one moment, which the training goes on from and leaves alone: the tensors in main memory, and what
    is no tensor as JSON can say it. A GPU may still be copying: `copied` tells when it has.

    `is_good` is a single truth: whether it is worth going on from there. A finite loss may have had a gradient that is
    not.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]
    is_good: Tensor
    copied: torch.cuda.Event | None

    @property
    def name(self) -> str:
        """The file's. By the epoch as well: its end takes no step, and must not overwrite what latest.json names."""
        progress = self.state["progress"]
        return f"step-{progress['step']}-{progress['epoch']}.safetensors"


def snapshot(training: Training) -> Snapshot:
    """A copy of all that a checkpoint holds. A GPU copies tensors behind what it was asked for before, and nobody waits
    for it; only the scale of losses in fp16 is a number, and waited for."""
    finite = [weights.detach().isfinite().all() for weights in training.parameters]
    return Snapshot(
        tensors={name: _copied(tensor) for name, tensor in _tensors(training)},
        state=_plain_state(training),
        is_good=_copied(torch.stack(finite).all()),
        # In the order of the stream: whoever waits for it waits for all copies above.
        copied=torch.cuda.current_stream(training.device).record_event() if training.device.type == "cuda" else None,
    )


def write_checkpoint(folder: Path, taken: Snapshot) -> None:
    """Writes the state aside, and lets `latest.json` point to it; the checkpoint before is removed last."""
    if taken.copied is not None:
        taken.copied.synchronize()
    if not taken.is_good:
        return
    content = save_safetensors(taken.tensors)
    file = folder / taken.name
    files.write_lasting(file, content)
    state = {"format": _FORMAT, "file": file.name, "sha256": hashlib.sha256(content).hexdigest(), **taken.state}
    files.write_lasting(folder / _LATEST, json.dumps(state, indent=2).encode())
    for other in folder.glob("step-*.safetensors"):
        if other != file:
            other.unlink(missing_ok=True)


def has_checkpoint(folder: Path) -> bool:
    """Whether there is one to go on from."""
    return (folder / _LATEST).exists()


def restore(folder: Path, training: Training) -> bool:
    """Puts the training where the folder's checkpoint was. Returns whether there is one.

    Raises UserError, and changes no file, when it is damaged or of another model.
    """
    state = _read_state(folder)
    if state is None:
        return False
    tensors = _read_tensors(folder, state)
    expected = {name: tensor.shape for name, tensor in training.network.state_dict().items()}
    shapes = {name: tensor.shape for name, tensor in _below(tensors, "network").items()}
    if shapes != expected:
        raise UserError(f"{folder / state['file']}: a checkpoint of another model; {_ANEW}")
    _restore_plain(training, state)
    _restore_tensors(training, tensors, state)
    return True


def _tensors(training: Training) -> Iterator[tuple[str, Tensor]]:
    groups: dict[str, Mapping[str, Tensor]] = {
        "network": training.network.state_dict(),
        "best": training.best_weights,
        "average": {} if training.average is None else training.average.state(),
    }
    for group, tensors in groups.items():
        for name, tensor in tensors.items():
            yield f"{group}/{name}", tensor
    for number, values in training.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                yield f"optimizer/{number}/{name}", value


def _copied(tensor: Tensor) -> Tensor:
    """In main memory, and in memory of its own, as safetensors takes no two names for one piece."""
    # Pinned, or the GPU would be waited for.
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.device.type == "cuda")
    return copy.copy_(tensor.detach(), non_blocking=tensor.device.type == "cuda")


def _plain_state(training: Training) -> dict[str, Any]:
    return {
        "progress": {**asdict(training.progress), "seconds": training.seconds()},
        "epoch_loss": {"loss": training.epoch_loss.loss, "weight": training.epoch_loss.weight},
        "schedule": training.schedule.state(),
        "way": asdict(training.way),
        "scaler": training.scaler.state_dict(),
    }


def _restore_plain(training: Training, state: Mapping[str, Any]) -> None:
    # First, as it makes the scaler anew whose state comes next.
    training.use(Way(**state["way"]))
    training.scaler.load_state_dict(state["scaler"])
    training.schedule.restore(state["schedule"])
    training.epoch_loss.restart(**state["epoch_loss"])
    for field in fields(Progress):
        setattr(training.progress, field.name, state["progress"][field.name])


def _restore_tensors(training: Training, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    training.network.load_state_dict(_below(tensors, "network"))
    training.best_weights = {name: tensor.to(training.device) for name, tensor in _below(tensors, "best").items()}
    if training.average is not None:
        training.average.restore(_below(tensors, "average"))
    optimizer = training.optimizer.state_dict()
    optimizer["state"] = {}
    for name, tensor in _below(tensors, "optimizer").items():
        number, _, key = name.partition("/")
        optimizer["state"].setdefault(int(number), {})[key] = tensor
    training.optimizer.load_state_dict(optimizer)


def _below(tensors: Mapping[str, Tensor], group: str) -> dict[str, Tensor]:
    start = f"{group}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _read_state(folder: Path) -> dict[str, Any] | None:
    path = folder / _LATEST
    if not path.exists():
        return None
    try:
        state = json.loads(path.read_bytes())
    except ValueError:
        state = None
    if not isinstance(state, dict) or not {"format", "file", "sha256", "progress"} <= state.keys():
        raise UserError(f"{path}: a damaged checkpoint; {_ANEW}")
    if state["format"] != _FORMAT:
        raise UserError(f"{path}: a checkpoint of format {state['format']}, and this version reads {_FORMAT}; {_ANEW}")
    return state


def _read_tensors(folder: Path, state: Mapping[str, Any]) -> dict[str, Tensor]:
    path = folder / state["file"]
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != state["sha256"]:
        raise UserError(f"{path}: a damaged checkpoint (not the bytes that were written); {_ANEW}")
    return load_safetensors(content)
