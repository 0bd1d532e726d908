"""A server whose answer is lost after it has done the work: what is asked for again is not made a second time."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from tasks import register
from tasks.errors import UnreachableError, UserError
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tracking import store
from tests.mlflow_server import running_server
from tests.trained import elsewhere, trained
from tests.web import listening

pytestmark = pytest.mark.chain

CREATION = "/api/2.0/mlflow/model-versions/create"


class Losing(BaseHTTPRequestHandler):
    """Asks the server behind it; the answers to the paths in `lost` it keeps, once each."""

    server_address_behind = ""
    lost: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        url = f"{self.server_address_behind}{self.path}"
        request = urllib.request.Request(url, data=body or None, headers=kind, method=self.command)
        self.asked.append(self.path)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, headers, content = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, headers, content = error.code, error.headers, error.read()
        if self.path in self.lost:
            self.lost.remove(self.path)
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", headers.get("Content-Type", ""))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 (the base class's names)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    """A pipeline that was trained and evaluated; its registry is a server's, behind one that loses answers."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(empty_store, folder / "store")
    with (
        elsewhere(tmp_path_factory, empty_store) as root,
        running_server(f"sqlite:///{folder}/store/mlflow.db", folder) as Losing.server_address_behind,
        listening(Losing) as address,
    ):
        paths = trained(root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", address)
            yield paths


def test_a_version_is_made_once_though_the_answer_was_lost(served: Paths) -> None:
    pipeline = load_pipeline(served.project.params, "mixed")
    Losing.lost = [CREATION]
    report = register.run(pipeline, served)
    assert Losing.asked.count(CREATION) == 1
    assert report.numbers["version"] == 1
    # As a run on schedule does it once more.
    assert register.run(pipeline, served).numbers["version"] == 1
    client = store.connect(served.project)
    assert [version.version for version in client.search_model_versions("name = 'mixed'")] == ["1"]
    assert client.get_registered_model("mixed").aliases == {"champion": "1"}


def test_an_outage_is_told_apart_from_a_refusal(served: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    Losing.lost = ["/api/2.0/mlflow/experiments/search"]
    with pytest.raises(UnreachableError):
        store.check_store(served.project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{Losing.server_address_behind}/nothing-here")
    with pytest.raises(UserError) as refusal:
        store.check_store(served.project)
    assert not isinstance(refusal.value, UnreachableError)
