"""Two real processes learn together what one learns: Muon, a whitening layer, dirac and mirror images in turns."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing

from tasks.columns.image.augment import augment_images
from tasks.params.augment import AugmentImage, Mix
from tasks.params.torch import TorchTrain
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.workers import MEETING
from tests.trainers.torch.killed_training import make_job

NETWORK = {"kind": "cnn", "channels": [4, 6], "norm": "none", "hidden": 8, "whitening": True, "dirac": True}
CONFIG = TorchTrain.model_validate(
    {"kind": "torch", "network": NETWORK, "epochs": 2, "batch_size": 16, "device": "cpu", "optimizer": "muon"}
)


def learnt(checkpoints: Path | None = None) -> dict[str, Tensor]:
    settings = AugmentImage(flip="both", alternate_flip=True, rotate=10)
    change = {"scan": lambda block, generator, rows: augment_images(block, settings, generator, rows)}
    job = replace(make_job(checkpoints), augmentations=change, mix=Mix())
    return TorchTrainer().fit(job, CONFIG).model.network.state_dict()


@pytest.mark.chain
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    multiprocessing.spawn(_process, (tmp_path,), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    # To rounding: weights move by some 4e-3 here.
    torch.testing.assert_close(first, learnt(), rtol=0, atol=1e-5)


def _process(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    named = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 0}
    os.environ.update({name: str(value) for name, value in named.items()})
    os.environ |= {MEETING: str(folder / "meeting"), "GLOO_SOCKET_IFNAME": "lo"}
    torch.save(learnt(folder / "checkpoints"), folder / f"{rank}.pt")
