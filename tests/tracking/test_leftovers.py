"""What a killed process left of a model is swept by the next; what a living one works on stays."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import register
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tracking import leftovers, store
from tests.registry_servers import artifacts_of
from tests.trained import elsewhere, trained

pytestmark = pytest.mark.chain

KILLED = """
import os, signal, sys
from pathlib import Path
from tasks import register
from tasks.params.file import load_pipeline
from tasks.paths import Project

paths = Project(root=Path(sys.argv[1])).pipeline("mixed")

def kill(event, arguments):
    if event == "open" and sys.argv[2] in str(arguments[0]) and "w" in str(arguments[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
register.run(load_pipeline(paths.project.params, "mixed"), paths)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        yield trained(root)


def models(paths: Paths) -> dict[str, str]:
    """The models that MLflow shows, and the status of each."""
    client = store.connect(paths.project)
    experiment = client.get_experiment_by_name("mixed")
    assert experiment is not None
    return {model.model_id: str(model.status) for model in client.search_logged_models([experiment.experiment_id])}


def folders(paths: Paths) -> list[str]:
    return sorted(folder.name for folder in artifacts_of(paths.project).rglob("models/m-*"))


def left_in(*places: Path) -> list[Path]:
    return [path for place in places for path in place.glob(".*.tmp*")]


# While the model is packed, and while its files are copied into the store.
@pytest.mark.parametrize(
    "file", ["packaged/conda.yaml", pytest.param("artifacts/requirements.txt", marks=pytest.mark.sqlite)]
)
def test_a_killed_register_leaves_nothing_for_good(project: Paths, tmp_path: Path, file: str) -> None:
    places = {"PYTHONPATH": str(Path(register.__file__).parents[1]), "TMPDIR": str(tmp_path)}
    environment = {**os.environ, **places, "MLFLOW_TRACKING_URI": store.tracking_uri(project.project)}
    command = [sys.executable, "-c", KILLED, str(project.project.root), file]
    killed = subprocess.run(command, env=environment, cwd=project.project.root, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    (pending,) = set(models(project)) - set(before(project))
    assert models(project)[pending] == "PENDING"
    assert left_in(project.checkpoints.parent)
    assert not list(tmp_path.iterdir())

    report = register.run(load_pipeline(project.project.params, "mixed"), project)
    assert report.figure == "mixed version 1, champion"
    assert set(models(project).values()) == {"READY"}
    assert folders(project) == sorted(models(project))
    assert not left_in(project.checkpoints.parent, project.project.tracking)
    # For the next one.
    store.connect(project.project).delete_registered_model("mixed")
    (ready,) = models(project)
    store.connect(project.project).delete_logged_model(ready)
    for folder in artifacts_of(project.project).rglob("models"):
        shutil.rmtree(folder)


def before(paths: Paths) -> list[str]:
    return [model for model, status in models(paths).items() if status == "READY"]


def test_what_others_work_on_stays(project: Paths) -> None:
    client = store.connect(project.project)
    experiment_id = store.experiment(client, project.project, "mixed")
    host = socket.gethostname()
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    now = f"{time.time():.0f}"
    owners = [f"{host}:{sleeper.pid}:{now}", f"another-machine:1:{now}", "", f"{host}:{os.getpid()}:{now}"]
    made = [
        client.create_logged_model(experiment_id, name="mixed", tags={"modelwright.process": owner}).model_id
        for owner in owners
    ]
    with leftovers.at_work_on(made[-1]):
        leftovers.sweep(client, experiment_id, project)
        assert set(made) <= set(models(project))
    leftovers.sweep(client, experiment_id, project)
    assert set(made) - set(models(project)) == {made[-1]}
    sleeper.communicate(b"\n")
    leftovers.sweep(client, experiment_id, project)
    assert set(made) - set(models(project)) == {made[0], made[-1]}


def test_mlflows_temporary_files_go_into_the_scratch_folder_for_as_long_as_it_packs(project: Paths) -> None:
    from mlflow.models import Model

    from tasks.tables import storage
    from tasks.tracking.package import packaged

    usual = tempfile.gettempdir()
    with packaged(project.model, storage.read_table(project.clean("test")), Model(), project.checkpoints) as folder:
        assert tempfile.gettempdir() == str(folder.parent)
    assert tempfile.gettempdir() == usual
    assert not left_in(project.checkpoints.parent)
