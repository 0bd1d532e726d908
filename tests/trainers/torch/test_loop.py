"""The training loop in PyTorch: what is its alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tasks.columns.category.augment import swapped
from tasks.columns.image.augment import augment_images
from tasks.columns.number.augment import jittered
from tasks.columns.text.augment import augment_tokens
from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.augment import AugmentCategory, AugmentImage, AugmentNumber, AugmentText, Mix
from tasks.params.networks import CnnNetwork, MlpNetwork
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job, score
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.devices import choose_device, deterministic, own_random_numbers
from tasks.trainers.torch.loop import step_seed
from tasks.trainers.torch.mix import draw_mixture, mix_blocks
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import ALONE
from tasks.training.listeners import History

IMAGE = Field(name="scan", kind="image", shape=(1, 8, 8), factor=(1 / 255,), offset=(0.0,))
NUMBER = Field(name="x", kind="dense", shape=(2,), labels=("x1", "x2"))
IMAGES = Spec(fields=(IMAGE,), task="binary", classes=("left", "right"))
NUMBERS = Spec(fields=(NUMBER,), task="regression", classes=())
MLP = MlpNetwork(kind="mlp", hidden=(8,), dropout=0.2)
CNN = CnnNetwork(kind="cnn", channels=(4,), hidden=8)


def config(**changes: Any) -> TorchTrain:
    return TorchTrain.model_validate({"kind": "torch", "network": MLP, "epochs": 3, "device": "cpu", **changes})


def image_examples(num_rows: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, num_rows)
    images = random.integers(0, 50, (num_rows, 1, 8, 8)).astype(np.uint8)
    images[target == 0, :, :, :3] += 150
    images[target == 1, :, :, 5:] += 150
    return Examples(inputs=ModelInput(blocks={"scan": images}, num_rows=num_rows), target=target)


def number_examples(num_rows: int, seed: int) -> Examples:
    values = np.random.default_rng(seed).normal(size=(num_rows, 2)).astype(np.float32)
    return Examples(inputs=ModelInput(blocks={"x": values}, num_rows=num_rows), target=1000 + 50 * values[:, 0])


def image_job(**changes: Any) -> Job:
    return replace(Job(spec=IMAGES, train=image_examples(65, 0), validation=image_examples(30, 1)), **changes)


def number_job(**changes: Any) -> Job:
    return replace(Job(spec=NUMBERS, train=number_examples(64, 0), validation=number_examples(30, 1)), **changes)


def weights(job: Job, config: TorchTrain) -> dict[str, torch.Tensor]:
    return TorchTrainer().fit(job, config).model.network.state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_two_runs_with_augmentation_and_dropout_are_equal_to_the_bit() -> None:
    changes = AugmentImage(rotate=10, scale=0.1, shift=0.1)
    job = image_job(augmentations={"scan": lambda block, gen, rows: augment_images(block, changes, gen, rows)})
    settings = config(network=CNN)
    assert same(weights(job, settings), weights(job, settings))
    assert not same(weights(job, settings), weights(job, config(network=CNN, seed=1)))
    assert not same(weights(job, settings), weights(image_job(), settings))


def test_leaves_the_callers_torch_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    TorchTrainer().fit(number_job(), config())
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads


def test_what_the_caller_drew_before_changes_nothing() -> None:
    first = weights(number_job(), config())
    torch.rand(100)
    assert same(first, weights(number_job(), config()))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_every_optimizer_learns(optimizer: str) -> None:
    history = History()
    TorchTrainer().fit(
        number_job(listeners=[history]), config(optimizer=optimizer, epochs=15, learning_rate=0.02, weight_decay=0)
    )
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"] * 0.6


def test_agrees_with_a_loop_in_plain_torch() -> None:
    """One full batch, no dropout, SGD: the first steps are those of the textbook."""
    job = number_job()
    settings = config(
        network=MlpNetwork(kind="mlp", hidden=(), dropout=0), optimizer="sgd", batch_size=64, schedule="constant",
        learning_rate=0.1, weight_decay=0,
    )  # fmt: skip
    history = History()
    TorchTrainer().fit(replace(job, listeners=[history]), settings)
    target = torch.from_numpy((job.train.target - job.train.target.mean()) / job.train.target.std()).float()
    values = torch.from_numpy(job.train.inputs.blocks["x"])
    torch.manual_seed(0)
    linear = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for row in history.rows:
        loss = torch.nn.functional.mse_loss(linear(values)[:, 0], target)
        assert row["train_loss"] == pytest.approx(float(loss.detach()), rel=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_keeps_the_weights_of_the_best_epoch() -> None:
    history = History()
    job = image_job(listeners=[history])
    fitted = TorchTrainer().fit(job, config(network=CNN, epochs=12, learning_rate=0.05, schedule="constant"))
    losses = [row["validation_loss"] for row in history.rows]
    assert fitted.facts["best_epoch"] == int(np.argmin(losses)) + 1
    kept = score(IMAGES, fitted.model.predict(job.validation.inputs), job.validation.target)
    assert kept["validation_loss"] == pytest.approx(min(losses), abs=1e-5)


def test_patience_ends_the_training() -> None:
    history = History()
    # A rate so small that weights do not change at all: the first epoch stays the best one.
    settings = config(optimizer="sgd", learning_rate=1e-30, epochs=50, patience=4)
    facts = TorchTrainer().fit(number_job(listeners=[history]), settings).facts
    assert (facts["epochs"], facts["best_epoch"], len(history.rows)) == (5, 1, 5)


def test_history_has_the_learning_rate() -> None:
    history = History()
    TorchTrainer().fit(number_job(listeners=[history]), config(epochs=4, learning_rate=0.1))
    assert [row["learning_rate"] for row in history.rows] == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447], rel=1e-4)
    TorchTrainer().fit(number_job(listeners=[history]), config(epochs=2, learning_rate=0.1, schedule="constant"))
    assert [row["learning_rate"] for row in history.rows] == [0.1, 0.1]


def test_a_regression_is_measured_in_the_targets_units() -> None:
    history = History()
    job = number_job(listeners=[history])
    fitted = TorchTrainer().fit(job, config(epochs=20, learning_rate=0.05))
    kept = score(NUMBERS, fitted.model.predict(job.validation.inputs), job.validation.target)
    best = min(row["validation_rmse"] for row in history.rows)
    assert kept["validation_rmse"] == pytest.approx(best, rel=1e-4)
    assert best < 25


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_is_not_finite_names_its_batch_and_tells_listeners_the_end() -> None:
    class Ends(History):
        over = False

        def ended(self) -> None:
            self.over = True

    listener = Ends()
    job = number_job(listeners=[listener])
    with pytest.raises(
        UserError,
        match=r"not finite in epoch \d+, batch \d of 4 \(layer [a-z.0-9]+ \(Linear\) gives .*; try a smaller .*1e\+30",
    ):
        TorchTrainer().fit(job, config(optimizer="sgd", learning_rate=1e30, batch_size=16))
    assert listener.over
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"cuda:1 is not there .* `device: auto`"):
        TorchTrainer().fit(number_job(), config(device="cuda:1"))
    assert choose_device("auto").type in ("cpu", "mps")


def test_deterministic_puts_back_what_was_set() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with deterministic():
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_batches_do_not_change_answers() -> None:
    model = TorchTrainer().fit(image_job(), config(network=CNN)).model
    many = image_examples(1500, 3)
    few = ModelInput(blocks={"scan": many.inputs.blocks["scan"][:10]}, num_rows=10)
    assert np.allclose(model.predict(many.inputs)[:10], model.predict(few), atol=1e-6)


def test_reads_blocks_that_must_not_be_written_to() -> None:
    job = number_job()
    job.train.inputs.blocks["x"].setflags(write=False)
    assert math.isfinite(TorchTrainer().fit(job, config()).model.predict(job.train.inputs)[0])


COLOUR = Field(name="colour", kind="category_index", shape=(3,), labels=("a", "b", "c"))
NOTE = Field(name="note", kind="tokens", shape=(6,), vocabulary=9)
TABLE = Spec(fields=(NUMBER, COLOUR, NOTE), task="binary", classes=("left", "right"))


def table_examples(num_rows: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, num_rows)
    blocks = {
        "x": ((random.normal(size=(num_rows, 2)) + 2 * target[:, None]) * [1, 0]).astype(np.float32),
        "colour": (target + random.integers(0, 2, num_rows)).astype(np.int32),
        "note": random.integers(1, 9, (num_rows, 6)).astype(np.int32),
    }
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=num_rows), target=target)


def table_job(**changes: Any) -> Job:
    return replace(Job(spec=TABLE, train=table_examples(64, 0), validation=table_examples(30, 1)), **changes)


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_rows_are_learnt_from(mix: str) -> None:
    settings = config(network=CNN, epochs=12, batch_size=16, learning_rate=0.02)
    job = image_job(mix=Mix(kind=mix, alpha=1.0))
    assert same(weights(job, settings), weights(job, settings))
    assert not same(weights(job, settings), weights(image_job(), settings))
    model = TorchTrainer().fit(job, settings).model
    assert score(IMAGES, model.predict(job.validation.inputs), job.validation.target)["validation_accuracy"] > 0.9


def test_every_kind_of_column_is_mixed_and_changed() -> None:
    changes = {
        "x": lambda block, generator, rows: jittered(block, AugmentNumber(jitter=0.1), generator, 1.0, rows),
        "colour": lambda block, generator, rows: swapped(block, AugmentCategory(swap=0.2), generator, rows),
        "note": lambda block, generator, rows: augment_tokens(block, AugmentText(swap=0.2, drop=0.2), generator, rows),
    }
    settings = config(epochs=4, learning_rate=0.02)
    plain = weights(table_job(), settings)
    for name, change in changes.items():
        job = table_job(augmentations={name: change})
        assert not same(weights(job, settings), plain)
        assert same(weights(job, settings), weights(job, settings))
    mixed = table_job(augmentations=changes, mix=Mix(kind="mixup"))
    assert not same(weights(mixed, settings), weights(table_job(augmentations=changes), settings))


def test_a_mixed_batch_has_the_weighted_loss() -> None:
    """One full batch and no dropout: the loss of the first step is the formula's, whatever the network is."""
    for job in (table_job(mix=Mix(kind="mixup", alpha=1.0)), number_job(mix=Mix(kind="mixup", alpha=1.0))):
        settings = config(network=MlpNetwork(kind="mlp", hidden=(), dropout=0), batch_size=64, epochs=1)
        history = History()
        TorchTrainer().fit(replace(job, listeners=[history]), settings)
        with own_random_numbers(torch.device("cpu"), 0):
            training = Training(job, settings, torch.device("cpu"), ALONE)
        generator = torch.Generator().manual_seed(step_seed(settings.seed, 0, "augment"))
        mixture = draw_mixture(job.mix, job.spec, 64, generator)
        assert mixture is not None
        (batch,) = training.batches.epoch(0)
        outputs = training.network(mix_blocks(job.spec, batch.blocks, mixture))
        own, other = batch.target, batch.target[mixture.partner]
        if job.spec.classes:
            losses = [torch.nn.functional.cross_entropy(outputs, target) for target in (own, other)]
            expected = mixture.weight * losses[0] + (1 - mixture.weight) * losses[1]
        else:
            expected = (outputs[:, 0] - mixture.weight * own - (1 - mixture.weight) * other).square().mean()
        assert history.rows[0]["train_loss"] == pytest.approx(float(expected.detach()), rel=1e-5)


def test_mixing_some_batches_leaves_a_share_as_it_is() -> None:
    settings = config(epochs=2)
    rare = weights(table_job(mix=Mix(kind="mixup", share=0.001)), settings)
    assert not same(rare, weights(table_job(mix=Mix(kind="mixup")), settings))
