"""The training loss of an epoch: the weighted mean of its steps', with all its digits."""

from __future__ import annotations

import math

import pytest
import torch

from tasks.trainers.torch.epoch_loss import EpochLoss, NotFiniteError

CPU, LIKE_A_GPU = torch.device("cpu"), torch.device("meta")
"""A CPU's losses are read at every step, any other device's once in a while."""


def test_the_mean_is_by_the_steps_weights() -> None:
    for device in (CPU, LIKE_A_GPU):
        epoch = EpochLoss(device)
        for step, (loss, weight) in enumerate([(1.0, 64.0), (3.0, 64.0), (5.0, 32.0)]):
            epoch.add(step, torch.tensor(loss), weight)
        assert epoch.mean() == (64 + 3 * 64 + 5 * 32) / 160


def test_it_keeps_digits_that_float32_loses_whenever_it_is_read() -> None:
    losses = [torch.tensor(loss) for loss in torch.rand(1000, generator=torch.Generator().manual_seed(0)).tolist()]
    weights = [torch.tensor(float(1 + step % 3)) for step in range(1000)]
    found = []
    for device in (CPU, LIKE_A_GPU):
        epoch = EpochLoss(device)
        for step, (loss, weight) in enumerate(zip(losses, weights, strict=True)):
            epoch.add(step, loss, weight)
            if step == 77:
                # As a checkpoint does.
                epoch.read()
        found.append(epoch.mean())
    exact = math.fsum(loss.item() * weight.item() for loss, weight in zip(losses, weights, strict=True))
    assert found[0] == found[1]
    assert found[0] == pytest.approx(exact / math.fsum(weight.item() for weight in weights), rel=1e-14)


def test_it_goes_on_from_what_a_checkpoint_holds() -> None:
    whole, first = EpochLoss(CPU), EpochLoss(CPU)
    for step in range(10):
        whole.add(step, torch.tensor(0.1 * step), 8.0)
    for step in range(4):
        first.add(step, torch.tensor(0.1 * step), 8.0)
    second = EpochLoss(CPU)
    second.restart(first.loss, first.weight)
    for step in range(4, 10):
        second.add(step, torch.tensor(0.1 * step), 8.0)
    assert second.mean() == whole.mean()


@pytest.mark.parametrize("device", [CPU, LIKE_A_GPU])
def test_the_first_step_whose_loss_is_not_finite_is_named(device: torch.device) -> None:
    def learn() -> None:
        epoch = EpochLoss(device)
        for step in range(100):
            epoch.add(step, torch.tensor(math.nan if step in (3, 5) else 1.0), 8.0)

    with pytest.raises(NotFiniteError) as lost:
        learn()
    assert lost.value.step == 3
