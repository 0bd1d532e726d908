"""Models by the names of registered versions, from a real store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import files, register
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project
from tasks.tracking import store
from tasks.tracking.models import model_folder
from tests.trained import elsewhere, trained

pytestmark = pytest.mark.chain

SETTING = "train.init_from"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    """A pipeline `mixed` whose first version is the champion."""
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = trained(root)
        register.run(load_pipeline(paths.project.params, "mixed"), paths)
        yield paths


@pytest.fixture
def without_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> str:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", refuse)


def fetched(project: Project) -> list[str]:
    return sorted(file.name for file in project.fetched_models.glob("*"))


def test_a_version_is_the_models_folder_as_it_was_registered(registered: Paths) -> None:
    folder = model_folder(registered.project, "models:/mixed@champion", SETTING)
    assert folder_digest(folder) == folder_digest(registered.model)
    assert folder.is_relative_to(registered.project.fetched_models)
    assert fetched(registered.project) == [folder.name]


@pytest.mark.usefixtures("without_downloads")
def test_a_version_is_fetched_once_whatever_it_is_called_by(registered: Paths) -> None:
    found = {model_folder(registered.project, f"models:/mixed{name}", SETTING) for name in ("@champion", "/1")}
    assert [folder.name for folder in found] == fetched(registered.project)


@pytest.mark.sqlite
def test_a_version_of_a_store_that_was_begun_anew_is_not_taken_for_the_old_one(
    registered: Paths, tmp_path: Path
) -> None:
    client = store.connect(registered.project)
    version = client.get_model_version("mixed", "1")
    shutil.copytree(Path(version.source.removeprefix("file://")), tmp_path / "other")
    folders = []
    for source in (version.source, (tmp_path / "other").as_uri()):
        client.create_registered_model("again")
        client.create_model_version("again", source=source, await_creation_for=0)
        folders.append(model_folder(registered.project, "models:/again/1", SETTING))
        client.delete_registered_model("again")
    assert folders[0] != folders[1]


def test_a_models_folder_is_taken_as_it_is(registered: Paths, tmp_path: Path) -> None:
    assert model_folder(registered.project, "models/mixed", SETTING) == registered.model
    files.write_json(tmp_path / "model.json", {})
    assert model_folder(registered.project, str(tmp_path), SETTING) == tmp_path


@pytest.mark.parametrize("source", ["models/mixxed", "data/mixed", "params.yaml"])
def test_a_folder_without_a_model_is_named(registered: Paths, source: str) -> None:
    with pytest.raises(UserError, match=rf"^train\.init_from: {source} is no model's folder .*give models/PIPE"):
        model_folder(registered.project, source, SETTING)


@pytest.mark.parametrize(
    "source",
    [
        "models:/mixed",
        "models:mixed/1",
        "models:/mixed/one",
        "models:/mixed@",
        "models:/mixed@a/1",
    ],
)
def test_a_name_without_a_version_is_refused(registered: Paths, source: str) -> None:
    with pytest.raises(UserError, match=r"^train\.init_from: .*names no version; write models:/NAME@champion or"):
        model_folder(registered.project, source, SETTING)


@pytest.mark.parametrize(
    "source", ["models:/unknown@champion", "models:/unknown/1", "models:/mixed@live", "models:/mixed/9"]
)
def test_what_the_registry_does_not_have_is_said(registered: Paths, source: str) -> None:
    with pytest.raises(UserError, match=rf"^train\.init_from: the registry has no {source} \(.*`modelwright ui` shows"):
        model_folder(registered.project, source, SETTING)


@pytest.mark.sqlite
def test_a_model_that_others_registered_is_refused_and_leaves_nothing(registered: Paths, tmp_path: Path) -> None:
    before = fetched(registered.project)
    (tmp_path / "MLmodel").write_text("flavors: {sklearn: {}}\n")
    client = store.connect(registered.project)
    client.create_registered_model("foreign")
    client.create_model_version("foreign", source=tmp_path.as_uri(), await_creation_for=0)
    with pytest.raises(UserError, match=r"^train\.init_from: models:/foreign/1 was not registered by Modelwright"):
        model_folder(registered.project, "models:/foreign/1", SETTING)
    assert fetched(registered.project) == before


@pytest.mark.sqlite
def test_a_version_whose_files_are_damaged_is_not_begun_from(registered: Paths, tmp_path: Path) -> None:
    client = store.connect(registered.project)
    shutil.copytree(Path(client.get_model_version("mixed", "1").source.removeprefix("file://")), tmp_path / "cut")
    (tmp_path / "cut" / "MLmodel").write_text("flavors: {")
    client.create_registered_model("cut")
    client.create_model_version("cut", source=(tmp_path / "cut").as_uri(), await_creation_for=0)
    with pytest.raises(
        UserError, match=r"^train\.init_from: models:/cut/1: .*MLmodel is damaged; give another version"
    ):
        model_folder(registered.project, "models:/cut/1", SETTING)


def test_a_registry_that_is_down_is_said(registered: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match="the tracking store cannot be used"):
        model_folder(registered.project, "models:/mixed@champion", SETTING)
