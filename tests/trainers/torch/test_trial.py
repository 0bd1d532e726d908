"""Steps for trial, by which the way of computing is chosen: they take the room of real ones, and leave no trace."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from tasks.networks.base import InputNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.speed import Way, WayChoice
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.trainer import choose_way
from tasks.trainers.torch.workers import ALONE
from tests.trainers.torch.killed_training import CONFIG, make_job

OPTIMIZERS = ("sgd", "adagrad", "rmsprop", "adam", "adamw", "muon")


def config(**changes: Any) -> TorchTrain:
    given = CONFIG.model_dump(exclude_unset=True) | {"determinism": "off", "layout": "contiguous", "epochs": 2}
    return TorchTrain.model_validate(given | changes)


def take_the_first(try_step: Callable[[Way], None], ways: Sequence[Way]) -> WayChoice:
    """Tries every way twice, and takes the first, whatever the clock says."""
    for way in [*ways, *ways]:
        try_step(way)
    return WayChoice(way=ways[0], sentence="")


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.trainers.torch.trainer.choose", take_the_first)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_trial_leaves_everything_as_it_was(optimizer: str) -> None:
    training = Training(make_job(None), config(optimizer=optimizer), torch.device("cpu"), ALONE)
    before = copy.deepcopy((training.network.state_dict(), training.optimizer.state_dict(), training.progress))
    draws = torch.get_rng_state()
    choose_way(training)
    weights, of_optimizer, progress = before
    assert "num_batches_tracked" in " ".join(weights)
    torch.testing.assert_close(training.network.state_dict(), weights, rtol=0, atol=0)
    assert str(training.optimizer.state_dict()) == str(of_optimizer)
    assert training.progress == progress
    assert torch.equal(torch.get_rng_state(), draws)
    assert all(weights.grad is None for weights in training.parameters)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_learnt_behind_a_trial_has_the_bits_of_what_is_learnt_without_one(optimizer: str) -> None:
    with_trial, without = (
        TorchTrainer().fit(make_job(None), config(optimizer=optimizer, precision=precision)).model.network.state_dict()
        for precision in ("auto", "float32")
    )
    torch.testing.assert_close(with_trial, without, rtol=0, atol=0)


def test_the_pieces_that_a_trial_finds_leave_room_for_what_the_optimizer_remembers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device on which the batch of 16 fits, but not beside the optimizer's state."""
    training = Training(make_job(None), config(gradient_accumulation=1, batch_size=16), torch.device("cpu"), ALONE)
    forward = InputNetwork.__call__

    def guarded(network: InputNetwork, blocks: dict[str, torch.Tensor]) -> torch.Tensor:
        if training.optimizer.state and len(next(iter(blocks.values()))) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(network, blocks)

    monkeypatch.setattr(InputNetwork, "__call__", guarded)
    choose_way(training)
    assert training.progress.num_micro_batches == 2
    assert not training.optimizer.state
