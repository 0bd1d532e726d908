"""Networks read what they can, refuse the rest, and answer in the task's shape."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.model_input.inputs import Field
from tasks.networks import build
from tasks.networks.base import Dropout, PlaceInBatch, ScaleBytes, check_fields, check_shapes, dense_layers
from tasks.params.networks import AudioCnnNetwork, CnnNetwork, MlpNetwork, Network, VitNetwork
from tests.networks.fields import DENSE, TEXT, TOWN, WORDS, batch, image, sound, spec

CNN = CnnNetwork(kind="cnn", channels=(4, 6), hidden=8)
MLP = MlpNetwork(kind="mlp", hidden=(8,))
RESIDUAL = CnnNetwork(kind="cnn", style="residual", channels=(4, 6), convolutions=3, hidden=8)
VIT = VitNetwork(kind="vit", patch_size=4, width=8, num_layers=1, num_heads=2)
AUDIO = AudioCnnNetwork(kind="audio_cnn", channels=(4, 6), hidden=8)
both = pytest.mark.parametrize("config", [CNN, MLP], ids=["cnn", "mlp"])


@pytest.mark.parametrize("config", [CNN, MLP, RESIDUAL, VIT], ids=["cnn", "mlp", "residual", "vit"])
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (3, 5, 9), (1, 1, 1), (3, 40, 28), (1, 2, 64)])
def test_answers_in_shape_for_pictures_of_any_size(config: Network, channels: int, height: int, width: int) -> None:
    of = spec(DENSE, image(channels=channels, height=height, width=width))
    outputs = build(config, of)(batch(of))
    assert outputs.shape == (4, 3)
    outputs.sum().backward()


@pytest.mark.parametrize("config", [CNN, MLP, RESIDUAL, VIT, AUDIO], ids=["cnn", "mlp", "residual", "vit", "audio_cnn"])
@pytest.mark.parametrize(("n_mels", "frames"), [(8, 8), (40, 1), (1, 98), (41, 99), (13, 7)])
def test_answers_in_shape_for_sounds_of_any_size(config: Network, n_mels: int, frames: int) -> None:
    of = spec(DENSE, sound(n_mels=n_mels, frames=frames))
    outputs = build(config, of)(batch(of))
    assert outputs.shape == (4, 3)
    outputs.sum().backward()


@both
def test_several_pictures_have_an_encoder_each(config: Network) -> None:
    of = spec(image(), image("other", height=5), sound(), DENSE)
    network, blocks = build(config, of).eval(), batch(of)
    assert network(blocks).shape == (4, 3)
    for name in blocks:
        assert not torch.equal(network(blocks), network({**blocks, name: blocks[name].flip(0)}))


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
def test_category_indices_are_read_as_if_they_had_been_expanded(config: Network) -> None:
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
    gradient = network.encoders[0].read.vectors.weight.grad
    assert (gradient[1:49].abs().sum(dim=1) > 0).all()
    assert gradient[0].abs().sum() == 0


def test_bytes_are_scaled_as_the_recipe_says_channel_by_channel() -> None:
    field = Field(name="scan", kind="image", shape=(2, 1, 1), factor=(0.5, 2.0), offset=(1.0, -1.0))
    pixels = torch.tensor([[[[4]], [[10]]]], dtype=torch.uint8)
    assert ScaleBytes(field)(pixels).flatten().tolist() == [3.0, 19.0]
    assert torch.equal(ScaleBytes(field)(pixels), torch.from_numpy(field.scaled(pixels.numpy())))


def test_the_scale_travels_with_the_weights() -> None:
    assert {"encoders.0.scale.factor", "encoders.0.scale.offset"} <= build(CNN, spec(image())).state_dict().keys()


def test_the_last_dense_layer_is_bare() -> None:
    assert [type(layer).__name__ for layer in dense_layers([3, 4, 2], 0.1)] == ["Linear", "GELU", "Dropout", "Linear"]


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_dropout_leaves_out_the_same_of_a_row_however_the_batch_is_cut(rows: int, first: int, second: int) -> None:
    values, layer = torch.ones(rows, 5), Dropout(0.5)
    torch.manual_seed(3)
    whole = layer(values)
    start, end = sorted((first % (rows + 1), second % (rows + 1)))
    layer.place = PlaceInBatch(torch.arange(start, end), rows)
    torch.manual_seed(3)
    assert torch.equal(layer(values[start:end]), whole[start:end])


def test_dropout_is_compiled_once_for_all_places_in_a_batch() -> None:
    """Else a batch in nine pieces would meet torch's limit of eight graphs, and go on uncompiled."""
    torch.compiler.reset()
    layer, graphs = Dropout(0.5), []

    def counted(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(layer, backend=counted, dynamic=False)
    for start in range(0, 40, 4):
        layer.place = PlaceInBatch(torch.arange(start, start + 4), 40)
        compiled(torch.ones(4, 5))
    assert len(graphs) == 1


def test_dropout_keeps_the_mean_and_rests_in_answers() -> None:
    torch.manual_seed(0)
    layer, values = Dropout(0.2), torch.ones(100, 100)
    left = layer(values)
    assert set(left.unique().tolist()) == {0.0, 1.25}
    assert abs(float(left.mean()) - 1) < 0.02
    assert torch.equal(layer.eval()(values), values)


def test_a_row_of_another_shape_is_refused_with_both() -> None:
    of = spec(image(height=5), TOWN)
    blocks = batch(of)
    check_shapes(of, blocks)
    check_shapes(of, {**blocks, "town": torch.rand(4, 4)})  # mixed rows
    with pytest.raises(UserError, match=r"column scan: .* shape \(1, 5, 8\), and these have \(1, 8, 8\)"):
        check_shapes(of, {**blocks, "scan": torch.zeros(4, 1, 8, 8)})
    with pytest.raises(UserError, match=r"column town: .* shape \(\), and these have \(3,\)"):
        check_shapes(of, {**blocks, "town": torch.rand(4, 3)})


def test_a_network_needs_a_column_of_its_kinds() -> None:
    check_fields(spec(DENSE, sound()), "cnn", ("image", "audio"))
    with pytest.raises(UserError, match=r"network cnn is for image or audio columns, and none of a\.b, town is one"):
        build(CNN, spec(DENSE, TOWN))
    with pytest.raises(UserError, match="network audio_cnn is for audio columns, and none of scan is one"):
        build(AUDIO, spec(image()))
    with pytest.raises(UserError, match="there is no column to read"):
        build(MLP, spec())
