"""A checkpoint is written while the training goes on: it is that of its moment, and what goes wrong is told."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tasks import files
from tasks.errors import UserError
from tasks.params.torch import TorchTrain
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.checkpoints import Checkpoints
from tasks.trainers.torch.listeners import Quiet
from tasks.trainers.torch.loop import LoopListener, fit
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import ALONE
from tests.trainers.torch.killed_training import CONFIG, make_job

SECONDS = 60


def config(**changes: Any) -> TorchTrain:
    return TorchTrain.model_validate(CONFIG.model_dump(exclude_unset=True) | {"epochs": 2} | changes)


def training_of(folder: Path) -> Training:
    return Training(make_job(folder), config(), torch.device("cpu"), ALONE)


class Recorder(Quiet):
    """Keeps the weights of every step; `at` is called behind the step of that number."""

    def __init__(self, **at: Any) -> None:
        self.weights: dict[int, dict[str, Tensor]] = {}
        self._at = at

    def step_ended(self, training: Training) -> None:
        step = training.progress.step
        self.weights[step] = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
        if f"step_{step}" in self._at:
            self._at[f"step_{step}"]()


def run(training: Training, folder: Path, *others: LoopListener, steps: int | None = 1) -> None:
    fit(training, [*others, Checkpoints(folder, minutes=60, steps=steps)])


def test_what_is_written_while_steps_go_on_is_the_state_of_its_own_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writing of step 3 is held until step 5 is over."""
    go_on, kept = threading.Event(), {}
    lasting = files.write_lasting

    def held(path: Path, content: bytes) -> None:
        assert go_on.wait(SECONDS)
        lasting(path, content)
        if path.suffix == ".safetensors":
            kept[path.name] = load_file(path)

    monkeypatch.setattr(files, "write_lasting", held)
    recorder, training = Recorder(step_5=go_on.set), training_of(tmp_path)
    run(training, tmp_path, recorder, steps=3)
    of_step_3 = {name: kept["step-3-0.safetensors"][f"network/{name}"] for name in recorder.weights[3]}
    torch.testing.assert_close(of_step_3, recorder.weights[3], rtol=0, atol=0)
    assert any(not torch.equal(of_step_3[name], recorder.weights[5][name]) for name in of_step_3)


def test_one_checkpoint_at_most_is_being_written_and_all_are_when_the_training_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, most = threading.Semaphore(1), []
    lasting = files.write_lasting

    def counted(path: Path, content: bytes) -> None:
        most.append(at_work.acquire(blocking=False))
        lasting(path, content)
        at_work.release()

    monkeypatch.setattr(files, "write_lasting", counted)
    training = training_of(tmp_path)
    run(training, tmp_path)
    assert all(most)
    assert json.loads((tmp_path / "latest.json").read_text())["progress"]["step"] == training.progress.step
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("checkpoint")]


@pytest.mark.parametrize("failing", [1, 4, 18])
def test_a_checkpoint_that_cannot_be_written_ends_the_training_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The first, one in the middle, and that of the last epoch, behind which no step comes."""
    calls: list[Path] = []
    lasting = files.write_lasting

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".safetensors":
            calls.append(path)
            if len(calls) == failing:
                raise UserError(f"{path}: the disk is full")
        lasting(path, content)

    monkeypatch.setattr(files, "write_lasting", full)
    with pytest.raises(UserError, match="the disk is full"):
        TorchTrainer().fit(make_job(tmp_path), config(epochs=2, checkpoint_steps=1, max_steps=16))
    assert len(calls) == failing
    # What was there before is whole, and a run goes on from it.
    monkeypatch.setattr(files, "write_lasting", lasting)
    assert (tmp_path / "latest.json").exists() == (failing > 1)
    again = TorchTrainer().fit(make_job(tmp_path), config(epochs=2, checkpoint_steps=1, max_steps=16))
    whole = TorchTrainer().fit(make_job(None), config(epochs=2, max_steps=16))
    torch.testing.assert_close(again.model.network.state_dict(), whole.model.network.state_dict(), rtol=0, atol=0)
