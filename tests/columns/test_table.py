"""Numbers get noise, categories are swapped."""

from __future__ import annotations

import pytest
import torch

from tasks.columns.category.augment import swapped
from tasks.columns.number.augment import jittered
from tasks.params.augment import AugmentCategory, AugmentNumber


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    before = torch.zeros(20_000, 1)
    after = jittered(before, AugmentNumber(jitter=0.5), generator(), std=3.0)
    assert after.shape == before.shape
    assert float(after.std()) == pytest.approx(1.5, rel=0.03)
    assert float(after.mean()) == pytest.approx(0, abs=0.05)


def test_the_indicator_stays_and_so_does_what_stands_in_for_a_missing_number() -> None:
    before = torch.tensor([[1.0, 0.0], [0.25, 1.0], [-1.0, 0.0]])
    kept = before.clone()
    after = jittered(before, AugmentNumber(jitter=0.5), generator(), std=1.0)
    assert torch.equal(after[:, 1], before[:, 1])
    assert torch.equal(after[1], before[1])
    assert (after[[0, 2], 0] != before[[0, 2], 0]).all()
    assert torch.equal(before, kept)


@pytest.mark.parametrize("shape", [(), (1,), (4,)], ids=["category_index", "ordinal", "target"])
def test_so_many_categories_become_those_of_other_rows(shape: tuple[int, ...]) -> None:
    before = torch.arange(5_000).reshape(-1, *[1] * len(shape)).repeat(1, *shape)
    after = swapped(before, AugmentCategory(swap=0.3), generator())
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    rows = (after != before).reshape(5_000, -1)
    assert torch.equal(rows.any(dim=1), rows.all(dim=1))
    assert rows.any(dim=1).float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(after, swapped(before, AugmentCategory(swap=0.3), generator()))
    assert not torch.equal(after, swapped(before, AugmentCategory(swap=0.3), generator(1)))


def test_nothing_set_changes_nothing() -> None:
    block = torch.rand(5, 1)
    assert torch.equal(jittered(block, AugmentNumber(), generator(), 1.0), block)
    assert torch.equal(swapped(block, AugmentCategory(), generator()), block)
    assert torch.equal(swapped(block[:1], AugmentCategory(swap=0.9), generator()), block[:1])
