"""A training that was killed goes on, and ends with the bytes of one that never was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.params.torch import TorchTrain
from tasks.trainers.torch import TorchTrainer
from tasks.training.listeners import History
from tests.projects import REPOSITORY
from tests.trainers.torch.killed_training import CONFIG, contents, make_job, train


class Killed(BaseException):
    """Stands for a signal."""


class KilledAt(History):
    """Ends the process, as far as a test can, when so many epochs are over."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def epoch_ended(self, epoch: int, metrics: Any) -> None:
        super().epoch_ended(epoch, metrics)
        if epoch == self._epochs:
            raise Killed


def config(**changes: Any) -> TorchTrain:
    return TorchTrain.model_validate(CONFIG.model_dump(exclude_unset=True) | {"epochs": 4} | changes)


def cut_off(folder: Path, settings: TorchTrain, epochs: int = 2) -> None:
    """What a training leaves that was killed in its last moment before the checkpoint of epoch `epochs`."""
    with pytest.raises(Killed):
        TorchTrainer().fit(make_job(folder, (KilledAt(epochs),)), settings)


@pytest.mark.long
@pytest.mark.chain
def test_killed_at_twenty_random_moments_the_weights_are_the_same_byte_for_byte(tmp_path: Path) -> None:
    """Each process is killed by SIGKILL, in a step, in validation or while a checkpoint is written."""
    command = [sys.executable, "-m", "tests.trainers.torch.killed_training", str(tmp_path), "0", "20"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("20 kills\n")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"checkpoint_steps": 3},
        {"optimizer": "sgd", "schedule": "one_cycle", "warmup_steps": 0},
        {"optimizer": "adagrad", "schedule": "step", "decay_every": 1},
        {"optimizer": "rmsprop", "momentum": 0.5, "schedule": "cosine", "ema_decay": None},
        {"optimizer": "muon", "momentum": 0.9},
        {"network": {"kind": "cnn", "channels": [4], "hidden": 4, "whitening": True, "dirac": True}},
        {"max_steps": 21},
        {"patience": 1, "learning_rate": 1e-9},
        {"precision": "bf16"},
    ],
    ids=str,
)
def test_every_setting_goes_on_to_the_same_bytes(tmp_path: Path, changes: dict[str, Any]) -> None:
    given = CONFIG.model_dump(exclude_unset=True) | {"epochs": 4} | changes
    if given["schedule"] != "plateau":
        del given["plateau_patience"], given["decay_factor"]
    settings = TorchTrain.model_validate(given)
    whole, after = History(), History()
    expected = TorchTrainer().fit(make_job(None, (whole,)), settings)
    cut_off(tmp_path / "checkpoints", settings, epochs=1)
    found = TorchTrainer().fit(make_job(tmp_path / "checkpoints", (after,)), settings)
    for name, fitted in (("expected", expected), ("found", found)):
        (tmp_path / name).mkdir()
        fitted.model.save(tmp_path / name)
    assert contents(tmp_path / "expected") == contents(tmp_path / "found")
    assert (whole.rows, expected.facts, expected.diagnostics) == (after.rows, found.facts, found.diagnostics)


def test_a_checkpoint_is_two_files_and_no_pickle(tmp_path: Path) -> None:
    cut_off(tmp_path, config())
    (weights,) = tmp_path.glob("*.safetensors")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["latest.json", weights.name]
    state = json.loads((tmp_path / "latest.json").read_text())
    assert (state["file"], state["progress"]["epoch"]) == (weights.name, 1)


def test_without_a_due_checkpoint_nothing_is_written(tmp_path: Path) -> None:
    settings = config(checkpoint_steps=None, checkpoint_minutes=60)
    train_job = make_job(tmp_path / "checkpoints")
    TorchTrainer().fit(train_job, settings)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    "spoil", ["tensors cut", "tensors changed", "tensors gone", "state cut", "state of another", "format"]
)
def test_a_damaged_checkpoint_is_refused_and_left_alone(tmp_path: Path, spoil: str) -> None:
    cut_off(tmp_path, config())
    (weights,), latest = tmp_path.glob("*.safetensors"), tmp_path / "latest.json"
    content, state = weights.read_bytes(), json.loads(latest.read_text())
    match spoil:
        case "tensors cut":
            weights.write_bytes(content[: len(content) // 2])
        case "tensors changed":
            weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "tensors gone":
            weights.unlink()
        case "state cut":
            latest.write_bytes(latest.read_bytes()[:50])
        case "state of another":
            latest.write_text('{"step": 3}')
        case "format":
            latest.write_text(json.dumps({**state, "format": 99}))
    before = contents(tmp_path)
    with pytest.raises(UserError, match=r"checkpoint.*remove the folder to begin the training anew"):
        TorchTrainer().fit(make_job(tmp_path), config())
    assert contents(tmp_path) == before


def test_a_checkpoint_of_another_model_is_refused_and_left_alone(tmp_path: Path) -> None:
    cut_off(tmp_path, config())
    before = contents(tmp_path)
    larger = config(network={"kind": "cnn", "channels": [4, 8], "convolutions": 1, "hidden": 9, "dropout": 0.3})
    with pytest.raises(UserError, match="a checkpoint of another model; remove the folder"):
        TorchTrainer().fit(make_job(tmp_path), larger)
    assert contents(tmp_path) == before


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    settings = config(learning_rate=1e25, clip_norm=None, warmup_steps=0, optimizer="sgd", ema_decay=None)
    with pytest.raises(
        UserError, match=r"not finite in epoch .*; the last good checkpoint is kept in .*; try a smaller"
    ):
        TorchTrainer().fit(make_job(tmp_path), settings)
    files = contents(tmp_path)
    assert "latest.json" in files
    from safetensors.numpy import load

    (weights,) = (content for name, content in files.items() if name.endswith(".safetensors"))
    assert all(np.isfinite(tensor).all() for tensor in load(weights).values())


def test_the_script_of_the_kill_test_tells_a_difference(tmp_path: Path) -> None:
    """So that the test above can fail: other rows give other bytes."""
    train(tmp_path / "whole", None)
    fitted = TorchTrainer().fit(
        replace(make_job(None), mix=make_job(None).mix.model_copy(update={"share": 0.4})), CONFIG
    )
    (tmp_path / "other").mkdir()
    fitted.model.save(tmp_path / "other")
    assert contents(tmp_path / "whole")["model.safetensors"] != contents(tmp_path / "other")["model.safetensors"]
