"""Muon moves hidden matrices as torch's own does, filters as matrices, and leaves all else to AdamW."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.networks import build
from tasks.params.networks import CnnNetwork, MlpNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.muon import MuonWithAdamW, hidden_weights, orthogonalized
from tasks.trainers.torch.optimizers import make_optimizer, set_rate
from tests.networks.fields import DENSE, TOWN, WORDS, image, sound, spec
from tests.trainers.torch.killed_training import CONFIG, make_job

SCAN = image()


def config(**changes: Any) -> TorchTrain:
    given = {"network": {"kind": "mlp"}, "optimizer": "muon", "learning_rate": 0.02, "weight_decay": 0.1}
    return TorchTrain.model_validate({"kind": "torch", "device": "cpu", **given, **changes})


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return build(MlpNetwork(kind="mlp", hidden=(12, 20, 6), dropout=0), spec(DENSE))


def learn(network: nn.Module, *optimizers: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    rows = torch.randn(5, 16, 3, generator=torch.Generator().manual_seed(1))
    for batch in rows:
        network.zero_grad()
        network({DENSE.name: batch}).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    return {name: weight.detach() for name, weight in network.named_parameters()}


@pytest.mark.parametrize("shape", [(30, 30), (20, 70), (70, 20), (1, 9)], ids=str)
def test_what_is_orthogonalized_has_singular_values_near_one_and_the_same_directions(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    found = orthogonalized(matrix).double()
    sizes = torch.linalg.svdvals(found)
    # Five rounds with these coefficients leave them between 0.7 and 1.2 (Jordan et al.); a square random matrix has
    # some so near to 0 that they come less far.
    assert sizes.median() > 0.6
    assert sizes.max() < 1.25
    assert max(shape) == min(shape) or sizes.min() > 0.65
    left, _, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    nearest = left @ right
    alike = (found * nearest).sum() / (found.norm() * nearest.norm())
    assert alike > 0.9


@pytest.mark.parametrize("nesterov", [True, False])
def test_five_steps_are_those_of_torchs_muon_and_adamw_side_by_side(nesterov: bool) -> None:
    first, second = mlp(), mlp()
    ours = make_optimizer(first, config(nesterov=None if nesterov else False))
    hidden = [weight for name, weight in second.named_parameters() if name in ("head.3.weight", "head.6.weight")]
    ends = [weight for name, weight in second.named_parameters() if name in ("head.0.weight", "head.9.weight")]
    biases = [weight for name, weight in second.named_parameters() if "bias" in name]
    muon = torch.optim.Muon(
        hidden, lr=0.02, weight_decay=0.1, momentum=0.95, nesterov=nesterov, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW([{"params": ends, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0}], lr=0.02)
    found, expected = learn(first, ours), learn(second, muon, adamw)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-6, atol=1e-7)
    assert any(not torch.equal(found[name], weight) for name, weight in mlp().named_parameters())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_filters_move_as_the_rows_of_a_matrix_however_they_lie(layout: torch.memory_format) -> None:
    filters = nn.Parameter(torch.randn(8, 4, 3, 3).contiguous(memory_format=layout))
    matrix = nn.Parameter(filters.detach().flatten(1).clone())
    gradient = torch.randn(8, 4, 3, 3)
    filters.grad, matrix.grad = gradient.contiguous(memory_format=layout), gradient.flatten(1).clone()
    for weight in (filters, matrix):
        group = {"params": [weight], "is_hidden": True, "weight_decay": 0.1}
        MuonWithAdamW([group], rate=0.1, momentum=0.95, nesterov=True).step()
    torch.testing.assert_close(filters.flatten(1), matrix, rtol=1e-6, atol=1e-7)
    assert filters.is_contiguous(memory_format=layout)


def test_a_step_is_about_as_long_as_that_of_adamw() -> None:
    """So that one learning rate serves both: the root mean square of a step is 0.2 rates."""
    weight = nn.Parameter(torch.zeros(300, 500))
    weight.grad = torch.randn(300, 500)
    group = {"params": [weight], "is_hidden": True, "weight_decay": 0.0}
    MuonWithAdamW([group], rate=0.1, momentum=0.95, nesterov=True).step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(0.1 * 0.2, rel=0.15)


@pytest.mark.parametrize(
    ("network", "fields", "hidden"),
    [
        ({"kind": "mlp", "hidden": [5, 6]}, spec(DENSE), ["head.3.weight"]),
        ({"kind": "mlp", "hidden": [5], "embedding": 4}, spec(TOWN), ["head.0.weight"]),
        ({"kind": "mlp", "hidden": [5, 6], "embedding": 4}, spec(TOWN, DENSE), ["head.3.weight"]),
        (
            {"kind": "cnn", "channels": [4], "convolutions": 2},
            spec(SCAN),
            ["encoders.0.blocks.0.3.weight", "head.0.weight"],
        ),
        (
            {"kind": "cnn", "channels": [4], "convolutions": 2, "whitening": True},
            spec(SCAN),
            ["encoders.0.blocks.1.0.weight", "encoders.0.blocks.1.3.weight", "head.0.weight"],
        ),
        ({"kind": "cnn", "channels": [4], "convolutions": 2}, spec(SCAN, DENSE), ["encoders.0.blocks.0.3.weight"]),
        (
            {"kind": "text_cnn", "kernel_sizes": [2, 3]},
            spec(WORDS),
            ["encoders.0.filters.0.weight", "encoders.0.filters.1.weight"],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hidden_is_what_lies_between_the_first_layer_and_the_last(
    network: dict[str, Any], fields: Spec, hidden: list[str]
) -> None:
    built = build(config(network=network).network, fields)
    assert sorted(hidden_weights(built)) == hidden


@pytest.mark.parametrize("network", [{"kind": "transformer"}, {"kind": "vit"}])
def test_matrices_of_attention_are_hidden_and_embeddings_and_positions_are_not(network: dict[str, Any]) -> None:
    built = build(config(network=network).network, spec(SCAN) if network["kind"] == "vit" else spec(WORDS))
    hidden = hidden_weights(built)
    assert {name.rpartition("blocks.")[2].partition(".")[2] for name in hidden} == {
        "attention.project.weight",
        "attention.join.weight",
        "dense.1.weight",
        "dense.4.weight",
    }


@pytest.mark.parametrize(
    ("network", "fields"), [({"kind": "mlp", "hidden": [8]}, spec(DENSE)), ({"kind": "rnn"}, spec(sound()))]
)
def test_a_network_without_hidden_layers_is_refused_with_the_cure(network: dict[str, Any], fields: Spec) -> None:
    settings = config(network=network)
    built = build(settings.network, fields)
    with pytest.raises(UserError, match=r"train\.optimizer: muon is for matrices .*; use `optimizer: adamw`"):
        make_optimizer(built, settings)
    make_optimizer(built, settings.model_copy(update={"optimizer": "adamw"}))


def test_rates_of_schedules_and_of_weights_by_name_hold_for_both() -> None:
    network = mlp()
    settings = config(learning_rates={"head.3": 0.5, "head.9": 2.0})
    optimizer = make_optimizer(network, settings)
    set_rate(optimizer, 0.0)
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    assert all(torch.equal(weight, before[name]) for name, weight in learn(network, optimizer).items())
    set_rate(optimizer, 0.02)
    assert {group["lr"] for group in optimizer.param_groups} == {0.01, 0.02, 0.04}
    learn(network, optimizer)
    assert not any(torch.equal(weight, before[name]) for name, weight in network.named_parameters())


def test_its_state_goes_into_another_one_which_goes_on_with_the_same_bits() -> None:
    network = mlp()
    optimizer = make_optimizer(network, config())
    learn(network, optimizer)
    twin = copy.deepcopy(network)
    other = make_optimizer(twin, config())
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    torch.testing.assert_close(learn(twin, other), learn(network, optimizer), rtol=0, atol=0)


def test_it_learns_pictures_and_two_runs_give_the_same_bits() -> None:
    network = CnnNetwork(kind="cnn", channels=(8,), hidden=8)
    given = {"network": network, "epochs": 4, "batch_size": 16, "learning_rate": 0.01}
    settings = TorchTrain.model_validate(CONFIG.model_dump(include={"kind", "device"}) | given | {"optimizer": "muon"})
    job = replace(make_job(None), mix=type(make_job(None).mix)())
    first, second = (TorchTrainer().fit(job, settings).model for _ in range(2))
    torch.testing.assert_close(first.network.state_dict(), second.network.state_dict(), rtol=0, atol=0)
    answers = first.predict(job.validation.inputs).argmax(axis=1)
    assert (answers == job.validation.target).mean() > 0.95
