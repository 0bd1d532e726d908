"""What a network computes from training rows before it learns: the same for all who train it, and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.networks.whitening import Whitening
from tasks.params.torch import TorchTrain
from tasks.tables import storage
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import ALONE, Workers
from tests.trainers.torch.killed_training import IMAGE, make_job

CPU = torch.device("cpu")
NETWORK = {"kind": "cnn", "channels": [4], "norm": "none", "hidden": 4, "whitening": True}


def config(**changes: Any) -> TorchTrain:
    return TorchTrain.model_validate(
        {"kind": "torch", "network": NETWORK, "epochs": 2, "batch_size": 16, "device": "cpu", **changes}
    )


def layer_of(network: torch.nn.Module) -> Whitening:
    (layer,) = (module for module in network.modules() if isinstance(module, Whitening))
    return layer


def learnt_from(num_rows: int | None = None) -> torch.Tensor:
    """The filters of all training pictures."""
    layer = Whitening(1, 8, 8)
    block = make_job(None).train.loaded().inputs.blocks["scan"]
    layer.learn(torch.from_numpy(block) * torch.tensor(IMAGE.factor))
    return layer.weight.detach()


@pytest.mark.parametrize("max_memory_mib", [0, 10])
def test_the_filters_are_those_of_training_pictures_for_every_worker_held_or_streamed(
    tmp_path: Path, max_memory_mib: int
) -> None:
    rows = make_job(None).train.loaded()
    for number, places in enumerate(np.array_split(np.arange(rows.num_rows), 3)):
        part = rows.take(places)
        columns = [to_series("scan", IMAGE, part.inputs.blocks["scan"]), pl.Series("answer", part.target)]
        pl.DataFrame(columns).write_parquet(tmp_path / f"part-{number:05d}.parquet")
    job = replace(make_job(None), mix=type(make_job(None).mix)())
    stored = StoredExamples(spec=job.spec, target="answer", files=tuple(storage.part_files(tmp_path)))
    job = replace(job, train=stored)
    trainings = [
        Training(job, config(max_memory_mib=max_memory_mib), CPU, workers)
        for workers in (ALONE, Workers(rank=0, size=2), Workers(rank=1, size=2))
    ]
    filters = [layer_of(training.network).weight for training in trainings]
    torch.testing.assert_close(filters[0], learnt_from(), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(filters[0], other) for other in filters)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_the_filters_stay_and_all_else_learns(optimizer: str) -> None:
    settings = config(optimizer=optimizer, weight_decay=0.1, ema_decay=0.9, l1=1e-4, clip_norm=1.0)
    before = Training(make_job(None), settings, CPU, ALONE)
    model = TorchTrainer().fit(make_job(None), settings).model
    torch.testing.assert_close(layer_of(model.network).weight, layer_of(before.network).weight, rtol=0, atol=1e-6)
    frozen = {name for name, weights in before.network.named_parameters() if not weights.requires_grad}
    assert frozen == {"encoders.0.whitening.weight"}
    begun = before.network.state_dict()
    moved = {name for name, weights in model.network.named_parameters() if not torch.equal(weights, begun[name])}
    assert moved >= {name for name, _ in model.network.named_parameters()} - frozen


def test_the_filters_of_a_saved_model_come_back(tmp_path: Path) -> None:
    fitted, job = TorchTrainer().fit(make_job(None), config()), make_job(None)
    fitted.model.save(tmp_path)
    loaded = TorchTrainer().load(tmp_path, job.spec)
    assert np.array_equal(loaded.predict(job.validation.inputs), fitted.model.predict(job.validation.inputs))
