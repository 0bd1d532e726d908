"""Averaged weights are the textbook's, and the network gets its own back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.trainers.torch.averaging import Average


def make(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def move(network: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    network.train()
    network(torch.randn(5, 3))
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight))


def copied(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_is_the_moving_average_with_a_decay_that_rises() -> None:
    network = make()
    average, expected = Average(network, 0.4), copied(network)
    for step in range(8):
        move(network, step)
        average.update(step)
        decay = min(0.4, (1 + step) / (10 + step))
        for name, weight in network.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * weight.detach()
    found = average.weights()
    for name, _ in network.named_parameters():
        torch.testing.assert_close(found[name], expected[name])


def test_statistics_are_averaged_and_counts_are_the_last_ones() -> None:
    network = make()
    average, before = Average(network, 0.9), copied(network)
    move(network, 1)
    average.update(0)
    for name, buffer in network.named_buffers():
        if buffer.is_floating_point():
            expected = 0.1 * before[name] + 0.9 * buffer  # the decay of the first step is 1 / 10
            torch.testing.assert_close(average.weights()[name], expected)
            assert not torch.equal(buffer, before[name])
    assert average.weights()["1.num_batches_tracked"] == 1


def test_fits_the_network_and_shares_no_memory_with_it() -> None:
    network = make()
    average = Average(network, 0.9)
    before = average.weights()
    move(network, 1)
    assert equal(average.weights(), before)
    make(1).load_state_dict(average.weights(), strict=True)
    average.weights()["0.weight"].zero_()
    assert equal(average.weights(), before)


def test_is_swapped_in_for_a_while() -> None:
    network = make()
    average = Average(network, 0.9)
    move(network, 1)
    average.update(0)
    move(network, 2)
    own, places = copied(network), [weight.data_ptr() for weight in network.parameters()]
    with average.swapped_in():
        assert equal(copied(network), average.weights())
        assert not equal(copied(network), own)
        with torch.inference_mode():
            network.eval()(torch.randn(2, 3))
    assert equal(copied(network), own)
    assert [weight.data_ptr() for weight in network.parameters()] == places


def test_the_network_gets_its_own_back_after_a_failure() -> None:
    network = make()
    average = Average(network, 0.9)
    move(network, 1)
    own = copied(network)
    with pytest.raises(ZeroDivisionError), average.swapped_in():
        _ = 1 / 0
    assert equal(copied(network), own)


def test_learning_goes_on_after_it_was_swapped_in() -> None:
    network = make()
    average = Average(network, 0.5)
    with average.swapped_in():
        pass
    network(torch.randn(5, 3)).sum().backward()
    assert all(weight.grad is not None and weight.requires_grad for weight in network.parameters())


def test_goes_on_from_its_state_to_the_bit() -> None:
    network = make()
    whole = Average(network, 0.9)
    for step in range(3):
        move(network, step)
        whole.update(step)
    kept = {name: tensor.clone() for name, tensor in whole.state().items()}
    second = Average(make(7), 0.9)
    second.restore(kept)
    assert equal(second.weights(), whole.weights())
    other = Average(network, 0.9)
    other.restore(kept)
    move(network, 9)
    for average in (whole, other):
        average.update(3)
    assert equal(other.weights(), whole.weights())
