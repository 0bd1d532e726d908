"""With alternate_flip two epochs show each picture both ways, whoever reads it, from wherever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tasks.columns.draws import bits_of
from tasks.columns.image.augment import augment_images
from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, ModelInput, Spec
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentImage, Mix
from tasks.params.torch import TorchTrain
from tasks.tables import storage
from tasks.trainers.base import Job
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.loop import changed
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import ALONE, Workers
from tasks.training.listeners import History
from tests.networks.fields import image
from tests.trainers.torch.killed_training import make_job

CPU = torch.device("cpu")
SCAN = image(height=3, width=5)
SPEC = Spec(fields=(SCAN,), task="binary", classes=("a", "b"))
SIZES = (20, 0, 30, 9)
PICTURES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (sum(SIZES), 1, 3, 5)).astype(np.uint8))


def settings(flip: str = "horizontal") -> AugmentImage:
    return AugmentImage.model_validate({"flip": flip, "alternate_flip": True})


def shown(epoch: int, flip: str = "horizontal", seed: int = 0) -> torch.Tensor:
    """The pictures as an epoch shows them."""
    rows = StepRows(numbers=np.arange(len(PICTURES)), epoch=epoch, seed=seed)
    return augment_images(PICTURES, settings(flip), torch.Generator().manual_seed(epoch), rows)


def test_bits_are_those_of_splitmix64() -> None:
    """Its first outputs from 0: e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f, f88bb8a8724c81ec."""
    assert bits_of(np.arange(4), 0, 0).tolist() == [True, False, False, True]
    assert bits_of(np.arange(4), 0, 1).tolist() == [True, True, False, True]
    assert bits_of(np.array([2]), 0, 5).tolist() == [True]
    many = np.arange(40_000)
    first, second = bits_of(many, 7, 0), bits_of(many, 7, 1)
    # Of 40,000 fair draws, four deviations are 1 %.
    for share in (first.mean(), second.mean(), (first == second).mean(), (first == bits_of(many, 8, 0)).mean()):
        assert share == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", (3,)), ("vertical", (2,))])
def test_two_epochs_show_each_picture_both_ways(flip: str, axes: tuple[int, ...]) -> None:
    first, second = shown(0, flip), shown(1, flip)
    as_it_is = (first == PICTURES).all(dim=(1, 2, 3))
    assert torch.equal(first[~as_it_is], PICTURES.flip(axes)[~as_it_is])
    assert torch.equal(second, first.flip(axes))
    assert torch.equal(shown(2, flip), first)
    assert 0.3 < as_it_is.float().mean() < 0.7
    assert not torch.equal(shown(0, flip, seed=1), first)


def test_four_epochs_show_each_picture_in_all_four_ways() -> None:
    epochs = [shown(epoch, "both") for epoch in range(4)]
    ways = [PICTURES.flip(axes) for axes in ((), (2,), (3,), (2, 3))]
    for row in range(len(PICTURES)):
        seen = [[torch.equal(of_epoch[row], way[row]) for way in ways].index(True) for of_epoch in epochs]
        assert sorted(seen) == [0, 1, 2, 3]


def test_a_batch_of_no_epoch_is_mirrored_by_chance() -> None:
    by_chance = AugmentImage(flip="horizontal")
    for seed in range(3):
        without, expected = (
            augment_images(PICTURES, given, torch.Generator().manual_seed(seed)) for given in (settings(), by_chance)
        )
        assert torch.equal(without, expected)


def stored(folder: Path) -> StoredExamples:
    start = 0
    for number, size in enumerate(SIZES):
        part = PICTURES[start : start + size].numpy()
        start += size
        columns = [to_series(SCAN.name, SCAN, part), pl.Series("answer", [0] * size, dtype=pl.Int64)]
        pl.DataFrame(columns).write_parquet(folder / f"part-{number:05d}.parquet")
    return StoredExamples(spec=SPEC, target="answer", files=tuple(storage.part_files(folder)))


@pytest.mark.parametrize("max_memory_mib", [0, 10])
@pytest.mark.parametrize("workers", [ALONE, Workers(rank=1, size=2)], ids=["alone", "second of two"])
@pytest.mark.parametrize("mix", [Mix(), Mix(kind="mixup", share=0.001)], ids=["as they are", "mixed at times"])
def test_every_row_of_an_epoch_is_shown_as_its_number_says_held_or_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_memory_mib: int, workers: Workers, mix: Mix
) -> None:
    job = Job(
        spec=SPEC,
        train=stored(tmp_path),
        validation=Examples(
            inputs=ModelInput(blocks={SCAN.name: PICTURES.numpy()[:4]}, num_rows=4), target=np.zeros(4)
        ),
        augmentations={SCAN.name: lambda block, generator, rows: augment_images(block, settings(), generator, rows)},
        mix=mix,
    )
    given = {"kind": "torch", "network": {"kind": "mlp"}, "batch_size": 8, "device": "cpu", "seed": 5}
    config = TorchTrain.model_validate({**given, "max_memory_mib": max_memory_mib})
    training = Training(job, config, CPU, workers)
    for epoch in range(2):
        training.progress.epoch = epoch
        expected = shown(epoch, seed=5)
        for data in training.batches.epoch(epoch):
            numbers, batch = data.notes["number"], changed(training, data)
            assert torch.equal(data.blocks[SCAN.name], PICTURES[numbers])
            block = batch.blocks[SCAN.name]
            assert torch.equal(block, expected[numbers][batch.first : batch.first + len(block)].float())


class _Killed(BaseException):
    """Stands for a signal."""


class _KilledIn(History):
    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        if epoch == 2:
            raise _Killed


def test_a_run_that_goes_on_shows_what_it_would_have_shown(tmp_path: Path) -> None:
    """Killed at the end of the second epoch, behind a checkpoint of one of its steps."""
    change = {"scan": lambda block, generator, rows: augment_images(block, settings(), generator, rows)}
    given = {"kind": "torch", "network": {"kind": "cnn", "channels": [4], "hidden": 4}, "device": "cpu"}
    config = TorchTrain.model_validate({**given, "epochs": 4, "batch_size": 16, "checkpoint_steps": 4})
    expected = TorchTrainer().fit(replace(make_job(None), augmentations=change), config).model
    with pytest.raises(_Killed):
        TorchTrainer().fit(replace(make_job(tmp_path, (_KilledIn(),)), augmentations=change), config)
    found = TorchTrainer().fit(replace(make_job(tmp_path), augmentations=change), config).model
    torch.testing.assert_close(found.network.state_dict(), expected.network.state_dict(), rtol=0, atol=0)
