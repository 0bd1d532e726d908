"""Optimizers agree with torch's plain ones, decay what should decay, and freeze what should stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from tasks.errors import UserError
from tasks.params.networks import MlpNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.torch.optimizers import add_l1, freeze, make_optimizer, set_rate

OPTIMIZERS = ["sgd", "adagrad", "rmsprop", "adam", "adamw"]


def config(**changes: Any) -> TorchTrain:
    return TorchTrain(kind="torch", network=MlpNetwork(kind="mlp"), **changes)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Small(nn.Module):
    """Two encoders and a head, with all that weights can be."""

    def __init__(self, encoders: int = 2) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.Flatten()) for _ in range(encoders)
        )
        self.head = nn.Sequential(nn.LayerNorm(3 * encoders), nn.Linear(3 * encoders, 2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.head(torch.cat([encoder(images) for encoder in self.encoders], dim=1))
        return outputs


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 5) -> dict[str, torch.Tensor]:
    images = torch.randn(steps, 6, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    for some in images:
        optimizer.zero_grad()
        network(some).square().sum().backward()
        optimizer.step()
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def textbook(network: nn.Module, kind: str) -> torch.optim.Optimizer:
    """One weight at a time, as torch's documentation writes it down."""
    decaying = [weight for weight in network.parameters() if weight.dim() > 1]
    others = [weight for weight in network.parameters() if weight.dim() == 1]
    groups: list[dict[str, Any]] = [{"params": decaying, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}]
    make: Any = {
        "sgd": lambda groups, **k: torch.optim.SGD(groups, momentum=0.9, nesterov=True, **k),
        "adagrad": torch.optim.Adagrad,
        "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }[kind]
    optimizer: torch.optim.Optimizer = make(groups, lr=0.01, foreach=False)
    return optimizer


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_agrees_with_torchs_plain_one(kind: str) -> None:
    first, second = Small(), Small()
    found = learn(first, make_optimizer(first, config(optimizer=kind, learning_rate=0.01, weight_decay=0.1)))
    expected = learn(second, textbook(second, kind))
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_two_runs_on_other_numbers_of_threads_give_the_same_bytes(kind: str) -> None:
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        weights = [nn.Parameter(torch.randn(shape)) for shape in (100_003, 1, 70_001)]
        network = nn.ParameterList(weights)
        optimizer = make_optimizer(network, config(optimizer=kind))
        for step in range(3):
            for weight in weights:
                weight.grad = torch.linspace(-1 - step, 2, weight.numel())
            optimizer.step()
        found.append(torch.cat([weight.detach() for weight in weights]))
    assert torch.equal(*found)


def test_momentum_is_as_told_or_as_usual() -> None:
    def first(**changes: Any) -> dict[str, Any]:
        return make_optimizer(Small(), config(**changes)).param_groups[0]

    assert (first(optimizer="sgd")["momentum"], first(optimizer="sgd")["nesterov"]) == (0.9, True)
    assert first(optimizer="sgd", momentum=0)["nesterov"] is False
    assert first(optimizer="sgd", nesterov=False)["nesterov"] is False
    assert first(optimizer="sgd", momentum=0.5)["momentum"] == 0.5
    assert first(optimizer="rmsprop")["momentum"] == 0
    assert first(optimizer="rmsprop", momentum=0.7)["momentum"] == 0.7


def test_biases_and_norms_do_not_decay() -> None:
    network = Small()
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    optimizer = make_optimizer(network, config(optimizer="sgd", weight_decay=0.5, learning_rate=0.1))
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    shrunk = {name for name, weight in network.named_parameters() if not torch.equal(weight, before[name])}
    assert shrunk == {"encoders.0.0.weight", "encoders.1.0.weight", "head.1.weight"}


def test_groups_learn_at_their_own_rates_by_the_longest_beginning() -> None:
    network = Small()
    rates = {"encoders": 0.1, "encoders.1": 0.5, "head.1.bias": 3.0}
    optimizer = make_optimizer(network, config(learning_rates=rates, learning_rate=0.01))
    names = {id(weight): name for name, weight in network.named_parameters()}
    found = {names[id(weight)]: group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    assert len(found) == len(names)
    assert found["encoders.0.0.weight"] == pytest.approx(0.001)
    assert found["encoders.1.1.bias"] == pytest.approx(0.005)
    assert found["head.1.bias"] == pytest.approx(0.03)
    assert found["head.1.weight"] == pytest.approx(0.01)
    set_rate(optimizer, 1.0)
    assert {group["lr"] for group in optimizer.param_groups} == {0.1, 0.5, 3.0, 1.0}


def test_beginnings_are_whole_words() -> None:
    network = Small(encoders=11)
    freeze(network, config(freeze=["encoders.1"], init_from="x"))
    frozen_modules = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    assert {name.split(".")[1] for name in frozen_modules} == {"1"}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_frozen_weights_and_statistics_stay(optimizer: str) -> None:
    network, settings = Small(), config(freeze=["encoders.0"], init_from="x", optimizer=optimizer, learning_rate=0.1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    frozen_modules = freeze(network, settings)
    network.train()
    for module in frozen_modules:
        module.eval()
    learn(network, make_optimizer(network, settings))
    same = {name for name, value in network.state_dict().items() if torch.equal(value, before[name])}
    assert same == {name for name in before if name.startswith("encoders.0.")}


def test_nothing_is_frozen_unless_told() -> None:
    network = Small()
    assert freeze(network, config()) == []
    assert all(weight.requires_grad for weight in network.parameters())


def test_refuses_beginnings_that_fit_nothing() -> None:
    with pytest.raises(UserError, match=r"no weight begins with 'encoder' \(there are encoders, "):
        freeze(Small(), config(freeze=["encoder"], init_from="x"))
    with pytest.raises(UserError, match=r"learning_rates: .*'tail' \(there are .*head, head\.0"):
        make_optimizer(Small(), config(learning_rates={"tail": 2.0}))
    with pytest.raises(UserError, match="and 9 more"):
        make_optimizer(Small(encoders=25), config(learning_rates={"tail": 2.0}))


def test_refuses_to_freeze_all_and_rates_for_what_is_frozen() -> None:
    with pytest.raises(UserError, match="nothing would learn"):
        freeze(Small(), config(freeze=["encoders", "head"], init_from="x"))
    network, settings = Small(), config(freeze=["head"], learning_rates={"head.1": 2.0}, init_from="x")
    freeze(network, settings)
    with pytest.raises(UserError, match=r"all of head\.1 is frozen"):
        make_optimizer(network, settings)


def test_l1_is_the_gradient_of_the_sum_of_sizes() -> None:
    plain, penalized = Small(), Small()
    images = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    loss = penalized(images).square().sum()
    decaying = [weight for weight in penalized.parameters() if weight.dim() > 1]
    torch.autograd.backward(loss + 0.01 * sum(weight.abs().sum() for weight in decaying))
    plain(images).square().sum().backward()
    add_l1(plain, 0.01)
    for ours, expected in zip(plain.parameters(), penalized.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad)


def test_l1_leaves_frozen_weights_alone() -> None:
    network = Small()
    add_l1(network, 0.1)  # before any backward there is nothing to add to
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_weights_may_change_their_layout_between_steps(kind: str) -> None:
    """Fused optimizers look at no strides: without care, weights would get each other's momentum."""
    found = []
    for change in (False, True):
        network = Small()
        optimizer = make_optimizer(network, config(optimizer=kind, learning_rate=0.01))
        learn(network, optimizer, steps=1)
        if change:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found.append(learn(network, optimizer, steps=2))
    for name, weight in found[0].items():
        torch.testing.assert_close(found[1][name], weight, rtol=1e-3, atol=1e-5)
