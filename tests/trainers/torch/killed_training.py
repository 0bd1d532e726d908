"""Trains in processes of its own that are killed at random moments, each going on from where the last one came to.

`python -m tests.trainers.torch.killed_training FOLDER SEED KILLS` prints how many trainings came to their end in
between, and exits with 1 when any of them did not leave the bytes of one that was never killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.augment import AugmentImage, Mix
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job
from tasks.training.listeners import History

IMAGE = Field(name="scan", kind="image", shape=(1, 8, 8), factor=(1 / 255,), offset=(0.0,))
CONFIG = TorchTrain.model_validate(
    {
        "kind": "torch",
        "network": {"kind": "cnn", "channels": [4, 8], "convolutions": 1, "hidden": 8, "dropout": 0.3},
        "epochs": 12,
        "batch_size": 8,
        "gradient_accumulation": 2,
        "optimizer": "adamw",
        "schedule": "plateau",
        "plateau_patience": 1,
        "decay_factor": 0.5,
        "warmup_steps": 5,
        "clip_norm": 1.0,
        "l1": 1e-5,
        "label_smoothing": 0.1,
        "ema_decay": 0.9,
        "device": "cpu",
        "checkpoint_steps": 1,
    }
)


def make_job(checkpoints: Path | None, listeners: tuple[History, ...] = ()) -> Job:
    """Dark and bright halves, turned and mixed on the batch."""
    from tasks.columns.image.augment import augment_images

    def examples(num_rows: int, seed: int) -> Examples:
        drawn = np.random.default_rng(seed)
        target = drawn.integers(0, 2, num_rows)
        images = drawn.integers(0, 50, (num_rows, 1, 8, 8)).astype(np.uint8)
        images[target == 0, :, :, :4] += 100
        images[target == 1, :, :, 4:] += 100
        return Examples(inputs=ModelInput(blocks={"scan": images}, num_rows=num_rows), target=target)

    settings = AugmentImage(rotate=20, shift=0.1)
    return Job(
        spec=Spec(fields=(IMAGE,), task="binary", classes=("left", "right")),
        train=examples(131, 0),
        validation=examples(40, 1),
        augmentations={"scan": lambda block, generator, rows: augment_images(block, settings, generator, rows)},
        mix=Mix(kind="mixup", share=0.5),
        listeners=listeners,
        checkpoints=checkpoints,
    )


def train(folder: Path, checkpoints: Path | None) -> None:
    """Trains, and leaves the model and the history in the folder."""
    from tasks.trainers.torch import TorchTrainer

    history = History()
    fitted = TorchTrainer().fit(make_job(checkpoints, (history,)), CONFIG)
    folder.mkdir()
    fitted.model.save(folder)
    (folder / "history.csv").write_text(history.as_csv())
    (folder / "facts.txt").write_text(str(fitted.facts))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def in_a_child(folder: Path, checkpoints: Path | None, kill_after: float | None = None) -> bool:
    """Whether the training came to its end before it was killed."""
    child = os.fork()
    if child == 0:
        train(folder, checkpoints)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the training failed by itself"
        return True
    return False


def main(folder: Path, seed: int, kills: int) -> int:
    import torch

    import tasks.trainers.torch  # noqa: F401 - before the children, each of which would take seconds for it

    torch.set_num_threads(1)
    start = time.monotonic()
    assert in_a_child(folder / "whole", None)
    seconds = time.monotonic() - start
    moments, done, killed = random.Random(seed), 0, 0
    while killed < kills:
        out, checkpoints = folder / "out", folder / "checkpoints"
        if in_a_child(out, checkpoints, kill_after=moments.uniform(0, seconds / 3)):
            if contents(out) != contents(folder / "whole"):
                return 1
            done += 1
            shutil.rmtree(checkpoints)
        else:
            killed += 1
        shutil.rmtree(out, ignore_errors=True)
    assert in_a_child(out, checkpoints)
    if contents(out) != contents(folder / "whole"):
        return 1
    print(f"{done + 1} trainings, {killed} kills")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
