"""Attention over texts that are nowhere filled up needs no mask, and whether they are is asked of no device."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from tasks.columns.text.augment import augment_tokens
from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.networks import build
from tasks.networks.attention import Attention
from tasks.networks.steps import TokenSteps
from tasks.params.augment import AugmentText, Mix
from tasks.params.networks import TransformerNetwork
from tasks.params.torch import TorchTrain
from tasks.tables import storage
from tasks.trainers.base import Job
from tasks.trainers.torch import TorchTrainer, streaming
from tasks.trainers.torch.batches import TargetScale, make_batches, make_rows
from tasks.trainers.torch.data import WHOLE
from tasks.trainers.torch.loop import changed
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import ALONE
from tests.networks.fields import sound

CPU = torch.device("cpu")
NOTE = Field(name="note", kind="tokens", shape=(6,), vocabulary=20)
NOTES = Spec(fields=(NOTE,), task="binary", classes=("left", "right"))
NETWORK = TransformerNetwork(kind="transformer", width=12, num_heads=3, num_layers=2, mlp_ratio=2)


@pytest.fixture
def masks(monkeypatch: pytest.MonkeyPatch) -> list[Tensor | None]:
    """The masks that attention gets from now on."""
    given: list[Tensor | None] = []
    forward = Attention.forward

    def spied(self: Attention, values: Tensor, mask: Tensor | None) -> Tensor:
        given.append(mask)
        return forward(self, values, mask)

    monkeypatch.setattr(Attention, "forward", spied)
    return given


def examples(num_rows: int, *, num_shorter: int = 0) -> Examples:
    random = np.random.default_rng(0)
    target = random.integers(0, 2, num_rows)
    tokens = (random.integers(1, 10, (num_rows, 6)) + 10 * target[:, None]).astype(np.int32)
    tokens[:num_shorter, -1] = 0
    return Examples(inputs=ModelInput(blocks={"note": tokens}, num_rows=num_rows), target=target)


def job(num_shorter: int = 0, **changes: Any) -> Job:
    return replace(
        Job(spec=NOTES, train=examples(64, num_shorter=num_shorter), validation=examples(30)),
        **changes,
    )


def config() -> TorchTrain:
    return TorchTrain(kind="torch", network=NETWORK, batch_size=32, epochs=2, device="cpu")


def test_texts_that_are_nowhere_filled_up_are_answered_the_same_without_a_mask(masks: list[Tensor | None]) -> None:
    network = build(NETWORK, NOTES).eval()
    (steps,) = (module for module in network.modules() if isinstance(module, TokenSteps))
    texts = {"note": torch.randint(1, 20, (8, 6))}
    masked = network(texts)
    assert not any(mask is None for mask in masks)
    steps.is_whole = True
    masks.clear()
    assert torch.equal(network(texts), masked)
    assert masks == [None] * NETWORK.num_layers


def test_sounds_which_have_all_their_frames_need_no_mask(masks: list[Tensor | None]) -> None:
    call = sound()
    network = build(NETWORK, Spec(fields=(call,), task="regression", classes=()))
    network({"call": torch.randint(0, 256, (2, *call.shape), dtype=torch.uint8)})
    assert masks == [None] * NETWORK.num_layers


@pytest.mark.parametrize("max_bytes", [0, 300, 10**6])
def test_which_texts_are_whole_is_known_of_every_row_of_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_bytes: int
) -> None:
    monkeypatch.setattr(streaming, "_CHUNK_BYTES", 120)
    for number, size in enumerate((20, 0, 30, 7)):
        tokens = examples(size, num_shorter=size // 8).inputs.blocks["note"]
        columns = [to_series("note", NOTE, tokens), pl.Series("answer", [0] * size, dtype=pl.Int64)]
        pl.DataFrame(columns).write_parquet(tmp_path / f"part-{number:05d}.parquet")
    stored = StoredExamples(spec=NOTES, target="answer", files=tuple(storage.part_files(tmp_path)))
    training = make_batches(stored, NOTES, TargetScale(), step_rows=8, device=CPU, max_bytes=max_bytes, seed=0)
    validation = make_rows(stored, NOTES, TargetScale(), CPU, max_bytes, 8)
    seen = set()
    for data in chain(training.epoch(0), training.epoch(1, 2), validation):
        whole = (data.blocks["note"] != 0).all(dim=1)
        assert torch.equal(data.notes[WHOLE], whole)
        assert data.is_whole == bool(whole.all())
        seen.add(data.is_whole)
    assert seen == {True, False}


def test_a_step_is_whole_where_all_its_texts_are_and_none_loses_words() -> None:
    """Two steps an epoch, and a single shorter text."""
    cut = {"note": lambda block, generator, rows: augment_tokens(block, AugmentText(drop=0.5), generator, rows)}
    for of_job, expected in (
        (job(), [True, True]),
        (job(mix=Mix(kind="mixup")), [True, True]),
        (job(num_shorter=1), [False, True]),
        (job(augmentations=cut), [False, False]),
    ):
        training = Training(of_job, config(), CPU, ALONE)
        batches = [changed(training, data) for data in training.batches.epoch(0)]
        assert sorted(batch.is_whole for batch in batches) == expected
        assert all(bool((batch.blocks["note"] != 0).all()) == batch.is_whole for batch in batches)


def test_whole_texts_are_learnt_from_without_masks_and_answered_with_them(masks: list[Tensor | None]) -> None:
    model = TorchTrainer().fit(job(), config()).model
    assert masks
    assert all(mask is None for mask in masks)
    masks.clear()
    # A row's answer must be the same in any company, of whole texts or not.
    model.predict(examples(30).inputs)
    assert not any(mask is None for mask in masks)


def test_a_shorter_text_is_learnt_from_with_a_mask(masks: list[Tensor | None]) -> None:
    TorchTrainer().fit(job(num_shorter=64), config())
    num_of_training = NETWORK.num_layers * 4
    assert sum(mask is not None for mask in masks) == num_of_training
