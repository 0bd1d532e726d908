"""The train stage's own workers: real ones, started by torchrun; two of them learn what one process learns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.params.torch import TorchTrain
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.trainers import trainer
from tasks.training.job import read_job
from tasks.training.listeners import History
from tasks.training.workers import check_workers, fit_in_workers
from tests import trained

PARAMS = trained.PARAMS.replace("{min_documents: 1}", "{encode: tokens, vocabulary: 300}").replace(
    "augment: {}", "augment: {image: {brightness: 0.2, shift: 0.2}, number: {jitter: 0.1}}"
)
FOR_EVER = 1_000_000
has_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    with trained.elsewhere(tmp_path_factory) as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "PARAMS", PARAMS)
        yield trained.prepared(root)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where passing folders go: after each test none is there, and no process that works in one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not _at_work(tmp_path)
    assert not list(tmp_path.glob("modelwright-*"))


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.training.workers.num_cores", lambda: 2)


class Recorder(History):
    """Counts how often a training began and ended."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def started(self, num_epochs: int) -> None:
        super().started(num_epochs)
        self.told.append("started")

    def ended(self) -> None:
        self.told.append("ended")


class AtFirstEpoch(Recorder):
    """Does something once, when the training is well on its way."""

    def __init__(self, what: Any) -> None:
        super().__init__()
        self._what = what

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        super().epoch_ended(epoch, metrics)
        what, self._what = self._what, lambda: None
        what()


@pytest.mark.chain
@pytest.mark.usefixtures("two_cores")
def test_two_workers_learn_what_one_process_learns(paths: Paths) -> None:
    # 60 rows by 17: no step can be halved, and the last is smaller.
    config = _config(epochs=3, batch_size=17, clip_norm=1.0, ema_decay=0.9)
    assert config.network.dropout > 0
    shared, alone = Recorder(), History()
    fitted = fit_in_workers(config, paths, [shared])
    job = replace(read_job(config, paths, read_recipe(paths.recipe), [alone]), checkpoints=None)
    assert job.augmentations
    by_itself = trainer("torch").fit(job, config)
    assert shared.told == ["started", "ended"]
    assert [row["epoch"] for row in shared.rows] == [1, 2, 3]
    for found, expected in zip(shared.rows, alone.rows, strict=True):
        assert found == pytest.approx(expected, rel=1e-5)
    assert fitted.facts == {**by_itself.facts, "workers": 2}
    rows = job.validation.loaded().inputs
    np.testing.assert_allclose(fitted.model.predict(rows), by_itself.model.predict(rows), rtol=1e-3, atol=1e-5)


@pytest.mark.chain
@pytest.mark.usefixtures("two_cores")
def test_a_users_mistake_is_told_as_in_one_process(paths: Paths) -> None:
    config = _config(learning_rate=1e30, optimizer="sgd", schedule="constant")
    history = Recorder()
    with pytest.raises(UserError, match=r"^train: the loss is not finite in epoch 1, batch \d+ of 4"):
        fit_in_workers(config, paths, [history])
    assert history.told == ["started", "ended"]


@has_proc
@pytest.mark.chain
@pytest.mark.usefixtures("two_cores")
def test_a_worker_that_is_killed_ends_the_training_and_says_what_to_do(paths: Paths, scratch: Path) -> None:
    def kill_second() -> None:
        os.kill(_rank(scratch, 1), signal.SIGKILL)

    history = AtFirstEpoch(kill_second)
    with pytest.raises(UserError, match=r"^train: worker 2 of 2 was killed by signal 9 \(SIGKILL\)") as caught:
        fit_in_workers(_config(epochs=FOR_EVER), paths, [history])
    assert "fewer train.workers" in str(caught.value)
    assert history.told == ["started", "ended"]


@has_proc
@pytest.mark.chain
@pytest.mark.usefixtures("two_cores")
def test_ctrl_c_ends_all_workers(paths: Paths, scratch: Path) -> None:
    seen: list[int] = []

    def interrupt() -> None:
        seen.extend(_at_work(scratch))
        raise KeyboardInterrupt

    history = AtFirstEpoch(interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit_in_workers(_config(epochs=FOR_EVER), paths, [history])
    assert len(seen) == 3
    assert history.told == ["started", "ended"]


@has_proc
@pytest.mark.chain
def test_workers_end_when_the_train_stage_is_killed(paths: Paths, scratch: Path) -> None:
    script = f"""
import tempfile
import tasks.parallel
tasks.parallel.num_cores, tempfile.tempdir = (lambda: 2), {str(scratch)!r}
from pathlib import Path
from tasks.params.torch import TorchTrain
from tasks.paths import Project
from tasks.training.workers import fit_in_workers
config = TorchTrain.model_validate_json({_config(epochs=FOR_EVER).model_dump_json(exclude_unset=True)!r})
fit_in_workers(config, Project(root=Path({str(paths.project.root)!r})).pipeline("mixed"), [])
"""
    code = str(Path(trained.__file__).parents[1])
    stage = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": code})
    try:
        _until(lambda: list(scratch.glob("*/events.jsonl")), stage)
        assert len(set(_at_work(scratch)) - {stage.pid}) == 3
    finally:
        stage.kill()
        stage.wait()
    _until(lambda: not _at_work(scratch))
    for folder in scratch.iterdir():
        subprocess.run(["rm", "-r", folder], check=True)


def test_no_more_workers_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.training.workers.num_cores", lambda: 4)
    check_workers(_config(workers=4))
    with pytest.raises(UserError, match=r"train.workers: 5 are more than the 4 cores of this machine; give at most 4$"):
        check_workers(_config(workers=5))


def test_no_more_workers_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    check_workers(_config(workers=2, device="cuda"))
    with pytest.raises(UserError, match=r"3 are more than the 2 GPUs .* or `device: cpu`$"):
        check_workers(_config(workers=3, device="auto"))
    with pytest.raises(UserError, match=r"train.device: cuda:1 is one device"):
        check_workers(_config(workers=2, device="cuda:1"))


def test_batch_norm_is_refused_on_cpus_and_the_advice_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.training.workers.num_cores", lambda: 4)
    cnn = {"kind": "cnn", "channels": (4, 8)}
    with pytest.raises(UserError, match=r"^train.workers: 2 .* `network: norm: none` .* or `workers: 1`$") as caught:
        check_workers(_config(network=cnn))
    assert "\n" not in str(caught.value)
    check_workers(_config(network={**cnn, "norm": "none"}))
    check_workers(_config(network={"kind": "mlp", "norm": "layer"}))
    check_workers(_config(network=cnn, workers=1))


def test_no_more_workers_than_rows(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.training.workers.num_cores", lambda: 64)
    with pytest.raises(UserError, match=r"train.workers: 61 are more than the 60 training rows"):
        fit_in_workers(_config(workers=61), paths, [])


def test_a_device_that_is_not_there_is_told_before_anything_starts(paths: Paths) -> None:
    with pytest.raises(UserError, match=r"train.device: cuda:77 is not there"):
        fit_in_workers(_config(device="cuda:77"), paths, [])


def _config(**settings: Any) -> TorchTrain:
    network = {"kind": "cnn", "channels": (4, 8), "norm": "none"}
    common = {"kind": "torch", "network": network, "workers": 2, "batch_size": 16, "learning_rate": 0.01}
    return TorchTrain.model_validate({**common, "device": "cpu", **settings})


def _at_work(scratch: Path) -> list[int]:
    """The processes that have been told of a folder in `scratch`: torchrun and its workers."""
    return [process for process, words in _processes() if any(str(scratch) in word for word in words)]


def _rank(scratch: Path, rank: int) -> int:
    """The worker of that number."""
    told = f"RANK={rank}"
    at_work = set(_at_work(scratch))
    return next(process for process in at_work if told in _words(process, "environ"))


def _processes() -> Iterator[tuple[int, Sequence[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            yield int(folder.name), _words(int(folder.name), "cmdline")


def _words(process: int, file: str) -> list[str]:
    try:
        return (Path("/proc") / str(process) / file).read_text(errors="replace").split("\0")
    except OSError:  # it has ended meanwhile
        return []


def _until(condition: Any, process: subprocess.Popen[bytes] | None = None) -> None:
    while not condition():
        assert process is None or process.poll() is None, "it ended before its time"
        time.sleep(0.1)
