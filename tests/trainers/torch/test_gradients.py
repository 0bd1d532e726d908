"""A step's gradient is the same however many micro-batches it is taken in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.model_input.inputs import Examples
from tasks.networks.base import InputNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.devices import is_out_of_memory
from tasks.trainers.torch.gradients import micro_batches
from tasks.trainers.torch.speed import Way, WayChoice
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.trainer import choose_way
from tasks.trainers.torch.workers import ALONE
from tests.trainers.torch.killed_training import CONFIG, make_job

PLAIN = {
    "kind": "torch",
    "network": {"kind": "cnn", "channels": [4], "convolutions": 1, "norm": "none", "hidden": 8, "dropout": 0.4},
    "epochs": 3,
    "batch_size": 32,
    "class_weight": {"left": 3.0},
    "device": "cpu",
}


def fitted_weights(job: Job, **changes: Any) -> dict[str, torch.Tensor]:
    return TorchTrainer().fit(job, TorchTrain.model_validate(PLAIN | changes)).model.network.state_dict()


def nearly_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(first[name], second[name], rtol=1e-3, atol=2e-5) for name in first)


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(num_rows=st.integers(0, 300), num_micro_batches=st.integers(1, 40))
def test_micro_batches_hold_every_row_once_and_differ_by_one_at_most(num_rows: int, num_micro_batches: int) -> None:
    cut = list(micro_batches(num_rows, num_micro_batches))
    assert [row for piece in cut for row in range(piece.start, piece.stop)] == list(range(num_rows))
    sizes = {piece.stop - piece.start for piece in cut}
    assert not sizes or (max(sizes) - min(sizes) <= 1 and min(sizes) >= 1)


@pytest.mark.parametrize("mix", [True, False], ids=["mixed", "as they are"])
def test_accumulation_gives_what_one_batch_gives_with_dropout_weights_and_mixing(mix: bool) -> None:
    job = make_job(None) if mix else replace(make_job(None), mix=type(make_job(None).mix)())
    whole = fitted_weights(job)
    assert nearly_equal(whole, fitted_weights(job, batch_size=8, gradient_accumulation=4))
    assert not nearly_equal(whole, fitted_weights(job, batch_size=8))


class Hungry:
    """A device on which no more than so many rows fit; that they do not is found out before the network or behind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most_rows: int, *, late: bool = False) -> None:
        self.seen: list[int] = []
        forward = InputNetwork.__call__

        def guarded(network: InputNetwork, blocks: dict[str, torch.Tensor]) -> torch.Tensor:
            rows = len(next(iter(blocks.values())))
            if network.training:
                self.seen.append(rows)
                if rows > most_rows:
                    if late:
                        forward(network, blocks)
                    raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(network, blocks)

        monkeypatch.setattr(InputNetwork, "__call__", guarded)


def test_a_batch_that_does_not_fit_is_halved_and_the_result_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = fitted_weights(make_job(None))
    device = Hungry(monkeypatch, most_rows=10)
    with caplog.at_level(logging.WARNING):
        fitted = TorchTrainer().fit(make_job(None), TorchTrain.model_validate(PLAIN))
    assert nearly_equal(expected, fitted.model.network.state_dict())
    assert fitted.facts["pieces"] == 4
    assert [rows for rows in device.seen if rows > 10] == [32, 16]
    assert (
        "32 rows at once would not fit into memory; from now on they go through in micro-batches of 16" in caplog.text
    )
    assert any("pieces" in hint or "memory" in hint for hint in fitted.diagnostics)


def test_rows_that_are_tried_again_count_once_in_the_statistics_of_a_batch_norm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    normed = {"network": {"kind": "cnn", "channels": [4], "convolutions": 1, "hidden": 8, "dropout": 0.0}, "epochs": 1}
    expected = fitted_weights(make_job(None), **normed, batch_size=8, gradient_accumulation=4)
    Hungry(monkeypatch, most_rows=10, late=True)
    found = fitted_weights(make_job(None), **normed)
    # 131 rows in steps of 32 and one of 3, each in as many pieces as have eight rows or fewer.
    (counted,) = (values for name, values in found.items() if name.endswith("num_batches_tracked"))
    assert counted == 4 * 4 + 1
    assert nearly_equal(expected, found)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "MPS backend out of memory (MPS allocated: 17.9 GB)",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_want_of_memory_is_known_by_what_each_part_says_of_it(words: str) -> None:
    assert is_out_of_memory(RuntimeError(words))
    assert not is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))


def test_a_single_row_that_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Hungry(monkeypatch, most_rows=0)
    with pytest.raises(
        UserError, match=r"memory would not do; make train\.batch_size \(it is 32\) or the network smaller"
    ):
        TorchTrainer().fit(make_job(None), TorchTrain.model_validate(PLAIN))


def test_other_errors_are_not_taken_for_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(InputNetwork, "__call__", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        TorchTrainer().fit(make_job(None), CONFIG)


def test_class_weights_count_rows() -> None:
    """A class that counts double is a class whose rows are there twice; one step on all rows, nothing random."""
    import numpy as np

    settings = {
        "network": {"kind": "mlp", "hidden": [], "dropout": 0}, "epochs": 1, "batch_size": 131, "optimizer": "sgd",
        "class_weight": {"left": 2.0},
    }  # fmt: skip
    job = replace(make_job(None), augmentations={}, mix=type(make_job(None).mix)())
    left = np.flatnonzero(job.train.targets() == 0)
    rows = np.concatenate([np.arange(131), left])
    images = job.train.loaded().inputs.blocks["scan"][rows]
    inputs = replace(job.train.loaded().inputs, blocks={"scan": images}, num_rows=len(rows))
    doubled = replace(job, train=Examples(inputs=inputs, target=job.train.targets()[rows]))
    weighted = fitted_weights(job, **settings)
    assert nearly_equal(weighted, fitted_weights(doubled, **settings | {"class_weight": None, "batch_size": len(rows)}))
    assert not nearly_equal(weighted, fitted_weights(job, **settings | {"class_weight": None}))


@pytest.mark.parametrize(("number", "pieces"), [(0, 1), (1, 4)])
def test_pieces_that_one_way_of_computing_needs_are_not_left_to_another(
    monkeypatch: pytest.MonkeyPatch, number: int, pieces: int
) -> None:
    """bf16 finds room for ten rows; float32 for all."""
    forward = InputNetwork.__call__

    def guarded(network: InputNetwork, blocks: dict[str, torch.Tensor]) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu") and len(next(iter(blocks.values()))) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(network, blocks)

    def choose(try_step: Callable[[Way], None], ways: Sequence[Way]) -> WayChoice:
        for way in ways:
            try_step(way)
        assert [way.precision for way in ways] == ["float32", "bf16"]
        return WayChoice(way=ways[number], sentence="")

    monkeypatch.setattr(InputNetwork, "__call__", guarded)
    monkeypatch.setattr("tasks.trainers.torch.trainer.choose", choose)
    settings = TorchTrain.model_validate({**PLAIN, "determinism": "off", "layout": "contiguous", "compile": False})
    training = Training(make_job(None), settings, torch.device("cpu"), ALONE)
    choose_way(training)
    assert training.progress.num_micro_batches == pieces
