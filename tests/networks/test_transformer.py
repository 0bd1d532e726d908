"""Each token looks at all others, and knows where it stands."""

from __future__ import annotations

import math

import pytest
import torch

from tasks.model_input.inputs import Field, Spec
from tasks.networks import build
from tasks.networks.transformer import sinusoidal_positions
from tasks.params.networks import TransformerNetwork

CONFIG = TransformerNetwork(kind="transformer", width=12, num_heads=3, num_layers=2, mlp_ratio=2)


def spec(length: int) -> Spec:
    note = Field(name="note", kind="tokens", shape=(length,), vocabulary=20)
    return Spec(fields=(note,), task="binary", classes=("n", "y"))


@pytest.mark.parametrize("width", [1, 5, 8])
def test_waves_are_those_of_the_paper(width: int) -> None:
    """PE(place, 2i) = sin(place / 10000^(2i/width)), PE(place, 2i + 1) = cos of the same (section 3.5)."""
    found = sinusoidal_positions(40, width)
    assert found.shape == (40, width)
    for place in (0, 1, 39):
        for number in range(width):
            angle = place / 10_000 ** (2 * (number // 2) / width)
            wanted = math.cos(angle) if number % 2 else math.sin(angle)
            assert found[place, number].item() == pytest.approx(wanted, abs=1e-6)


def test_no_two_places_look_the_same() -> None:
    distances = torch.cdist(sinusoidal_positions(512, 16), sinusoidal_positions(512, 16)) + torch.eye(512)
    assert distances.min() > 0.1


def test_the_order_of_tokens_matters() -> None:
    network = build(CONFIG, spec(6)).eval()
    one, other = network({"note": torch.tensor([[3, 4, 5, 6, 0, 0], [6, 4, 5, 3, 0, 0]])})
    assert not torch.allclose(one, other, atol=1e-5)


def test_a_token_changes_what_is_found_at_the_others() -> None:
    """Linear in each token alone, the mean would change by the same whatever else is in the text."""
    network = build(CONFIG, spec(3)).eval()
    texts = torch.tensor([[3, 5, 0], [4, 5, 0], [3, 6, 0], [4, 6, 0]])
    found = network.features({"note": texts})
    assert not torch.allclose(found[1] - found[0], found[3] - found[2], atol=1e-4)


def test_positions_are_not_among_the_weights() -> None:
    """So that a network of other texts takes them all over."""
    assert build(CONFIG, spec(6)).state_dict().keys() == build(CONFIG, spec(60)).state_dict().keys()
    assert not [name for name in build(CONFIG, spec(6)).state_dict() if "positions" in name]


def test_the_dense_layers_are_so_many_times_the_width() -> None:
    shapes = {tuple(weights.shape) for weights in build(CONFIG, spec(6)).parameters()}
    assert {(24, 12), (12, 24)} <= shapes


def test_frames_of_a_sound_are_steps() -> None:
    call = Field(name="call", kind="audio", shape=(1, 4, 9), factor=(0.01,), offset=(-1.0,))
    network = build(CONFIG, Spec(fields=(call,), task="regression", classes=())).eval()
    sounds = torch.randint(0, 256, (2, 1, 4, 9), dtype=torch.uint8)
    assert network({"call": sounds}).shape == (2, 1)
    assert not torch.allclose(network({"call": sounds}), network({"call": sounds.flip(3)}), atol=1e-6)
