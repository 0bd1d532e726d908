"""What a store was given is read back from it before it counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.upload import upload

pytestmark = pytest.mark.chain


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    project = Project(root=tmp_path)
    store.ensure_store(project)
    return store.connect(project)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code" / "served.zip").write_bytes(b"\0" * 1000)
    return folder


class _Losing:
    """A server that says yes, and loses or changes a file, the first `times` times."""

    def __init__(self, client: MlflowClient, name: str, content: bytes | None, times: int) -> None:
        self.tracking_uri = client.tracking_uri
        self._client, self._name, self._content, self._times = client, name, content, times
        self.num_uploads = 0

    def log_model_artifacts(self, model_id: str, folder: str) -> None:
        self._client.log_model_artifacts(model_id, folder)
        self.num_uploads += 1
        if self.num_uploads <= self._times:
            model = self._client.get_logged_model(model_id)
            path = Path(model.artifact_location.removeprefix("file://"), self._name)
            path.unlink()
            if self._content is not None:
                path.write_bytes(self._content)


def uploaded(client: MlflowClient, packed: Path, losing: _Losing) -> None:
    experiment = client.create_experiment("one", artifact_location=(packed.parent / "kept").as_uri())
    model = client.create_logged_model(experiment, name="one")
    upload(losing, model, packed, packed.parent / "scratch" / "one")  # type: ignore[arg-type]


@pytest.mark.parametrize(("content", "fault"), [(None, "is missing"), (b"<html>", "is another file")])
def test_a_store_that_loses_a_file_each_time_is_told(
    client: MlflowClient, packed: Path, content: bytes | None, fault: str
) -> None:
    with pytest.raises(UserError, match=rf"\(code/served.zip {fault}\); look at its log"):
        uploaded(client, packed, _Losing(client, "code/served.zip", content, times=9))


def test_what_is_lost_once_is_given_again(client: MlflowClient, packed: Path) -> None:
    losing = _Losing(client, "MLmodel", None, times=1)
    uploaded(client, packed, losing)
    assert losing.num_uploads == 2
    assert not list((packed.parent / "scratch").iterdir())


def test_what_is_kept_is_given_once(client: MlflowClient, packed: Path) -> None:
    losing = _Losing(client, "MLmodel", None, times=0)
    uploaded(client, packed, losing)
    assert losing.num_uploads == 1
