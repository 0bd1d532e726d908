"""A version's page in a browser: it shows the pictures of its run, and opens run, report, verdict and passport."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest

from tasks import files, register
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tracking import pages
from tasks.tracking.page_server import serving
from tests.trained import elsewhere, trained
from tests.web_pages import browser, shown

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Paths:
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = trained(root)
        # The only picture that the helper leaves, under the name of one that a version's page shows.
        files.write_bytes(paths.plots / "confusion_matrix.png", (paths.plots / "confusion.png").read_bytes())
        register.run(load_pipeline(paths.project.params, paths.pipeline), paths)
        yield paths


def test_a_version_shows_its_pictures_and_opens_what_belongs_to_it(registered: Paths, tmp_path: Path) -> None:
    browser()
    with serving(registered.project, None) as (address, _):
        page = shown(f"{address}{pages.version('mixed', 1)}", tmp_path / "profile")
        picture = re.search(r'<img src="(get-artifact\?[^"]*confusion_matrix[^"]*)"', page)
        assert picture, page
        answer = urllib.request.urlopen(address + picture[1].replace("&amp;", "&"))
        assert answer.read() == (registered.plots / "confusion_matrix.png").read_bytes()
        links = re.findall(r'href="(#/experiments/[^"]+)"', page)
        assert [re.sub(r".*/", "", link).split("?")[0] for link in links if "/artifacts/" in link] == [
            "report.html",
            "verdict.json",
            "passport.json",
        ]
        assert all(link.endswith("?workflowType=machine_learning") for link in links if "/artifacts/" in link)
        assert "the first version that passed the gate is champion" in page


def test_the_server_of_a_tracking_server_is_itself(registered: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pages.server(registered.project) == "http://127.0.0.1:5000/"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@models.example.org/mlflow/")
    assert pages.server(registered.project) == "https://models.example.org/mlflow/"
