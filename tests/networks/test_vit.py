"""Attention over patches: where a patch lies matters, and what is not there is not looked at."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.networks import build
from tasks.networks.attention import Attention, Block
from tasks.params.networks import VitNetwork
from tests.networks.fields import batch, image, num_weights, spec

SMALL = VitNetwork(kind="vit", patch_size=4, width=8, num_layers=2, num_heads=2, dropout=0)


def test_the_weights_are_those_of_the_paper() -> None:
    """ViT-Base on 224 x 224 with patches of 16 has 86 M; without the class token and its position, counted by hand."""
    base = VitNetwork(kind="vit", patch_size=16, width=768, num_layers=12, num_heads=12)
    with torch.device("meta"):
        network = build(base, spec(image(channels=3, height=224, width=224), classes=tuple("ab")))
    width = 768
    block = 4 * width + (3 * width + 3) * width + (width + 1) * width + (8 * width + 5) * width
    patches, positions, norm = (3 * 16 * 16 + 1) * width, 196 * width, 2 * width
    assert num_weights(network) == 12 * block + patches + positions + norm + 2 * width + 2
    assert round(num_weights(network) / 1e6) == 86


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(1, 17), st.integers(1, 17), st.integers(1, 9))
def test_the_rim_is_filled_up_with_its_own_pixels(height: int, width: int, patch: int) -> None:
    encoder = build(SMALL.model_copy(update={"patch_size": patch}), spec(image(height=height, width=width))).encoders[0]
    pictures = batch(spec(image(height=height, width=width)), rows=2)["scan"]
    rows, columns = encoder.padding
    assert (height + rows) % patch == (width + columns) % patch == 0
    down = torch.arange(height + rows).clamp(max=height - 1)
    across = torch.arange(width + columns).clamp(max=width - 1)
    filled = pictures[:, :, down][:, :, :, across]
    whole = build(SMALL.model_copy(update={"patch_size": patch}), spec(image(height=len(down), width=len(across))))
    whole.encoders[0].load_state_dict(encoder.state_dict())
    assert torch.equal(encoder(pictures), whole.encoders[0](filled))


def test_where_a_patch_lies_matters() -> None:
    torch.manual_seed(0)
    network = build(SMALL, spec(image())).eval()
    pictures = batch(spec(image()))["scan"]
    outputs, swapped = network({"scan": pictures}), network({"scan": pictures.roll(4, dims=3)})
    assert not torch.allclose(outputs, swapped, atol=1e-5)
    torch.nn.init.zeros_(network.encoders[0].positions)
    assert torch.allclose(network({"scan": pictures}), network({"scan": pictures.roll(4, dims=3)}), atol=1e-5)


def test_what_is_not_there_is_not_looked_at() -> None:
    torch.manual_seed(0)
    block, values = Block(8, 2, 4, "gelu", 0.0), torch.randn(3, 5, 8)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False], [False] * 5])
    found = block(values, mask)
    assert torch.allclose(found[1, :3], block(values[1:2, :3])[0], atol=1e-6)
    assert torch.allclose(found[0], block(values)[0], atol=1e-6)
    assert found.isfinite().all()
    changed = values.clone()
    changed[1, 3:] = 100
    assert torch.equal(block(changed, mask)[1, :3], found[1, :3])


def test_attention_agrees_with_torch_s_own() -> None:
    torch.manual_seed(0)
    ours, theirs, values = Attention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True), torch.randn(2, 7, 12)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.project.weight)
        theirs.in_proj_bias.copy_(ours.project.bias)
        theirs.out_proj.load_state_dict(ours.join.state_dict())
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    expected, _ = theirs(values, values, values, key_padding_mask=~mask)
    assert torch.allclose(ours(values, mask), expected, atol=1e-6)


def test_a_block_s_norms_stand_before_what_they_steady() -> None:
    """So a value that runs through all blocks is only added to."""
    block, values = Block(8, 2, 4, "relu", 0.0), torch.randn(2, 3, 8)
    for layer in (block.attention.join, block.dense[4]):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    assert torch.equal(block(values), values)
