"""Which graphics cards a machine has, and which of them a training works on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.params.lightgbm import LightgbmTrain
from tasks.params.torch import TorchTrain
from tasks.params.train import EnsembleTrain, Train

_VARIABLE = "CUDA_VISIBLE_DEVICES"

_PATIENCE = 20.0
"""Seconds for NVIDIA's driver, which may have to wake the cards first."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A card, or a part of one that the driver has split (MIG): `uuid` is its own whoever looks, `number` is not."""

    number: int
    uuid: str

    @property
    def limit(self) -> str:
        """The name of its concurrency limit in Prefect."""
        return f"modelwright-{self.uuid}"


def gpus_of_machine() -> tuple[Gpu, ...]:
    """NVIDIA's cards that a process here sees, in its order; none without their driver.

    Asks the driver's own command: torch takes seconds to import, and the scheduler has no other use for it.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    try:
        listing = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=_PATIENCE, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return visible_gpus(listing, os.environ.get(_VARIABLE))


def visible_gpus(listing: str, visible: str | None) -> tuple[Gpu, ...]:
    """The cards of what `nvidia-smi -L` lists, as CUDA numbers them under that value of CUDA_VISIBLE_DEVICES.

    The first entry of it that names no card hides what follows:
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
    """
    cards = re.findall(r"^GPU \d+:.*\(UUID: ([\w-]+)\)", listing, re.MULTILINE)
    known = [*cards, *re.findall(r"^\s+MIG .*\(UUID: ([\w/-]+)\)", listing, re.MULTILINE)]
    if visible is None:
        uuids = cards
    else:
        uuids = []
        for entry in visible.split(","):
            uuid = _named(entry.strip(), cards, known)
            if uuid is None:
                break
            uuids.append(uuid)
    # A part's older name has slashes, which Prefect refuses in a name.
    return tuple(Gpu(number=number, uuid=uuid.replace("/", "-")) for number, uuid in enumerate(uuids))


def _named(entry: str, cards: Sequence[str], known: Sequence[str]) -> str | None:
    """The card of that number, or whose name begins so."""
    if entry.isdecimal():
        return cards[int(entry)] if int(entry) < len(cards) else None
    return next((uuid for uuid in known if entry and uuid.startswith(entry)), None)


def gpus_of_training(train: Train, gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Which of the machine's cards a training with these settings works on; none where it works on the CPU."""
    match train:
        case EnsembleTrain():
            return tuple(dict.fromkeys(gpu for member in train.members for gpu in gpus_of_training(member, gpus)))
        case TorchTrain(device="auto" | "cuda"):
            # Each worker process has a card of its own.
            return tuple(gpus[: train.workers])
        case TorchTrain() if train.device.startswith("cuda:"):
            number = int(train.device.removeprefix("cuda:"))
            return tuple(gpus[number : number + 1])
        # `auto` is a GPU only where LightGBM was built for one: which takes a trial to know, and is rare.
        case LightgbmTrain(device="gpu" | "cuda" | "auto"):
            return tuple(gpus[:1])
        case _:
            return ()
