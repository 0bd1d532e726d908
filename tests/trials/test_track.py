"""What a run in MLflow is told beside the training; and that a store that was down is told later, when register is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tasks import files, register
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tables import storage
from tasks.tracking.tags import CODE_TAG, DATA_TAG, TEST_ROWS_TAG
from tasks.tracking.trainings import answers_of, trainings
from tasks.trials.track import track
from tests.trained import METRICS, elsewhere, rows, trained

pytestmark = pytest.mark.chain


@pytest.fixture
def mixed(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Paths:
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = trained(root)
        storage.write_parts(paths.valid, [rows(60, 0), rows(30, 1), rows(30, 2)])
        yield paths


def test_a_run_has_all_parameters_data_code_metrics_and_answers(mixed: Paths) -> None:
    pipeline = load_pipeline(mixed.project.params, "mixed")
    for stage in ("clean", "train", "evaluate"):
        track(mixed, stage, pipeline, "c" * 64)
    (run,) = trainings(mixed.project, "mixed")
    assert run.name == "first: logistic_regression"
    assert (run.params["estimator.C"], run.params["normalize.text.min_documents"]) == ("1.0", "1")
    assert (run.tags[DATA_TAG], run.tags[CODE_TAG]) == ("d" * 64, "c" * 64)
    assert {f"test_{name}": value for name, value in METRICS.items()}.items() <= run.metrics.items()
    answers = answers_of(mixed.project, run)
    assert answers is not None
    assert answers.height == 30
    assert answers["actual"].to_list() == storage.read_table(mixed.clean("test"))["label"].to_list()
    assert answers["row"].n_unique() == 30


def test_what_a_server_missed_it_is_told_when_register_reaches_it(
    mixed: Paths, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = load_pipeline(mixed.project.params, "mixed")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    # As after a training that found no server: nobody waits for it again.
    files.write_json(mixed.undelivered, {"pipeline": "mixed", "model": ""})
    track(mixed, "train", pipeline, "c")
    track(mixed, "evaluate", pipeline, "c")
    assert not caplog.records
    # It went away in between.
    files.remove(mixed.undelivered)
    track(mixed, "evaluate", pipeline, "c")
    assert "the next run delivers what is missing" in caplog.text
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    register.run(pipeline, mixed)
    track(mixed, "register", pipeline, "c")
    (run,) = trainings(mixed.project, "mixed")
    assert TEST_ROWS_TAG in run.tags
    assert run.params["split.seed"] == "0"
