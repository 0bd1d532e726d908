"""Filters answer to tokens that stand together, wherever they do."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tasks.model_input.inputs import Field, Spec
from tasks.networks import build
from tasks.params.networks import TextCnnNetwork

NOTE = Field(name="note", kind="tokens", shape=(8,), vocabulary=20)
SPEC = Spec(fields=(NOTE,), task="binary", classes=("n", "y"))
texts = st.lists(st.integers(1, 19), max_size=8)


def config(**given: object) -> TextCnnNetwork:
    return TextCnnNetwork.model_validate({"kind": "text_cnn", "channels": 4, "embedding": 3, **given})


def block(*rows: list[int]) -> torch.Tensor:
    return torch.tensor([row + [0] * (8 - len(row)) for row in rows], dtype=torch.int32)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.lists(texts, min_size=1, max_size=4), st.sampled_from(["relu", "tanh", "sigmoid"]))
def test_it_finds_what_each_text_alone_without_filling_gives(rows: list[list[int]], bend: str) -> None:
    network = build(config(kernel_sizes=(1, 2, 5, 11), activation=bend), SPEC).eval()
    found = network.features({"note": block(*rows)})
    encoder = network.encoders[0]
    for row, features in zip(rows, found, strict=True):
        values = encoder.steps.vectors(torch.tensor([row or [0]])).transpose(1, 2)
        answers = [
            encoder.activation(functional.conv1d(values, f.weight, f.bias, padding=f.padding)) for f in encoder.filters
        ]
        torch.testing.assert_close(features, torch.cat([answer[0].amax(dim=1) for answer in answers]))


def test_words_that_stand_together_are_found_wherever_they_are() -> None:
    """With nothing else in the text that a filter could answer to more strongly."""
    network = build(config(kernel_sizes=(2, 3)), SPEC).eval()
    with torch.no_grad():
        network.encoders[0].steps.vectors.weight[1] = 0  # a word that says nothing
    early, late, apart = network(
        {"note": block([1, 1, 7, 5, 1, 1, 1, 1], [1, 1, 1, 1, 7, 5, 1, 1], [1, 7, 1, 1, 1, 1, 5, 1])}
    )
    torch.testing.assert_close(early, late)
    assert not torch.allclose(early, apart, atol=1e-5)


def test_its_size_is_that_of_the_paper() -> None:
    """300 numbers a word, windows 3, 4 and 5 with 100 filters each, and two outputs (Kim, 2014, section 3.1)."""
    network = build(TextCnnNetwork(kind="text_cnn", embedding=300), SPEC)
    sizes = {name: weights.numel() for name, weights in network.named_parameters()}
    embedding = sizes.pop("encoders.0.steps.vectors.weight")
    assert embedding == 20 * 300
    assert sum(sizes.values()) == 100 * (300 * (3 + 4 + 5) + 3) + 2 * (300 + 1)
