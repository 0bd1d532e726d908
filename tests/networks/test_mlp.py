"""Dense layers: exactly the ones that were asked for, residual blocks, and many networks in one."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from tasks.networks import build
from tasks.networks.mlp import CategoryVectors, MembersHead, MembersLinear
from tasks.params.networks import MlpNetwork
from tests.networks.fields import DENSE, TOWN, WORDS, batch, image, layer_names, num_weights, spec

TABM = MlpNetwork(kind="mlp", style="tabm", hidden=(8, 8), members=5, dropout=0)
RESIDUAL = MlpNetwork(kind="mlp", style="residual", hidden=(8, 8), dropout=0)
MNIST = spec(image(height=28, width=28), classes=tuple("0123456789"))


def test_784_500_10_is_just_that() -> None:
    network = build(MlpNetwork(kind="mlp", hidden=(500,), activation="relu", dropout=0), MNIST)
    assert layer_names(network) == ["Linear", "ReLU", "Linear"]
    assert num_weights(network) == 397_510


def test_no_hidden_layer_is_a_linear_model() -> None:
    assert num_weights(build(MlpNetwork(kind="mlp", hidden=()), spec(DENSE))) == 3 * 3 + 3


@pytest.mark.parametrize(("norm", "layer"), [("batch", "BatchNorm1d"), ("layer", "LayerNorm")])
def test_a_norm_stands_behind_each_hidden_layer(norm: str, layer: str) -> None:
    network = build(MlpNetwork(kind="mlp", hidden=(8, 4), norm=norm), spec(DENSE))
    assert layer_names(network) == ["Identity", *["Linear", layer, "GELU"] * 2, "Linear"]


def test_a_residual_block_adds_to_what_came_in() -> None:
    network, blocks = build(RESIDUAL, spec(DENSE)), batch(spec(DENSE))
    enter, *blocks_of_it, bend, leave = network.head
    for block in blocks_of_it:
        torch.nn.init.zeros_(block.layers[-2].weight)
        torch.nn.init.zeros_(block.layers[-2].bias)
    assert len(blocks_of_it) == 2
    assert torch.equal(network(blocks), leave(bend(enter(blocks["a.b"]))))


def test_a_category_is_what_was_learnt_of_it() -> None:
    torch.manual_seed(0)
    encoder, indices = CategoryVectors(TOWN, 6), torch.tensor([2, 0, 3, 2])
    assert torch.equal(encoder(indices), encoder.vectors.weight[indices])
    assert torch.allclose(encoder(torch.eye(4)[indices]), encoder(indices), atol=1e-6)
    half = torch.tensor([[0.5, 0, 0, 0.5]])  # a mixed row lies between the two
    assert torch.allclose(encoder(half), encoder.vectors.weight[[0, 3]].mean(dim=0, keepdim=True), atol=1e-6)


def test_only_categories_are_learnt_as_vectors() -> None:
    of = spec(DENSE, TOWN, WORDS, image())
    network = build(MlpNetwork(kind="mlp", hidden=(8,), embedding=6), of)
    assert [type(encoder).__name__ for encoder in network.encoders] == [
        "PlainEncoder",
        "CategoryVectors",
        "PlainEncoder",
        "PlainEncoder",
    ]
    assert network.features(batch(of)).shape == (4, 3 + 6 + 32 + 64)


def test_every_member_answers_and_they_differ_from_the_start() -> None:
    of = spec(DENSE, TOWN)
    outputs = build(TABM, of)(batch(of))
    assert outputs.shape == (4, 5, 3)
    assert all(not torch.allclose(outputs[:, 0], outputs[:, other]) for other in range(1, 5))


def test_members_share_the_large_weights_alone() -> None:
    one = num_weights(build(MlpNetwork(kind="mlp", hidden=(8, 8)), spec(DENSE))) - (8 + 8) - (8 * 3 + 3)
    scales_and_biases = (3 + 8 + 8) + (8 + 8 + 8)
    heads = 8 * 3 + 3
    assert num_weights(build(TABM, spec(DENSE))) == one + 5 * (scales_and_biases + heads)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_no_member_hears_of_another(norm: str) -> None:
    """What belongs to the second member has no part in what the first answers."""
    network = build(TABM.model_copy(update={"norm": norm}), spec(DENSE))
    network(batch(spec(DENSE)))[:, 0].square().sum().backward()
    for layer in network.modules():
        if isinstance(layer, MembersLinear | MembersHead):
            assert layer.bias.grad is not None
            assert layer.bias.grad[1:].abs().sum() == 0
            # Behind a batch norm a shift of all rows is no change; the head has none behind it.
            assert layer.bias.grad[0].abs().sum() > 0


def test_a_member_is_a_network_of_its_own() -> None:
    """The first member computed by hand, from the shared weights and its own scales."""
    torch.manual_seed(1)
    network, blocks = build(TABM, spec(DENSE)), batch(spec(DENSE))
    values = blocks["a.b"]
    for layer in network.head:
        if isinstance(layer, MembersLinear):
            own = layer.output_scale[0][:, None] * layer.weight * layer.input_scale[0]
            values = torch.nn.functional.gelu(values @ own.T + layer.bias[0])
    expected = values @ network.head[-1].weight[0] + network.head[-1].bias[0]
    assert torch.allclose(network(blocks)[:, 0], expected, atol=1e-5)


def test_only_the_first_layer_sets_members_apart() -> None:
    first, second = (layer for layer in build(TABM, spec(DENSE)).head if isinstance(layer, MembersLinear))
    assert set(first.input_scale.flatten().tolist()) == {-1.0, 1.0}
    assert (second.input_scale == 1).all()
    assert (first.output_scale == 1).all()


@pytest.mark.parametrize("config", [TABM, RESIDUAL], ids=["tabm", "residual"])
def test_every_weight_learns(config: MlpNetwork) -> None:
    of = spec(DENSE, TOWN, WORDS)
    network = build(config.model_copy(update={"embedding": 4, "norm": "layer"}), of)
    outputs = network(batch(of, 64))
    outputs = outputs.mean(dim=1) if outputs.dim() == 3 else outputs
    cross_entropy(outputs, torch.arange(64) % 3).backward()
    assert all(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in network.parameters())
