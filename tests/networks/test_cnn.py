"""Convolutions: exactly the ones that were asked for, on pictures of any size that is left of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.networks import build
from tasks.params.networks import CnnNetwork, NetworkSize
from tests.networks.fields import batch, image, layer_names, num_weights, sound, spec

MNIST = spec(image(height=28, width=28), classes=tuple("0123456789"))
KERAS = CnnNetwork(
    kind="cnn",
    channels=(32, 64, 64),
    convolutions=1,
    padding="valid",
    norm="none",
    activation="relu",
    hidden=64,
    dropout=0,
)


def test_the_network_of_three_convolutions_is_exactly_that() -> None:
    """That of a well-known tutorial (Chollet, 2017, Deep learning with Python, section 5.1)."""
    network = build(KERAS, MNIST)
    convolution = ["Conv2d", "ReLU", "MaxPool2d"]
    assert layer_names(network) == [*convolution * 2, "Conv2d", "ReLU", "Linear", "ReLU", "Linear"]
    assert network.head[0].in_features == 576
    assert num_weights(network) == 93_322


def test_a_convolution_before_a_norm_has_no_bias() -> None:
    names = build(CnnNetwork(kind="cnn", channels=(4,)), spec(image())).state_dict().keys()
    assert "encoders.0.blocks.0.0.weight" in names
    assert "encoders.0.blocks.0.0.bias" not in names


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 2), st.integers(1, 3))
def test_a_picture_without_padding_is_read_or_refused(height: int, width: int, convolutions: int, blocks: int) -> None:
    config = CnnNetwork(kind="cnn", channels=(2,) * blocks, convolutions=convolutions, padding="valid", hidden=4)
    of = spec(image(height=height, width=width))
    try:
        network = build(config, of)
    except UserError as error:
        message = str(error)
        assert f"pictures of {height} x {width}" in message
        assert "padding: same" in message
        assert min(height, width) <= blocks * 2 * convolutions * 2**blocks
    else:
        assert network.eval()(batch(of)).shape == (4, 3)


def test_a_picture_that_is_used_up_is_told_with_both_sizes() -> None:
    with pytest.raises(
        UserError, match=r"column scan: padding valid takes 2 pixels .* pictures of 12 x 9 only 3 x 1 are left"
    ):
        build(KERAS, spec(image(height=12, width=9)))


def test_a_residual_unit_adds_to_what_came_in() -> None:
    config = CnnNetwork(kind="cnn", style="residual", channels=(4,), norm="none", activation="relu", dropout=0)
    encoder = build(config, spec(image())).encoders[0]
    stem, (unit, _) = encoder.blocks[:2], encoder.blocks[2]
    torch.nn.init.zeros_(unit.layers[-1].weight)
    torch.nn.init.zeros_(unit.layers[-1].bias)
    seen = stem(encoder.scale(batch(spec(image()))["scan"]))
    assert torch.equal(unit(seen), seen)


@pytest.mark.parametrize(("convolutions", "units"), [(1, [1]), (2, [2]), (5, [2, 2, 1])])
def test_residual_units_are_of_two_convolutions(convolutions: int, units: list[int]) -> None:
    config = CnnNetwork(kind="cnn", style="residual", channels=(3, 5), convolutions=convolutions)
    first, second = build(config, spec(image())).encoders[0].blocks[3:]
    for block in (first, second):
        *found, pool = block
        assert [layer_names(unit.layers).count("Conv2d") for unit in found] == units
        assert type(pool).__name__ == "MaxPool2d"
    assert layer_names(second[0].shortcut) == ["Conv2d", "BatchNorm2d"]  # as the channels change there
    assert len(first[0].shortcut) == 0


def test_it_hears_which_pitch_it_is_however_long_the_sound() -> None:
    """An image of this size is averaged over all places, and a bright row is the same wherever it is."""
    field = sound(n_mels=40, frames=60)
    network = build(CnnNetwork(kind="cnn", channels=(4,), hidden=8, dropout=0), spec(field)).eval()
    pictures = torch.zeros(2, 1, 40, 60, dtype=torch.uint8)
    pictures[0, :, 10] = pictures[1, :, 28] = 255
    low, high = network({"call": pictures})
    assert not torch.allclose(low, high, atol=1e-4)


def test_a_large_image_is_averaged_and_a_small_one_is_not() -> None:
    config = CnnNetwork(kind="cnn", channels=(4,))
    assert build(config, spec(image(height=16, width=16))).encoders[0].width == 4 * 64
    assert build(config, spec(image(height=18, width=16))).encoders[0].width == 4
    assert build(config, spec(sound(n_mels=18, frames=16))).encoders[0].width == 4 * 9


@pytest.mark.parametrize(
    ("height", "width", "num_blocks", "left"),
    [(4, 4, 2, 4), (8, 8, 2, 4), (28, 28, 3, 9), (32, 32, 3, 16), (48, 64, 4, 12), (64, 64, 4, 16), (224, 224, 6, 9)],
)
def test_a_size_has_as_many_blocks_as_the_picture_asks_for(height: int, width: int, num_blocks: int, left: int) -> None:
    config = CnnNetwork(kind="cnn", size="small", convolutions=1)
    encoder = build(config, spec(image(height=height, width=width))).encoders[0]
    filters = [16, 32, 64, 128, 128, 128][:num_blocks]
    assert [block[0].out_channels for block in encoder.blocks] == filters
    assert encoder.width == filters[-1] * left


@pytest.mark.parametrize(("size", "first"), [("small", 16), ("medium", 32), ("large", 64)])
def test_a_size_says_the_filters_of_the_first_block(size: NetworkSize, first: int) -> None:
    residual = CnnNetwork(kind="cnn", size=size, style="residual")
    assert residual.filters(28) == (first, 2 * first, 4 * first)
    assert build(residual, spec(image(height=28, width=28))).encoders[0].width == 4 * first * 9
