"""mixup and cutmix do what their papers say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.model_input.inputs import Field, Spec
from tasks.params.augment import Mix
from tasks.trainers.torch.mix import Mixture, box, draw_mixture, mix_blocks

SCAN = Field(name="scan", kind="image", shape=(3, 10, 14), factor=(1.0,) * 3, offset=(0.0,) * 3)
AGE = Field(name="age", kind="dense", shape=(2,), labels=("age", "age missing"))
COLOUR = Field(name="colour", kind="category_index", shape=(4,), labels=("a", "b", "c", "d"))
NOTE = Field(name="note", kind="tokens", shape=(5,), vocabulary=9)
SPEC = Spec(fields=(SCAN, AGE, COLOUR, NOTE), task="binary", classes=("no", "yes"))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blocks(count: int = 6) -> dict[str, torch.Tensor]:
    draws = generator(7)
    return {
        "scan": torch.randint(0, 256, (count, 3, 10, 14), generator=draws, dtype=torch.uint8),
        "age": torch.randn((count, 2), generator=draws),
        "colour": torch.randint(0, 4, (count,), generator=draws, dtype=torch.int32),
        "note": torch.randint(0, 9, (count, 5), generator=draws, dtype=torch.int32),
    }


def mixture(settings: Mix, seed: int = 0, count: int = 6) -> Mixture:
    found = draw_mixture(settings, SPEC, count, generator(seed))
    assert found is not None
    return found


def test_without_mix_nothing_is_drawn() -> None:
    draws = generator()
    assert draw_mixture(Mix(), SPEC, 6, draws) is None
    assert torch.equal(torch.rand(3, generator=draws), torch.rand(3, generator=generator()))


def test_mixup_is_the_formula_in_every_column() -> None:
    before, mixed = blocks(), mixture(Mix(kind="mixup", alpha=1.0))
    after = mix_blocks(SPEC, before, mixed)
    assert sorted(mixed.partner.tolist()) == list(range(6))
    own, other = mixed.weight, 1 - mixed.weight
    for name in ("scan", "age"):
        values = before[name].float()
        assert torch.allclose(after[name], own * values + other * values[mixed.partner])
    weights = torch.nn.functional.one_hot(before["colour"].long(), 4).float()
    assert torch.allclose(after["colour"], own * weights + other * weights[mixed.partner])
    assert torch.allclose(after["colour"].sum(dim=1), torch.ones(6))
    expected = before["note"] if own >= 0.5 else before["note"][mixed.partner]
    assert torch.equal(after["note"], expected)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), alpha=st.floats(0.05, 5))
def test_cutmix_replaces_a_box_whose_share_is_one_minus_the_weight(seed: int, alpha: float) -> None:
    before, mixed = blocks(), mixture(Mix(kind="cutmix", alpha=alpha), seed)
    after = mix_blocks(SPEC, before, mixed)
    assert mixed.cut is not None
    rows, columns = box(SCAN, mixed.cut)
    inside = torch.zeros(10, 14, dtype=torch.bool)
    inside[rows, columns] = True
    assert float(inside.float().mean()) == pytest.approx(1 - mixed.weight, abs=1e-6)
    other = before["scan"][mixed.partner].float()
    assert torch.equal(after["scan"], torch.where(inside, other, before["scan"].float()))
    assert 0 <= mixed.weight <= 1


def test_weights_follow_the_beta_distribution() -> None:
    weights = [mixture(Mix(kind="mixup", alpha=0.2), seed).weight for seed in range(1_000)]
    assert np.mean(weights) == pytest.approx(0.5, abs=0.04)
    # Of Beta(a, a) the variance is 1 / (4 (2 a + 1)).
    assert np.var(weights) == pytest.approx(1 / (4 * 1.4), rel=0.08)


def test_so_many_batches_are_mixed() -> None:
    found = [draw_mixture(Mix(kind="mixup", share=0.3), SPEC, 4, generator(seed)) for seed in range(1_000)]
    assert sum(mixed is not None for mixed in found) / 1_000 == pytest.approx(0.3, abs=0.05)


def test_the_generator_decides() -> None:
    settings_ = Mix(kind="cutmix", alpha=1.0)
    first, again = mixture(settings_, 3), mixture(settings_, 3)
    assert (first.weight, first.cut) == (again.weight, again.cut)
    assert torch.equal(first.partner, again.partner)
    assert first.weight != mixture(settings_, 4).weight
