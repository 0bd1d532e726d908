"""Schedules run as their papers and torch's own say, and go on from where they were."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.networks import MlpNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.torch.schedules import Schedule

few = settings(derandomize=True, deadline=None, max_examples=30)
KINDS = ["constant", "step", "cosine", "one_cycle", "plateau"]


def schedule(kind: str, steps_per_epoch: int = 10, num_steps: int = 100, **changes: Any) -> Schedule:
    config = TorchTrain(
        kind="torch", network=MlpNetwork(kind="mlp"), schedule=kind, **{"learning_rate": 0.5, **changes}
    )
    return Schedule(config, steps_per_epoch, num_steps)


def rates(of: Schedule, num_steps: int = 100) -> list[float]:
    return [of.rate(step) for step in range(num_steps)]


def test_constant_is_constant() -> None:
    assert set(rates(schedule("constant"))) == {0.5}


@given(num_steps=st.integers(4, 300))
@few
def test_one_cycle_is_torchs(num_steps: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=num_steps, cycle_momentum=False)
    expected = []
    for _ in range(num_steps):
        expected.append(torchs.get_last_lr()[0])
        optimizer.step()
        if len(expected) < num_steps:
            torchs.step()
    assert rates(schedule("one_cycle", num_steps=num_steps), num_steps) == pytest.approx(expected)


@given(num_steps=st.integers(1, 300))
@few
def test_cosine_is_torchs(num_steps: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_steps)
    expected = []
    for _ in range(num_steps):
        expected.append(torchs.get_last_lr()[0])
        optimizer.step()
        torchs.step()
    assert rates(schedule("cosine", num_steps=num_steps), num_steps) == pytest.approx(expected, abs=1e-12)


def test_step_decays_every_so_many_epochs() -> None:
    found = rates(schedule("step", decay_every=4, decay_factor=0.5))
    assert found == [0.5] * 40 + [0.25] * 40 + [0.125] * 20


@pytest.mark.parametrize(("num_steps", "first", "second"), [(90, 30, 60), (100, 40, 80), (25, 10, 20)])
def test_step_decays_after_each_third_of_the_epochs_when_not_told(num_steps: int, first: int, second: int) -> None:
    found = rates(schedule("step", num_steps=num_steps), num_steps)
    changes = [step for step in range(1, num_steps) if found[step] != found[step - 1]]
    assert changes == [first, second]
    assert found[-1] == pytest.approx(0.005)


def test_plateau_decays_after_epochs_without_a_better_loss() -> None:
    of = schedule("plateau", plateau_patience=2, decay_factor=0.1)
    found = []
    for loss in [1.0, 0.8, 0.9, 0.8, 0.9, 0.7, 0.7, math.nan, 0.6]:
        of.epoch_ended(loss)
        found.append(of.rate(0))
    assert found == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.05, 0.005, 0.005])


def test_only_plateau_looks_at_the_loss() -> None:
    for kind in KINDS[:-1]:
        of = schedule(kind)
        before = rates(of)
        for _ in range(20):
            of.epoch_ended(1.0)
        assert rates(of) == before


@given(losses=st.lists(st.floats(0, 10), max_size=20), cut=st.integers(0, 20))
@few
def test_goes_on_from_its_state(losses: list[float], cut: int) -> None:
    whole, first, second = (schedule("plateau", plateau_patience=2) for _ in range(3))
    for loss in losses:
        whole.epoch_ended(loss)
    for loss in losses[:cut]:
        first.epoch_ended(loss)
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    for loss in losses[cut:]:
        second.epoch_ended(loss)
    assert second.rate(0) == whole.rate(0)
    assert second.state() == whole.state()


@pytest.mark.parametrize("kind", ["constant", "step", "cosine", "plateau"])
def test_warm_up_rises_in_a_straight_line_to_the_full_rate(kind: str) -> None:
    found = rates(schedule(kind, warmup_steps=5))
    assert found[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found[5] == pytest.approx(0.5, rel=1e-3)
    assert max(found) == pytest.approx(0.5)


def test_refuses_a_warm_up_that_never_ends() -> None:
    with pytest.raises(UserError, match="100 steps never end, as the run has 100"):
        schedule("cosine", warmup_steps=100)


@given(kind=st.sampled_from(KINDS), num_steps=st.integers(1, 60), per_epoch=st.integers(1, 20), share=st.floats(0, 1))
@few
def test_is_never_above_the_rate_nor_below_nothing(kind: str, num_steps: int, per_epoch: int, share: float) -> None:
    of = schedule(kind, steps_per_epoch=per_epoch, num_steps=num_steps)
    for step in range(num_steps + 2):
        assert 0 <= of.rate(step) <= 0.5 * (1 + 1e-12)
        assert 0 <= of.rate(step, share) <= 0.5 * (1 + 1e-12)


@pytest.mark.parametrize("kind", ["cosine", "one_cycle", "step"])
def test_the_clock_stands_for_the_step(kind: str) -> None:
    of = schedule(kind, num_steps=30_000, steps_per_epoch=100)
    for step in (0, 6_000, 12_000, 21_000, 29_990):
        assert of.rate(7, step / 30_000) == pytest.approx(of.rate(step), rel=1e-2, abs=1e-4)


def test_the_clock_leaves_the_warm_up_to_the_steps() -> None:
    of = schedule("cosine", warmup_steps=4)
    assert of.rate(1, 0.5) == pytest.approx(0.125)
    assert of.rate(50, 0.5) == pytest.approx(0.25)
