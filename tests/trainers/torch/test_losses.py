"""Losses agree with torch's own, fit the task or are refused, and weigh classes as they are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.params.networks import MlpNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.torch.losses import Loss, make_loss

FIELD = Field(name="x", kind="dense", shape=(2,))
THREE = Spec(fields=(FIELD,), task="multiclass", classes=("a", "b", "c"))
TWO = Spec(fields=(FIELD,), task="binary", classes=("no", "yes"))
NUMBER = Spec(fields=(FIELD,), task="regression", classes=())
few = settings(derandomize=True, deadline=None, max_examples=25)


def config(**changes: Any) -> TorchTrain:
    return TorchTrain(kind="torch", network=MlpNetwork(kind="mlp"), **changes)


def loss(spec: Spec, target: list[int] | None = None, **changes: Any) -> Loss:
    return make_loss(config(**changes), spec, np.array(target or [0, 1]))


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_has_an_output_for_each_class_or_one() -> None:
    assert loss(THREE).num_outputs == 3
    assert loss(TWO).num_outputs == 2
    assert loss(TWO, loss="mse").num_outputs == 1
    assert [loss(NUMBER, loss=name).num_outputs for name in ("auto", "mse", "mae", "huber")] == [1, 1, 1, 1]


@given(seed=st.integers(0, 999), smoothing=st.sampled_from([0.0, 0.1, 0.5]))
@few
def test_cross_entropy_is_torchs(seed: int, smoothing: float) -> None:
    outputs, target = draw(seed, 7, 3), torch.arange(7) % 3
    of = loss(THREE, label_smoothing=smoothing)
    expected = functional.cross_entropy(outputs, target, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(of.row_losses(outputs, target), expected)


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({}, functional.mse_loss),
        ({"loss": "mse"}, functional.mse_loss),
        ({"loss": "mae"}, functional.l1_loss),
        ({"loss": "huber", "huber_delta": 0.3}, lambda *of, **k: functional.huber_loss(*of, delta=0.3, **k)),
    ],
)
def test_losses_of_a_number_are_torchs(settings: dict[str, Any], reference: Any) -> None:
    outputs, target = draw(0, 9, 1), draw(1, 9)
    found = loss(NUMBER, **settings).row_losses(outputs, target)
    torch.testing.assert_close(found, reference(outputs[:, 0], target, reduction="none"))


def test_mse_on_two_classes_is_of_the_sigmoid() -> None:
    outputs, target = draw(0, 5, 1), torch.tensor([0, 1, 1, 0, 1])
    expected = (outputs[:, 0].sigmoid() - target).square()
    torch.testing.assert_close(loss(TWO, loss="mse").row_losses(outputs, target), expected)


@pytest.mark.parametrize(("spec", "changes"), [(THREE, {}), (TWO, {"loss": "mse"}), (NUMBER, {"loss": "huber"})])
def test_members_learn_each_by_itself(spec: Spec, changes: dict[str, Any]) -> None:
    of = loss(spec, **changes)
    outputs, target = draw(0, 6, 4, of.num_outputs), torch.arange(6) % 2
    target = target if spec.classes else target.float()
    each = torch.stack([of.row_losses(outputs[:, member], target) for member in range(4)])
    torch.testing.assert_close(of.row_losses(outputs, target), each.mean(0))
    answers = torch.stack([of.answers(outputs[:, member].double()) for member in range(4)])
    torch.testing.assert_close(of.answers(outputs.double()), answers.mean(0))


def test_is_computed_in_float32_at_least() -> None:
    outputs, target = draw(0, 6, 3), torch.arange(6) % 3
    of = loss(THREE)
    rounded = outputs.bfloat16()
    assert of.row_losses(rounded, target).dtype == torch.float32
    torch.testing.assert_close(of.row_losses(rounded, target), of.row_losses(rounded.float(), target))
    assert of.row_losses(outputs.double(), target).dtype == torch.float64


@given(seed=st.integers(0, 999), members=st.sampled_from([0, 1, 5]), kind=st.sampled_from(["auto", "mse"]))
@few
def test_answers_are_probabilities(seed: int, members: int, kind: str) -> None:
    of = loss(TWO, loss=kind)
    shape = (8, members, of.num_outputs) if members else (8, of.num_outputs)
    answers = of.answers(10 * draw(seed, *shape).double())
    assert answers.shape == (8, 2)
    assert answers.dtype == torch.float64
    assert (answers >= 0).all()
    torch.testing.assert_close(answers.sum(1), torch.ones(8, dtype=torch.float64))


def test_answers_of_a_number_are_the_outputs() -> None:
    outputs = draw(0, 8, 1).double()
    assert torch.equal(loss(NUMBER).answers(outputs), outputs[:, 0])


def test_a_lower_loss_is_a_likelier_answer() -> None:
    """Of the class that is right; so that nobody mixes the two classes of the sigmoid up."""
    outputs, target = torch.linspace(-4, 4, 9)[:, None], torch.ones(9, dtype=torch.int64)
    of = loss(TWO, loss="mse")
    assert (of.row_losses(outputs, target).diff() < 0).all()
    assert (of.answers(outputs)[:, 1].diff() > 0).all()


def test_rows_count_alike_without_class_weights() -> None:
    assert torch.equal(loss(NUMBER).row_weights(torch.tensor([0.5, -1.0])), torch.ones(2))
    assert torch.equal(loss(THREE).row_weights(torch.tensor([2, 0])), torch.ones(2))


def test_named_classes_count_as_they_are_told_and_others_once() -> None:
    weights = loss(THREE, class_weight={"c": 5.0}).row_weights(torch.tensor([0, 1, 2, 2]))
    assert weights.tolist() == [1, 1, 5, 5]
    assert weights.dtype == torch.float32


@given(target=st.lists(st.integers(0, 2), min_size=1, max_size=40))
@few
def test_balanced_classes_count_alike(target: list[int]) -> None:
    weights = loss(THREE, target, class_weight="balanced").row_weights(torch.tensor(target)).double()
    sums = [float(weights[torch.tensor(target) == number].sum()) for number in set(target)]
    assert np.allclose(sums, sums[0])
    assert float(weights.mean()) == pytest.approx(1)


def test_balanced_is_n_over_k_times_n_k() -> None:
    weights = loss(THREE, [0, 0, 0, 1, 1, 2], class_weight="balanced").row_weights(torch.arange(3))
    torch.testing.assert_close(weights, torch.tensor([6 / 9, 6 / 6, 6 / 3]))


def test_the_weighted_mean_is_torchs() -> None:
    outputs, target = draw(0, 12, 3), torch.arange(12) % 3
    of = loss(THREE, class_weight={"a": 0.5, "b": 3.0})
    weights = of.row_weights(target)
    expected = functional.cross_entropy(outputs, target, weight=torch.tensor([0.5, 3.0, 1.0]))
    torch.testing.assert_close((of.row_losses(outputs, target) * weights).sum() / weights.sum(), expected)
    torch.testing.assert_close(of.weighted_sum(outputs, target) / of.total_weight(target), expected)


def test_rows_that_count_alike_have_the_bits_of_rows_that_all_count_one() -> None:
    """Without weights nothing is multiplied, and torch takes the mean; loss and gradients are those by weights of 1."""
    target = torch.arange(64) % 3
    plain, ones = loss(THREE), loss(THREE, class_weight={"a": 1.0})
    assert plain.total_weight(target) == ones.total_weight(target) == 64
    means: list[Any] = [
        lambda outputs: plain.mean(outputs, target),
        lambda outputs: plain.weighted_sum(outputs, target) / plain.total_weight(target),
        lambda outputs: ones.weighted_sum(outputs, target) / ones.total_weight(target),
    ]
    found = []
    for mean_of in means:
        outputs = draw(0, 64, 3).requires_grad_()
        mean = mean_of(outputs)
        mean.backward()
        found.append((mean.detach(), outputs.grad))
    first, *others = found
    assert all(torch.equal(mine, same) for other in others for mine, same in zip(other, first, strict=True))


@pytest.mark.parametrize(
    ("spec", "changes", "said"),
    [
        (NUMBER, {"loss": "cross_entropy"}, "cross_entropy is for classes.*use mse, mae or huber"),
        (NUMBER, {"class_weight": "balanced"}, "class_weight: is for classes"),
        (NUMBER, {"label_smoothing": 0.1}, "label_smoothing: is for classes"),
        (THREE, {"loss": "mae"}, "mae is for a number.*use cross_entropy"),
        (TWO, {"loss": "huber"}, "huber is for a number"),
        (THREE, {"loss": "mse"}, "two classes, and the target has 3"),
        (THREE, {"class_weight": {"d": 2.0}}, "no class 'd'; its classes are 'a', 'b', 'c'"),
    ],
)
def test_refuses_what_does_not_fit_the_task(spec: Spec, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        loss(spec, **changes)


@given(
    shares=st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any),
    smoothing=st.sampled_from([0.0, 0.1]),
    of_b=st.sampled_from([1.0, 3.0]),
)
@settings(derandomize=True, deadline=None, max_examples=8)
def test_no_single_answer_is_better_than_the_bound(shares: list[int], smoothing: float, of_b: float) -> None:
    target = torch.repeat_interleave(torch.arange(3), torch.tensor(shares))
    of = loss(THREE, target.tolist(), label_smoothing=smoothing, class_weight={"b": of_b})
    bounds = of.bounds(target)
    weights = of.row_weights(target)
    own = torch.zeros(3, requires_grad=True)
    search = torch.optim.LBFGS([own], max_iter=50, line_search_fn="strong_wolfe")

    def mean_loss() -> torch.Tensor:
        search.zero_grad()
        of_rows = of.row_losses(own.expand(len(target), 3), target)
        mean = (of_rows * weights).sum() / weights.sum()
        mean.backward()
        return mean

    search.step(mean_loss)
    assert bounds["loss_without_model"] == pytest.approx(mean_loss().item(), abs=2e-3)
    right = torch.eye(3) * 1e3 if not smoothing else torch.log(torch.eye(3) * (1 - smoothing) + smoothing / 3)
    assert bounds["least_loss"] == pytest.approx(float(of.row_losses(right[target], target)[0]), abs=1e-5)


def test_the_bound_of_a_number_is_its_variance() -> None:
    target, own = torch.tensor([1.0, 3.0, 3.0]), torch.tensor([2.0, 1.0, 1.0])
    assert loss(NUMBER).bounds(target, own) == {"loss_without_model": 1.0, "least_loss": 0.0}
    assert loss(TWO, loss="mse").bounds(torch.tensor([0, 0, 0, 1]))["loss_without_model"] == 0.1875
    assert loss(NUMBER, loss="mae").bounds(target) == {}
