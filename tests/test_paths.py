from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.paths import PARTS, STAGES, Paths, Project
from tasks.root import find_root


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml"])
def test_the_root_is_the_nearest_folder_upwards(tmp_path: Path, name: str) -> None:
    below = tmp_path / "data" / "digits"
    below.mkdir(parents=True)
    (tmp_path / name).touch()
    assert find_root(below) == find_root(tmp_path) == tmp_path


def test_the_root_is_looked_for_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").touch()
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    assert find_root() == tmp_path


def test_no_root_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match=r"neither here nor above is a params\.yaml; change to the project's folder"):
        find_root(Path("/"))


def test_a_temporary_experiment_uses_the_tracking_store_of_its_project() -> None:
    home = Path("/home/me/project")
    assert Project(root=home).home == home
    assert Project(root=home / ".dvc/tmp/exps/tmp1a2b").home == home
    assert Project(root=home / ".dvc/tmp/exps/standalone/tmp1a2b").tracking == home / "mlflow"


def everything(paths: Paths) -> list[Path]:
    named = [getattr(paths, name) for name, kind in vars(Paths).items() if isinstance(kind, property)]
    return [
        *named,
        *map(paths.split, PARTS),
        *map(paths.normalized, PARTS),
        *map(paths.quarantine, STAGES),
    ]


def test_everything_of_a_pipeline_lies_under_its_own_name() -> None:
    project = Project(root=Path("/project"))
    places = everything(project.pipeline("digits"))
    assert len(set(places)) == len(places)
    assert all("digits" in (*place.parts, place.name.split(".")[0]) for place in places)
    assert not set(places) & set(everything(project.pipeline("other")))


def test_a_path_is_shown_from_the_root() -> None:
    paths = Project(root=Path("/project")).pipeline("digits")
    assert paths.relative(paths.split("train")) == "data/digits/split/train"
