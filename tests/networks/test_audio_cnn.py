"""Convolutions over sounds: which pitch matters, when it sounds does not."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.networks import build
from tasks.params.networks import AudioCnnNetwork
from tests.networks.fields import DENSE, batch, layer_names, sound, spec

SMALL = AudioCnnNetwork(kind="audio_cnn", channels=(4, 6), hidden=8, dropout=0)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40))
def test_pitch_is_kept_and_time_is_summed_up(n_mels: int, frames: int) -> None:
    of = spec(sound(n_mels=n_mels, frames=frames))
    network = build(SMALL, of).eval()
    pitches = n_mels
    for _ in SMALL.channels:
        pitches = pitches // 2 if pitches >= 4 else pitches
    assert network.encoders[0].width == 2 * 6 * pitches
    assert network(batch(of)).shape == (4, 3)


def test_it_hears_which_pitch_and_not_when() -> None:
    torch.manual_seed(0)
    network = build(SMALL.model_copy(update={"norm": "none"}), spec(sound(n_mels=16, frames=64))).eval()
    tones = torch.zeros(3, 1, 16, 64, dtype=torch.uint8)
    tones[0, :, 4, 16:24] = tones[1, :, 4, 36:44] = tones[2, :, 12, 16:24] = 255
    early, late, high = network.features({"call": tones})
    assert torch.allclose(early, late, atol=1e-5)
    assert not torch.allclose(early, high, atol=1e-3)


def test_loud_and_lasting_are_two_things() -> None:
    """The largest value tells a short cry, the mean how long it lasts."""
    torch.manual_seed(0)
    encoder = build(SMALL.model_copy(update={"norm": "none"}), spec(sound(n_mels=8, frames=64))).encoders[0].eval()
    cries = torch.zeros(2, 1, 8, 64, dtype=torch.uint8)
    cries[0, :, :, 16:32] = cries[1, :, :, 16:48] = 255
    short, long = encoder(cries).unflatten(1, (2, -1))
    mean, largest = 0, 1
    assert torch.allclose(short[largest], long[largest], atol=1e-5)
    assert not torch.allclose(short[mean], long[mean], atol=1e-3)


def test_without_a_norm_its_convolutions_have_a_bias() -> None:
    names = layer_names(build(SMALL.model_copy(update={"norm": "none"}), spec(sound())))
    assert names == [*["Conv2d", "GELU", "Conv2d", "GELU", "AvgPool2d"] * 2, "Linear", "GELU", "Linear"]
    weights = build(SMALL.model_copy(update={"norm": "none"}), spec(sound())).state_dict()
    assert "encoders.0.blocks.0.0.bias" in weights


def test_other_columns_reach_the_answer() -> None:
    of = spec(sound(), DENSE)
    network, blocks = build(SMALL, of).eval(), batch(of)
    assert not torch.equal(network(blocks), network({**blocks, "a.b": blocks["a.b"] + 1}))


def test_a_size_has_as_many_blocks_as_the_bands_of_pitch_ask_for() -> None:
    config = AudioCnnNetwork(kind="audio_cnn", size="small")
    assert build(config, spec(sound(n_mels=40, frames=20))).encoders[0].width == 2 * 64 * 5
    assert build(config, spec(sound(n_mels=64, frames=20))).encoders[0].width == 2 * 128 * 4
