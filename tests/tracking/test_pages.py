"""MLflow's pages in a browser: a version with its card, its model with the aliases, and the run with what it keeps."""

from __future__ import annotations

import io
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks import files, register
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tracking import pages, store
from tasks.tracking.page_server import page_address, serving
from tasks.tracking.promoting import promote, rollback
from tests.trained import elsewhere, png, trained
from tests.web_pages import browser, shown

pytestmark = [pytest.mark.chain, pytest.mark.sqlite]

MEASURES = {
    "size_mib": {"value": 0.01},
    "demographic_parity_difference": {"value": 0.21, "low": 0.15, "high": 0.27, "of": "town: Bonn 0.11, Ulm 0.32"},
    "robustness_loss": {"value": 0.0175, "low": -0.0087, "high": 0.0454, "of": "10 % of cells missing"},
    "drifted_columns": {"value": 0},
}
SECTIONS = ["What it is for", "On 30 test rows", "Limits", "What it costs", "The gate", "Where it came from"]

Opened = Callable[[str], str]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    """Version 1 is champion, as somebody went back to it; version 2 was it before, and asks to be it again."""
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = trained(root, sensitive="town")
        # Wider than the page: the only picture of a name that a version's page shows.
        files.write_bytes(paths.plots / "confusion_matrix.png", png(np.zeros((20, 1000), dtype=np.uint8)))
        files.write_json(paths.assessment("measures"), MEASURES)
        register.run(load_pipeline(paths.project.params, paths.pipeline), paths)
        client = store.connect(paths.project)
        source = client.get_model_version("mixed", "1").source
        client.create_model_version("mixed", source=source, await_creation_for=0)
        promote(paths.project, "mixed", "2", "approved by the board")
        rollback(paths.project, "mixed", None, "too many false alarms")
        client.set_registered_model_alias("mixed", "challenger", "2")
        yield paths


@pytest.fixture(scope="module")
def address(registered: Paths) -> Iterator[str]:
    browser()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(registered.project, port) as (address, _):
        assert address == f"http://127.0.0.1:{port}/"
        yield address


@pytest.fixture
def opened(address: str, tmp_path: Path) -> Opened:
    return lambda page: shown(f"{address}{page}", tmp_path / "profile")


def text_of(page: str) -> str:
    """What a reader sees, on one line."""
    return " ".join(unescape(re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", " ", page, flags=re.S)).split())


def test_a_version_shows_its_card_with_pictures_and_opens_what_belongs_to_it(opened: Opened, address: str) -> None:
    page = opened(pages.version("mixed", 1))
    headings = re.findall(r"<h3[^>]*>(.*?)</h3>", page)
    assert [section for section in SECTIONS if any(section in heading for heading in headings)] == SECTIONS
    # The list within the line, as a list.
    assert re.search(r"<li>groups of people:.*?<ul>\s*<li>demographic_parity_difference: <strong>0\.2100<", page, re.S)
    assert "disturbed rows: it gets worse by <strong>0.0175</strong>" in page
    assert "training rows: none" in page
    picture = re.search(r'<img src="(get-artifact\?[^"]*confusion_matrix[^"]*)"', page)
    assert picture, page
    answer = urllib.request.urlopen(address + unescape(picture[1]))
    # MLflow shows it as large as it is.
    assert Image.open(io.BytesIO(answer.read())).size == (640, 13)
    links = re.findall(r'href="(#/experiments/[^"]+)"', page)
    assert [re.sub(r".*/", "", link).split("?")[0] for link in links if "/artifacts/" in link] == [
        "report.html",
        "verdict.json",
        "passport.json",
    ]
    assert all(link.endswith("?workflowType=machine_learning") for link in links if "/artifacts/" in link)
    text = text_of(page)
    assert re.search(r"Version 1 .*Aliases : @ champion ", text)
    assert "the first version that passed the gate is champion" in text
    assert re.search(r"modelwright\.signed_off_by [^:]+: too many false alarms", text)


def test_a_model_shows_who_is_champion_challenger_and_was_it_before(opened: Opened) -> None:
    text = text_of(opened(pages.model("mixed")))
    assert "Predicts label , one of two classes" in text
    assert re.search(r"Version 2 .* @ challenger .*@ previous .*Version 1 .*@ champion", text)


def test_a_run_keeps_the_report_the_card_and_the_figures(registered: Paths, opened: Opened) -> None:
    client = store.connect(registered.project)
    version = client.get_model_version("mixed", "1")
    experiment_id = client.get_run(version.run_id).info.experiment_id
    assert "test_accuracy" in text_of(opened(pages.run(experiment_id, version.run_id)))
    text = text_of(opened(pages.artifact(experiment_id, version.run_id, "card.md")))
    assert all(f" {name} " in text for name in ("card.md", "report.html", "verdict.json", "passport.json", "plots"))
    assert all(section in text for section in SECTIONS)


def test_the_server_of_a_tracking_server_is_itself(registered: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page_address(registered.project) == "http://127.0.0.1:5000/"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@models.example.org/mlflow/")
    assert page_address(registered.project) == "https://models.example.org/mlflow/"
