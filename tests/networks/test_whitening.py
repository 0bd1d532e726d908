"""The first layer that is computed from pictures makes of their patches what varies by 1 and has nothing in common."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import UserError
from tasks.networks import build
from tasks.networks.cnn import Cnn
from tasks.networks.whitening import Whitening, patch_moments
from tasks.params.networks import CnnNetwork
from tests.networks.fields import image, spec

MIXING = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.3, 0.2]], dtype=torch.float64)
"""What a pixel's three colours make of three independent numbers."""
MEAN = torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)


def pictures(num_pictures: int = 400) -> Tensor:
    """Pixels that are drawn by themselves, so that the covariance of patches is known."""
    drawn = torch.randn(num_pictures, 9, 8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (drawn @ MIXING.T + MEAN).permute(0, 3, 1, 2)


def answers_of(layer: Whitening, of: Tensor) -> Tensor:
    """[patches, filters]"""
    convolved = functional.conv2d(of, layer.weight.double(), layer.bias.double() if layer.bias is not None else None)
    return convolved.permute(0, 2, 3, 1).flatten(0, 2)


def test_moments_of_patches_are_those_that_the_pixels_were_drawn_by() -> None:
    mean, covariance = patch_moments(pictures())
    # A patch's values are colour by colour, four pixels each, which have nothing in common with each other.
    expected = torch.kron(MIXING @ MIXING.T, torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(mean, MEAN.repeat_interleave(4), rtol=0, atol=0.05)
    torch.testing.assert_close(covariance, expected, rtol=0, atol=0.15)


def test_what_the_filters_answer_varies_by_one_and_has_nothing_in_common() -> None:
    layer = Whitening(3, 9, 8)
    layer.learn(pictures())
    answers = answers_of(layer, pictures())
    assert answers.shape[1] == 24
    torch.testing.assert_close(answers[:, 12:], -answers[:, :12], rtol=0, atol=1e-5)
    covariance = answers[:, :12].T @ answers[:, :12] / len(answers)
    off = covariance - torch.diag(covariance.diagonal())
    assert off.abs().max() < 1e-4
    # Less than 1 by what is added to each variance: the smallest here is 0.02, the mean 2.1.
    variances = torch.linalg.eigvalsh(patch_moments(pictures())[1])
    torch.testing.assert_close(
        covariance.diagonal(), variances / (variances + 5e-4 * variances.mean()), rtol=1e-4, atol=0
    )
    assert covariance.diagonal()[-8:].min() > 0.98
    assert answers.mean(dim=0).abs().max() < 1e-4


def test_pictures_that_nowhere_differ_give_finite_filters() -> None:
    layer = Whitening(1, 4, 4)
    layer.learn(torch.full((5, 1, 4, 4), 7.0))
    answers = layer(torch.full((1, 1, 4, 4), 7.0))
    assert answers.isfinite().all()
    assert answers.abs().max() < 1e-4


def test_many_pictures_are_summed_up_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = patch_moments(pictures())
    monkeypatch.setattr("tasks.networks.whitening._PATCHES_AT_ONCE", 500)
    for piecewise, at_once in zip(patch_moments(pictures()), whole, strict=True):
        torch.testing.assert_close(piecewise, at_once)


def test_of_large_pictures_fewer_are_asked_for() -> None:
    assert Whitening(3, 28, 28).num_pictures == 5_000
    assert Whitening(3, 32, 32).num_pictures == 4_364
    assert Whitening(3, 224, 224).num_pictures == 84


def cnn(**settings: object) -> CnnNetwork:
    return CnnNetwork.model_validate({"kind": "cnn", "channels": [30], "norm": "none", "hidden": 8, **settings})


def test_the_layer_is_in_front_of_the_blocks_and_its_filters_do_not_learn() -> None:
    of = spec(image(channels=3, height=9, width=8))
    network = build(cnn(whitening=True), of)
    (layer,) = (module for module in network.modules() if isinstance(module, Whitening))
    assert network.num_first_rows == layer.num_pictures
    scans = torch.randint(0, 256, (64, 3, 9, 8), dtype=torch.uint8)
    before = layer.weight.clone()
    network.begin_with({"scan": scans})
    assert not torch.equal(layer.weight, before)
    network({"scan": scans}).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias is not None
    assert layer.bias.grad is not None
    assert build(cnn(), of).num_first_rows == 0


def test_pictures_without_patches_are_refused() -> None:
    with pytest.raises(UserError, match=r"column scan: whitening looks at patches .*; use `whitening: false`"):
        build(cnn(whitening=True), spec(image(height=1, width=8)))


def test_with_dirac_a_convolution_passes_on_its_first_channels() -> None:
    network = build(cnn(dirac=True, channels=[5, 2]), spec(image(channels=3)))
    assert isinstance(network, Cnn)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in layers] == [(3, 5), (5, 5), (5, 2), (2, 2)]
    for layer in layers:
        values = torch.randn(2, layer.in_channels, 6, 6)
        passed = min(layer.in_channels, layer.out_channels)
        assert layer.bias is not None
        found = layer(values) - layer.bias[None, :, None, None]
        torch.testing.assert_close(found[:, :passed], values[:, :passed], rtol=0, atol=1e-5)
        assert passed == layer.out_channels or found[:, passed:].abs().max() > 0.01
