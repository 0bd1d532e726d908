"""Versions by the names that people give them, from a real store; and the copies that answer when it is down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import files, register
from tasks.digests import file_digest, folder_digest
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project
from tasks.tracking import store
from tasks.tracking.registered import registered_model
from tests.registry_servers import folder_of
from tests.trained import elsewhere, retrained, trained

pytestmark = pytest.mark.chain

DOWN = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    """A pipeline `mixed`: version 1 is the champion, version 2 the challenger, version 3 was deleted."""
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = trained(root)
        register.run(load_pipeline(paths.project.params, "mixed"), paths)
        for penalty in (1e-9, 1e-8):
            retrained(paths, penalty)
            register.run(load_pipeline(paths.project.params, "mixed"), paths)
        client = store.connect(paths.project)
        client.set_registered_model_alias("mixed", "challenger", "2")
        client.delete_model_version("mixed", "3")
        yield paths


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DOWN)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.mark.parametrize(
    ("asked", "version", "alias"),
    [
        ("mixed", 1, "champion"),
        ("mixed@champion", 1, "champion"),
        ("mixed@challenger", 2, "challenger"),
        ("mixed:2", 2, None),
        ("models:/mixed@champion", 1, "champion"),
        ("models:/mixed/1", 1, None),
    ],
)
def test_a_version_is_found_by_name_alias_or_number(
    registered: Paths, asked: str, version: int, alias: str | None
) -> None:
    model = registered_model(registered.project, asked)
    assert (model.name, model.version, model.alias, model.remark) == ("mixed", version, alias, None)
    assert model.recipe == file_digest(model.model / "recipe.json") == model.passport["digests"]["recipe"]


def test_the_whole_version_is_kept_with_its_code(registered: Paths) -> None:
    model = registered_model(registered.project, "mixed")
    source = store.connect(registered.project).get_model_version("mixed", "1").source
    assert folder_digest(model.packed) == folder_digest(folder_of(registered.project, source))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("mixxed", r"^mixxed: the registry has no model mixxed; did you mean mixed\?$"),
        (
            "mixed@live",
            r"^mixed@live: mixed has no alias live; give one of mixed:1, mixed:2 "
            r"\(mixed@challenger is version 2, mixed@champion is version 1\)$",
        ),
        ("mixed:3", r"^mixed:3: mixed has no version 3: it was deleted, or never made; give one of mixed:1, mixed:2"),
        ("mixed:9", r"^mixed:9: mixed has no version 9"),
        ("mixed@", "^mixed@: names no registered model; write NAME"),
        ("a/b/c", "^a/b/c: names no registered model"),
        ("", "names no registered model"),
    ],
)
def test_what_the_registry_does_not_have_is_said_with_what_it_has(registered: Paths, asked: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        registered_model(registered.project, asked)


@pytest.mark.sqlite
def test_a_project_without_a_store_is_told_how_to_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"no model was registered in .* yet; train one \(`modelwright run shop`\)"):
        registered_model(Project(root=tmp_path), "shop")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("down")
def test_a_registry_that_is_down_names_the_copy_that_lies_here(
    registered: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as up:
        up.delenv("MLFLOW_TRACKING_URI")
        online = registered_model(registered.project, "mixed")
    with pytest.raises(UserError, match=r"no connection.*or give --offline: version 1 of mixed, as the registry last"):
        registered_model(registered.project, "mixed")
    # As it advises.
    offline = registered_model(registered.project, "mixed", offline=True)
    assert offline.remark == (
        "offline: answered by the copy of version 1 that lies here, the champion when the registry was last asked"
    )
    assert (offline.packed, offline.recipe) == (online.packed, online.recipe)
    assert registered_model(registered.project, "mixed:1", offline=True).packed == online.packed


@pytest.mark.usefixtures("down")
def test_without_a_copy_offline_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no connection.*no copy of the model lies here yet"):
        registered_model(Project(root=tmp_path), "mixed")
    with pytest.raises(
        UserError, match=r"^mixed: no copy of it lies here, and --offline asks nobody; call once without"
    ):
        registered_model(Project(root=tmp_path), "mixed", offline=True)


def test_a_damaged_copy_is_said_and_fetched_again_as_advised(registered: Paths) -> None:
    model = registered_model(registered.project, "mixed:2")
    (model.model / "recipe.json").write_text("{")
    with pytest.raises(UserError, match=r"recipe\.json is damaged; remove the folder"):
        registered_model(registered.project, "mixed:2")
    files.remove(model.packed.parent)
    assert registered_model(registered.project, "mixed:2").recipe == model.recipe


def test_files_that_are_damaged_in_the_store_are_said_and_nothing_is_kept(
    registered: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: Any) -> str:
        return "MLmodel is missing or empty"

    monkeypatch.setattr("tasks.tracking.registered.damage", damaged)
    folder = registered_model_folder(registered.project, 2)
    files.remove(folder)
    with pytest.raises(UserError, match=r"^mixed:2: of its files in the store, MLmodel is missing or empty; `modelw"):
        registered_model(registered.project, "mixed:2")
    assert not folder.exists()


def registered_model_folder(project: Project, version: int) -> Path:
    return next((project.registered_models / "mixed").glob(f"{version}-*"))
