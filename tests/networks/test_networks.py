"""Networks read what they can, refuse the rest, and answer in the task's shape."""

from __future__ import annotations

import pytest
import torch

from tasks.errors import UserError
from tasks.inputs import Field, Spec
from tasks.networks import build
from tasks.networks.base import ScaleBytes, dense_layers
from tasks.params import CnnNetwork, MlpNetwork, Network

DENSE = Field(name="a.b", kind="dense", shape=(3,), labels=("x", "y", "z"))
TEXT = Field(name="words", kind="sparse", shape=(9,))
TOWN = Field(name="town", kind="codes", shape=(4,), labels=tuple("abcd"))
WORDS = Field(name="note", kind="tokens", shape=(7,), vocabulary=50)
CNN = CnnNetwork(kind="cnn", channels=(4, 6), hidden=8)
MLP = MlpNetwork(kind="mlp", hidden=(8,))
both = pytest.mark.parametrize("config", [CNN, MLP], ids=["cnn", "mlp"])


def image(name: str = "scan", channels: int = 1, height: int = 8, width: int = 8) -> Field:
    factor, offset = (1 / 255,) * channels, (-0.5,) * channels
    return Field(name=name, kind="image", shape=(channels, height, width), factor=factor, offset=offset)


def sound(name: str = "call", mels: int = 8, frames: int = 8) -> Field:
    return Field(name=name, kind="audio", shape=(1, mels, frames), factor=(1 / 255,), offset=(0.0,))


def spec(*fields: Field, classes: tuple[str, ...] = ("a", "b", "c")) -> Spec:
    return Spec(fields=fields, task="multiclass" if classes else "regression", classes=classes)


def batch(of: Spec, rows: int = 4) -> dict[str, torch.Tensor]:
    return {field.name: block(field, rows) for field in of.fields}


def block(field: Field, rows: int) -> torch.Tensor:
    match field.kind:
        case "image" | "audio":
            return torch.randint(0, 256, (rows, *field.shape), dtype=torch.uint8)
        case "codes":
            return torch.randint(0, field.num_inputs, (rows,), dtype=torch.int32)
        case "tokens":
            return torch.randint(0, field.vocabulary, (rows, *field.shape), dtype=torch.int32)
        case _:
            return torch.randn(rows, *field.shape)


@both
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (3, 5, 9), (1, 1, 1), (3, 40, 28), (1, 2, 64)])
def test_answers_in_shape_for_pictures_of_any_size(config: Network, channels: int, height: int, width: int) -> None:
    of = spec(DENSE, image(channels=channels, height=height, width=width))
    outputs = build(config, of)(batch(of))
    assert outputs.shape == (4, 3)
    outputs.sum().backward()


@both
@pytest.mark.parametrize(("mels", "frames"), [(8, 8), (40, 1), (1, 98), (41, 99), (13, 7)])
def test_answers_in_shape_for_sounds_of_any_size(config: Network, mels: int, frames: int) -> None:
    of = spec(DENSE, sound(mels=mels, frames=frames))
    outputs = build(config, of)(batch(of))
    assert outputs.shape == (4, 3)
    outputs.sum().backward()


def test_the_cnn_hears_which_pitch_it_is_however_long_the_sound() -> None:
    """An image of this size is averaged over all places, and a bright row is the same wherever it is."""
    field = sound(mels=40, frames=60)
    network = build(CnnNetwork(kind="cnn", channels=(4,), hidden=8, dropout=0), spec(field)).eval()
    pictures = torch.zeros(2, 1, 40, 60, dtype=torch.uint8)
    pictures[0, :, 10] = pictures[1, :, 28] = 255
    low, high = network({"call": pictures})
    assert not torch.allclose(low, high, atol=1e-4)


@both
def test_a_regression_has_one_output(config: Network) -> None:
    of = spec(image(), classes=())
    assert build(config, of)(batch(of)).shape == (4, 1)


@both
def test_bytes_may_come_as_floats(config: Network) -> None:
    of = spec(image())
    network, blocks = build(config, of).eval(), batch(of)
    assert torch.equal(network(blocks), network({"scan": blocks["scan"].float()}))


@both
def test_text_is_refused_with_the_cure(config: Network) -> None:
    with pytest.raises(
        UserError, match=r"column words: network \w+ cannot read sparse input .*kind: sklearn.* or .*encode: tokens"
    ):
        build(config, spec(image(), TEXT))


@both
def test_codes_are_read_as_if_they_had_been_expanded(config: Network) -> None:
    """So that a network of before, which read them expanded, is the same network."""
    of, blocks = spec(image(), TOWN), batch(spec(image(), TOWN))
    expanded = spec(image(), Field(name="town", kind="dense", shape=(4,)))
    torch.manual_seed(0)
    network = build(config, of).eval()
    torch.manual_seed(0)
    before = build(config, expanded).eval()
    plain = torch.eye(4)[blocks["town"].long()]
    assert torch.equal(network(blocks), before({**blocks, "town": plain}))
    assert torch.equal(network({**blocks, "town": plain}), network(blocks))  # mixed rows come as [B, K]
    assert torch.equal(network({**blocks, "town": blocks["town"].float()}), network(blocks))


@both
def test_what_fills_a_text_up_is_not_read(config: Network) -> None:
    of = spec(image(), WORDS)
    network, blocks = build(config, of).eval(), batch(of, 2)
    blocks["scan"][1] = blocks["scan"][0]
    blocks["note"] = torch.tensor([[3, 8, 0, 0, 0, 0, 0], [3, 8, 3, 8, 0, 0, 0]], dtype=torch.int32)
    outputs = network(blocks)
    assert torch.allclose(outputs[0], outputs[1], atol=1e-6)
    blocks["note"][1] = 0
    assert network(blocks).isfinite().all()
    assert not torch.allclose(*network(blocks), atol=1e-6)


def test_every_token_learns_but_what_fills_up() -> None:
    network = build(MLP, spec(WORDS))
    tokens = torch.arange(49).reshape(7, 7)
    network({"note": tokens}).sum().backward()
    gradient = network.readers[0].vectors.weight.grad
    assert (gradient[1:49].abs().sum(dim=1) > 0).all()
    assert gradient[0].abs().sum() == 0


def test_the_cnn_reads_exactly_one_picture() -> None:
    with pytest.raises(
        UserError, match="column other: network cnn reads one image or audio column, and there is scan already"
    ):
        build(CNN, spec(image(), image("other")))
    with pytest.raises(UserError, match="column call: network cnn reads one image or audio column"):
        build(CNN, spec(image(), sound()))
    with pytest.raises(UserError, match=r"none of a\.b is one; use `network: kind: mlp`"):
        build(CNN, spec(DENSE))


def test_the_mlp_reads_many_images_and_numbers_alone() -> None:
    for of in (spec(image(), image("other"), DENSE), spec(image(), sound()), spec(DENSE)):
        assert build(MLP, of)(batch(of)).shape == (4, 3)
    with pytest.raises(UserError, match="no column to read"):
        build(MLP, spec())


def test_no_hidden_layer_is_a_linear_model() -> None:
    network = build(MlpNetwork(kind="mlp", hidden=()), spec(DENSE))
    assert sum(weights.numel() for weights in network.parameters()) == 3 * 3 + 3


@both
def test_every_weight_learns(config: Network) -> None:
    of = spec(DENSE, TOWN, WORDS, image())
    network = build(config, of)
    torch.nn.functional.cross_entropy(network(batch(of, 16)), torch.arange(16) % 3).backward()
    assert all(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in network.parameters())


def test_bytes_are_scaled_as_the_recipe_says_channel_by_channel() -> None:
    field = Field(name="scan", kind="image", shape=(2, 1, 1), factor=(0.5, 2.0), offset=(1.0, -1.0))
    pixels = torch.tensor([[[[4]], [[10]]]], dtype=torch.uint8)
    assert ScaleBytes(field)(pixels).flatten().tolist() == [3.0, 19.0]
    assert torch.equal(ScaleBytes(field)(pixels), torch.from_numpy(field.scaled(pixels.numpy())))


def test_the_scale_travels_with_the_weights() -> None:
    assert {"scale.factor", "scale.offset"} <= build(CNN, spec(image())).state_dict().keys()


def test_the_last_dense_layer_is_bare() -> None:
    assert [type(layer).__name__ for layer in dense_layers([3, 4, 2], 0.1)] == ["Linear", "GELU", "Dropout", "Linear"]
