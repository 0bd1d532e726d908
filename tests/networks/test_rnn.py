"""The state goes over a text's own tokens, in their order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tasks.model_input.inputs import Field, Spec
from tasks.networks import build
from tasks.networks.rnn import reversed_steps
from tasks.params.networks import RnnNetwork

NOTE = Field(name="note", kind="tokens", shape=(7,), vocabulary=11)
SPEC = Spec(fields=(NOTE,), task="binary", classes=("n", "y"))
TEXTS = torch.tensor([[3, 8, 5, 2, 9, 4, 7], [6, 1, 2, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0]])
LENGTHS = torch.tensor([7, 3, 1])
MODULES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def config(**given: object) -> RnnNetwork:
    return RnnNetwork.model_validate({"kind": "rnn", "width": 5, "embedding": 4, "dropout": 0.0, **given})


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_it_finds_what_torch_finds_in_packed_texts(cell: str, bidirectional: bool, layers: int) -> None:
    network = build(config(cell=cell, bidirectional=bidirectional, num_layers=layers), SPEC)
    reader = network.encoders[0]
    reference = MODULES[cell](4, 5, layers, batch_first=True, bidirectional=bidirectional)
    copy_weights(reader.layers, reference)
    values, _ = reader.steps(TEXTS)
    packed, state = reference(pack_padded_sequence(values, LENGTHS, batch_first=True))
    state = state[0] if cell == "lstm" else state
    states, _ = pad_packed_sequence(packed, batch_first=True)
    last = torch.cat(list(state[-2 if bidirectional else -1 :]), dim=1)
    mean = states.sum(dim=1) / LENGTHS[:, None]
    torch.testing.assert_close(network.features({"note": TEXTS}), torch.cat([last, mean], dim=1))


def copy_weights(layers: nn.ModuleList, reference: nn.Module) -> None:
    weights = {
        f"{name}{number}{suffix}": getattr(cells, f"{name}0")
        for number, layer in enumerate(layers)
        for suffix, cells in zip(("", "_reverse"), layer.cells, strict=False)
        for name in ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")
    }
    reference.load_state_dict(weights)


def test_it_learns_which_of_two_tokens_comes_first() -> None:
    """Which no network can that takes the mean of the tokens."""
    texts = torch.randint(3, 11, (64, 7))
    labels = torch.arange(64) % 2
    for row, label in enumerate(labels.tolist()):
        early, late = sorted(torch.randperm(7)[:2].tolist())
        texts[row, early], texts[row, late] = (1, 2) if label else (2, 1)
    network = build(config(width=16), SPEC)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network({"note": texts}), labels).backward()
        optimizer.step()
    assert (network({"note": texts}).argmax(dim=1) == labels).all()


def test_the_forget_gate_of_an_lstm_begins_open() -> None:
    cells = build(config(cell="lstm"), SPEC).encoders[0].layers[0].cells[0]
    assert (cells.bias_ih_l0[5:10] == 1).all()
    assert (cells.bias_ih_l0[:5] < 1).all()


def test_every_token_learns_but_what_fills_up() -> None:
    network = build(config(), SPEC)
    network({"note": TEXTS}).square().sum().backward()
    gradient = network.encoders[0].steps.vectors.weight.grad
    assert (gradient[1:10].abs().sum(dim=1) > 0).all()
    assert not gradient[0].any()
    assert not gradient[10].any()


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_reversed_steps_reverses_each_rows_own_steps_and_turns_back(lengths: list[int]) -> None:
    values = torch.arange(len(lengths) * 6 * 2, dtype=torch.float32).reshape(len(lengths), 6, 2)
    turned = reversed_steps(values, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        assert torch.equal(turned[row, :length], values[row, :length].flip(0))
        assert torch.equal(turned[row, length:], values[row, length:])
    assert torch.equal(reversed_steps(turned, torch.tensor(lengths)), values)


def test_a_sound_is_read_frame_by_frame() -> None:
    field = Field(name="call", kind="audio", shape=(1, 4, 9), factor=(0.01,), offset=(-1.0,))
    network = build(config(bidirectional=False), Spec(fields=(field,), task="regression", classes=()))
    sounds = torch.randint(0, 256, (2, 1, 4, 9), dtype=torch.uint8)
    reader = network.encoders[0]
    frames: Tensor = (sounds * 0.01 - 1).squeeze(1).transpose(1, 2)
    states, _ = reader.layers[0].cells[0](frames)
    torch.testing.assert_close(
        network.features({"call": sounds}), torch.cat([states[:, -1], states.mean(dim=1)], dim=1)
    )
