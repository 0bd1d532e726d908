"""Workers change their own rows of a step, and together what one process changes, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tasks.columns.audio.augment import augment_spectrograms
from tasks.columns.audio.sound import Spectrogram
from tasks.columns.category.augment import swapped
from tasks.columns.image.augment import augment_images
from tasks.columns.number.augment import jittered
from tasks.columns.text.augment import augment_tokens
from tasks.model_input.inputs import Augmentation, Examples, Field, ModelInput, Spec
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentAudio, AugmentCategory, AugmentImage, AugmentNumber, AugmentText, Mix
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job
from tasks.trainers.torch.loop import changed
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import Workers
from tests.networks.fields import TOWN, WORDS, image, sound

CPU = torch.device("cpu")
SIZE = Field(name="size", kind="dense", shape=(2,), labels=("size", "size missing"))
SCAN, CALL = image(height=9, width=7), sound(n_mels=8, frames=11)
FIELDS = (SIZE, TOWN, WORDS, SCAN, CALL)
EVERYTHING = AugmentImage(
    rotate=20, scale=0.2, crop=0.1, shift=0.1, shear=5, flip="both", brightness=0.2, contrast=0.2, erase=0.4
)
NOISE = AugmentAudio(shift=0.2, gain=6, noise=0.2, stretch=0.1, pitch_shift=0.2, time_mask=0.3, pitch_mask=0.3)
HOW = Spectrogram(rate=8000, num_samples=1536, window=256, hop=128, n_mels=8, top_db=80.0)
CHANGES: dict[str, Augmentation] = {
    SIZE.name: lambda block, generator, rows: jittered(block, AugmentNumber(jitter=0.1), generator, 1.0, rows),
    TOWN.name: lambda block, generator, rows: swapped(block, AugmentCategory(swap=0.5), generator, rows),
    WORDS.name: lambda block, generator, rows: augment_tokens(block, AugmentText(swap=0.2, drop=0.2), generator, rows),
    SCAN.name: lambda block, generator, rows: augment_images(block, EVERYTHING, generator, rows),
    CALL.name: lambda block, generator, rows: augment_spectrograms(block, NOISE, generator, HOW, rows),
}


def examples(num_rows: int) -> Examples:
    random = np.random.default_rng(0)
    blocks: dict[str, Any] = {
        SIZE.name: np.stack([random.normal(size=num_rows), np.zeros(num_rows)], axis=1).astype(np.float32),
        TOWN.name: random.integers(0, 4, num_rows).astype(np.int32),
        WORDS.name: np.sort(random.integers(0, 50, (num_rows, 7)))[:, ::-1].astype(np.int32),
        SCAN.name: random.integers(0, 256, (num_rows, *SCAN.shape)).astype(np.uint8),
        CALL.name: random.integers(0, 256, (num_rows, *CALL.shape)).astype(np.uint8),
    }
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=num_rows), target=random.integers(0, 2, num_rows))


def training(workers: Workers, mix: Mix, augmentations: dict[str, Augmentation]) -> Training:
    job = Job(
        spec=Spec(fields=FIELDS, task="binary", classes=("a", "b")),
        train=examples(43),
        validation=examples(5),
        augmentations=augmentations,
        mix=mix,
    )
    config = {"kind": "torch", "network": {"kind": "mlp"}, "batch_size": 23, "device": "cpu"}
    return Training(job, TorchTrain.model_validate(config), CPU, workers)


@pytest.mark.parametrize("mix", [Mix(), Mix(kind="mixup"), Mix(kind="cutmix")], ids=lambda mix: mix.kind)
@pytest.mark.parametrize("augmentations", [CHANGES, {}], ids=["changed", "as they are"])
@pytest.mark.parametrize("size", [2, 3, 7])
def test_what_workers_change_is_together_what_one_changes(
    mix: Mix, augmentations: dict[str, Augmentation], size: int
) -> None:
    alone = training(Workers(rank=0, size=1), mix, augmentations)
    whole = [changed(alone, data) for data in alone.batches.epoch(0)]
    assert all(batch.first == 0 for batch in whole)
    if augmentations:
        before = next(alone.batches.epoch(0)).blocks
        assert not any(torch.equal(whole[0].blocks[name].float(), before[name].float()) for name in before)
    for rank in range(size):
        worker = training(Workers(rank=rank, size=size), mix, augmentations)
        for expected, data in zip(whole, worker.batches.epoch(0), strict=True):
            batch, own = changed(worker, data), worker.workers.share(len(data))
            for name, block in expected.blocks.items():
                mine = batch.blocks[name][own.start - batch.first : own.stop - batch.first]
                assert torch.equal(mine, block[own])
            assert torch.equal(batch.target, expected.target)


@pytest.mark.parametrize("column", CHANGES)
@pytest.mark.parametrize("own", [slice(0, 5), slice(7, 8), slice(9, 23)], ids=str)
def test_the_wanted_rows_have_the_bits_that_they_have_among_all(column: str, own: slice) -> None:
    change = CHANGES[column]
    block = torch.from_numpy(examples(23).inputs.blocks[column])

    def answered(rows: StepRows) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(3)
        return change(block, generator, rows), generator.get_state()

    (all_rows, state), (wanted, own_state) = answered(StepRows()), answered(StepRows(own=own))
    assert torch.equal(wanted, all_rows[own])
    # What comes after it draws the same.
    assert torch.equal(state, own_state)


def test_a_worker_changes_no_more_than_its_own_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    resampled: Callable[..., Tensor] = torch.nn.functional.grid_sample

    def spied(values: Tensor, *args: Any, **settings: Any) -> Tensor:
        seen.append(len(values))
        return resampled(values, *args, **settings)

    monkeypatch.setattr(torch.nn.functional, "grid_sample", spied)
    worker = training(Workers(rank=1, size=3), Mix(), CHANGES)
    batches = [changed(worker, data) for data in worker.batches.epoch(0)]
    assert seen == [8, 7] == [len(batch.blocks[SCAN.name]) for batch in batches]
