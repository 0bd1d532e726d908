"""Versions of a registry that others can write to: their MLmodel and their files may say anything."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.paths import Project
from tasks.promotion.contest import NotComparableError
from tasks.recipe.picture_encoders import read_by_network
from tasks.recipe.trained_networks import read_network
from tasks.tracking import store
from tasks.tracking.champion import Champion, champion_answers
from tasks.tracking.models import model_folder
from tasks.trainers.base import read_model, write_model
from tasks.trainers.torch.fine_tuning import read_weights

pytestmark = [pytest.mark.chain, pytest.mark.sqlite]

SETTING = "train.init_from"
ASKED = "models:/hostile/1"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a store of its own, and a folder beside it that is nobody else's."""
    root = tmp_path_factory.mktemp("home") / "project"
    (root.parent / "private").mkdir()
    (root.parent / "private" / "model.json").write_text("{}")
    root.mkdir()
    (root / ".modelwright" / "models").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(root)
        yield Project(root=root)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What a registered version holds when nothing is wrong with it."""
    folder = tmp_path / "package"
    (folder / "artifacts" / "model").mkdir(parents=True)
    (folder / "artifacts" / "model" / "model.json").write_text("{}")
    write_mlmodel(folder, "artifacts/model")
    return folder


def write_mlmodel(package: Path, place: str) -> None:
    flavors = {"python_function": {"artifacts": {"model": {"path": place, "uri": place}}}}
    # JSON is YAML as well.
    (package / "MLmodel").write_text(json.dumps({"flavors": flavors, "artifact_path": place}))


def fetch(project: Project, source: str) -> Path:
    client = store.connect(project)
    client.create_registered_model("hostile")
    try:
        client.create_model_version("hostile", source=source, await_creation_for=0)
        return model_folder(project, ASKED, SETTING)
    finally:
        client.delete_registered_model("hostile")


def everything(project: Project) -> set[Path]:
    """Each file and folder of the user's, but for what the store keeps for itself."""
    home = project.root.parent
    return {path for path in home.rglob("*") if "mlflow" not in path.relative_to(home).parts}


def refused(project: Project, source: str, reason: str) -> None:
    before = everything(project)
    with pytest.raises(UserError, match=rf"^train\.init_from: models:/hostile/1[ :].*{reason}"):
        fetch(project, source)
    # Nothing went away, and no half model stays.
    assert everything(project) == before


def test_what_is_fetched_is_a_copy(project: Project, package: Path) -> None:
    folder = fetch(project, package.as_uri())
    assert (folder / "model.json").read_text() == "{}"
    assert (package / "artifacts" / "model" / "model.json").is_file()
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "place",
    ["..", "../../..", "artifacts/../../..", "artifacts/model/../../../private", "", ".", "~", "a\0b", "MLmodel"],
)
def test_a_place_that_leads_out_of_the_version_is_refused(project: Project, package: Path, place: str) -> None:
    write_mlmodel(package, place)
    refused(project, package.as_uri(), "its MLmodel names")


def test_an_absolute_place_is_refused(project: Project, package: Path) -> None:
    write_mlmodel(package, str(project.root.parent / "private"))
    refused(project, package.as_uri(), "its MLmodel names")


def test_a_place_that_is_not_there_is_refused(project: Project, package: Path) -> None:
    write_mlmodel(package, "artifacts/other")
    refused(project, package.as_uri(), "its MLmodel names")


@pytest.mark.parametrize(
    "content",
    ["{", "\t- a: [", "&a [*a]", "a: !!python/object:os.system x", "[]", "7", "flavors: []", "\xff", "[" * 10_000],
)
def test_a_damaged_mlmodel_is_refused(project: Project, package: Path, content: str) -> None:
    (package / "MLmodel").write_bytes(content.encode("latin-1"))
    refused(project, package.as_uri(), "(was not registered by Modelwright|its MLmodel is damaged)")


def link_folder(model: Path, target: Path) -> None:
    shutil.rmtree(model)
    model.symlink_to(target)


def link_file(model: Path, target: Path) -> None:
    (model / "weights").symlink_to(target / "model.json")


def link_to_nothing(model: Path, target: Path) -> None:
    (model / "weights").symlink_to(target / "nowhere")


def pipe(model: Path, _: Path) -> None:
    os.mkfifo(model / "weights")


@pytest.mark.parametrize("spoil", [link_folder, link_file, link_to_nothing, pipe])
def test_links_and_pipes_in_a_version_are_refused(
    project: Project, package: Path, spoil: Callable[[Path, Path], None]
) -> None:
    spoil(package / "artifacts" / "model", project.root.parent / "private")
    refused(project, package.as_uri(), "")


@pytest.mark.parametrize(
    "source", ["dbfs:/model", "data:,x", "reference::http://127.0.0.1:9/x", "jupyter://x", "file:///proc/self/mem", ""]
)
def test_a_source_that_cannot_be_fetched_is_said(project: Project, source: str) -> None:
    refused(project, source or "file:///nowhere/at/all", "")


def test_a_champion_that_leads_out_of_its_version_is_not_asked(project: Project, package: Path) -> None:
    write_mlmodel(package, "../../..")
    champion = Champion(
        version=1, source=package.as_uri(), run_id=None, model=None, metrics={}, passport=None, promotion=None
    )
    with pytest.raises(NotComparableError, match=r"version 1: its MLmodel names '\.\./\.\./\.\.'"):
        champion_answers(champion, package, project.pipeline("hostile"), 1)


@pytest.mark.parametrize(
    "weights",
    [
        {"file": "../../other.safetensors", "sha256": "0" * 64},
        {"file": "/etc/passwd", "sha256": "0" * 64},
        {"file": 7, "sha256": "0" * 64},
        {"sha256": "0" * 64},
        [],
        None,
    ],
)
def test_weights_are_read_by_a_plain_name_only(tmp_path: Path, weights: object) -> None:
    spec = Spec(fields=(), task="regression", classes=())
    write_model(tmp_path, "torch", spec, "model.safetensors", b"")
    content = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(content | {"weights": weights}))
    with pytest.raises(UserError, match=r"model\.json.* damaged"):
        read_model(tmp_path, "torch", spec)
    with pytest.raises(UserError, match=r"model\.json.* damaged"):
        read_weights(tmp_path)


def test_a_network_to_embed_with_whose_weights_are_no_weights_is_said(tmp_path: Path) -> None:
    spec = Spec(fields=(read_by_network("scan", "image", (1, 8, 8)),), task="regression", classes=())
    write_model(tmp_path, "torch", spec, "model.safetensors", b"\xff" * 64, train={"network": {"kind": "cnn"}})
    with pytest.raises(UserError, match=r"^normalize\.x: .*damaged"):
        read_network(tmp_path, "normalize.x")
