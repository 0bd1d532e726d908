from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import train
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.params.train import EnsembleTrain
from tasks.paths import Paths
from tasks.tracking import runs, store
from tasks.tracking.tags import MODEL_TAG
from tests.trained import elsewhere, prepared

pytestmark = pytest.mark.chain

KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tasks.tracking.runs import open_run

paths = Project(root=Path(sys.argv[1])).pipeline("mixed")
open_run(paths, load_pipeline(paths.project.params, "mixed").train)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_store) -> Paths:
    with elsewhere(tmp_path_factory, empty_store) as root:
        yield prepared(root)


@pytest.fixture
def refused(monkeypatch) -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    return address


def test_what_a_server_says_is_text_in_the_log(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        runs.warn("http://127.0.0.1", OSError("\x1b]0;title\x07 \x1b[2J gone"))
    assert caplog.records[-1].getMessage().isprintable()


def config(paths: Paths):
    return load_pipeline(paths.project.params, paths.pipeline).train


def all_runs(paths: Paths):
    client = store.connect(paths.project)
    return client.search_runs([store.experiment(client, paths.project, paths.pipeline)])


def test_parameters_are_flat_text(project):
    params = runs.flat_params(config(project))
    assert params["estimator.kind"] == "logistic_regression"
    assert params["estimator.C"] == "1.0"
    assert params["seed"] == "0"


def test_parameters_of_members_have_their_number():
    members = [{"kind": "lightgbm"}, {"kind": "sklearn", "estimator": {"kind": "ridge"}}]
    params = runs.flat_params(EnsembleTrain.model_validate({"kind": "ensemble", "members": members}))
    assert params["members.0.num_leaves"] == "31"
    assert params["members.1.estimator.kind"] == "ridge"


def test_a_training_is_a_run_with_everything(project):
    train.run(config(project), project)
    (run,) = all_runs(project)
    record = json.loads(project.run.read_text())
    assert run.info.status == "FINISHED"
    assert run.data.tags["modelwright.model"] == record["model"]
    assert run.data.tags["modelwright.pipeline"] == "mixed"
    assert run.data.params.items() >= {"trainer": "sklearn", "pipeline": "mixed", "estimator.C": "1.0"}.items()
    kept = {name: value for name, value in run.data.metrics.items() if name.startswith("best_")}
    assert kept == {f"best_{name}": value for name, value in record["metrics"].items()}
    assert run.data.metrics["training_energy_wh"] > 0
    assert run.data.tags["modelwright.energy"].startswith(("an estimate: ", "RAPL"))
    (used,) = run.inputs.dataset_inputs
    digest = folder_digest(project.augmented)
    assert used.dataset.digest == digest[:36]
    assert json.loads(used.dataset.profile) == {"num_rows": 60, "digest": digest}
    client = store.connect(project.project)
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"history.csv", "run.json", "recipe.json"}
    assert not project.undelivered.exists()


def test_what_is_delivered_is_not_delivered_again(project):
    (run,) = all_runs(project)
    assert runs.deliver(project) == run.info.run_id
    assert len(all_runs(project)) == 1


def test_epochs_are_steps_and_come_in_few_calls(project):
    log = runs.open_run(project, config(project))
    calls = []
    send = log._client.log_batch
    log._client.log_batch = lambda *args, **kwargs: (calls.append(1), send(*args, **kwargs))
    log.started(300)
    for epoch in range(1, 301):
        log.epoch_ended(epoch, {"train_loss": 1 / epoch})
    log.ended()
    assert len(calls) <= 2
    history = store.connect(project.project).get_metric_history(log._run_id, "train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(epoch, 1 / epoch) for epoch in range(1, 301)]
    log.fail()
    assert all_runs(project)[0].info.status == "FAILED"


def test_a_training_that_was_killed_does_not_run_for_ever(project):
    uri = {"MLFLOW_TRACKING_URI": store.tracking_uri(project.project)}
    environment = {**os.environ, **uri, "PYTHONPATH": str(Path(train.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(project.project.root)]
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    assert all_runs(project)[0].info.status == "RUNNING"
    goes_on = runs.open_run(project, config(project))
    assert all_runs(project)[1].info.status == "KILLED"
    runs.open_run(project, config(project)).fail()
    assert goes_on._run_id in [run.info.run_id for run in all_runs(project) if run.info.status == "RUNNING"]
    goes_on.fail()


def test_a_server_that_is_down_costs_a_training_nothing(project, refused, caplog):
    with caplog.at_level(logging.WARNING):
        report = train.run(config(project), project)
    assert report.stage == "train"
    assert project.undelivered.exists()
    warned = [record.message for record in caplog.records if record.name.startswith("tasks")]
    assert len(warned) == 1
    assert "the next run delivers what is missing" in warned[0]


def test_what_could_not_be_delivered_waits_while_the_server_is_down(project, refused):
    with pytest.raises(UserError, match="nothing is lost"):
        runs.deliver(project)
    assert not runs.deliver_waiting(project)
    assert project.undelivered.exists()


def test_what_waits_is_delivered_from_the_files(project):
    record = json.loads(project.run.read_text())
    project.run.write_text(json.dumps({**record, "model": "e" * 64}))
    project.history.write_text("epoch,train_loss,validation_loss\n1,0.5,0.6\n2,0.25,0.3\n")
    assert runs.deliver_waiting(project)
    assert not project.undelivered.exists()
    run = all_runs(project)[0]
    assert run.info.status == "FINISHED"
    assert run.data.tags["modelwright.model"] == "e" * 64
    assert run.data.params["estimator.C"] == "1.0"
    history = store.connect(project.project).get_metric_history(run.info.run_id, "validation_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.6), (2, 0.3)]
    count = len(all_runs(project))
    assert runs.deliver_waiting(project)
    runs.deliver(project)
    assert len(all_runs(project)) == count


def test_a_store_that_fails_in_mid_training_turns_the_log_off(project, caplog):
    log = runs.open_run(project, config(project))
    run_id = log._run_id
    store.connect(project.project).delete_run(run_id)
    with caplog.at_level(logging.WARNING):
        log.epoch_ended(1, {"train_loss": 1.0})
        log.ended()
        log.epoch_ended(2, {"train_loss": 1.0})
        log.ended()
        assert log.finish(project) is False
    assert len([record for record in caplog.records if record.name.startswith("tasks")]) == 1


def test_a_run_that_lost_its_server_is_ended_by_what_the_same_process_delivers_later(project, monkeypatch):
    """As `register` does behind a training whose server was started again meanwhile."""
    log = runs.open_run(project, config(project))

    def refuses(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(log._client, "log_batch", refuses)
        log.epoch_ended(1, {"train_loss": 1.0})
        assert log.finish(project) is False
    runs.deliver(project)
    assert store.connect(project.project).get_run(log._run_id).info.status == "KILLED"


@pytest.mark.sqlite
def test_a_place_that_cannot_be_written_costs_a_training_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    paths = prepared(tmp_path)
    (tmp_path / "mlflow").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert runs.open_run(paths, config(paths)).finish(paths) is False
    assert len(caplog.records) == 1


def test_a_run_is_found_by_its_model_as_mlflow_finds_it(project: Paths) -> None:
    client = store.connect(project.project)
    mine, other = (client.create_experiment(name) for name in ("found", "elsewhere"))
    started = [(mine, "a", 1), (mine, "a", 3), (mine, "a", 2), (mine, "b", 9), (other, "a", 7), (mine, "a", 8)]
    made = [
        client.create_run(experiment, start_time=time, tags={MODEL_TAG: model}).info.run_id
        for experiment, model, time in started
    ]
    client.delete_run(made[-1])
    for model, expected in (("a", made[1]), ("b", made[3]), ("c", None)):
        by_mlflow = client.search_runs([mine], f"tags.`{MODEL_TAG}` = '{model}'", max_results=1)
        assert [run.info.run_id for run in by_mlflow] == [run_id for run_id in [expected] if run_id]
        assert runs.find_run(client, project.project, mine, model) == expected
