"""The champion answers in a process of its own, with its own code, or says why it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from tasks import train
from tasks.evaluate import predict_rows
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.promotion.contest import NotComparableError
from tasks.recipe.recipe import read_recipe
from tasks.tracking import package
from tasks.tracking.champion import Champion, champion_answers, find_champion
from tests.trained import elsewhere, prepared, rows

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = prepared(root)
        train.run(load_pipeline(root / "params.yaml", "mixed").train, paths)
        yield paths


@pytest.fixture(scope="module")
def packaged(project: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlflow.models import Model

    folder = tmp_path_factory.mktemp("packaged") / "model"
    with package.packaged(project.model, rows(30, 2), Model(), project.checkpoints) as packed:
        shutil.copytree(packed, folder)
    return folder


def champion(folder: Path) -> Champion:
    return Champion(version=1, source=str(folder), run_id=None, model=None, metrics={}, passport=None, promotion=None)


def asked(folder: Path, paths: Paths, minutes: float = 5.0):
    return champion_answers(champion(folder), paths.clean("test"), paths, minutes)


def edited(folder: Path, target: Path, file: str, before: str, after: str) -> Path:
    """A copy of the model whose own code does something else; of an earlier version, which lists no files."""
    shutil.copytree(folder, target)
    (target / "files.json").unlink()
    path = target / file
    if not path.exists():
        packed = target / "code" / "tasks.zip"
        with ZipFile(packed) as archive:
            archive.extractall(target / "unpacked")
        path = target / "unpacked" / "tasks" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    if not (target / file).exists():
        packed.unlink()
        shutil.make_archive(str(packed.with_suffix("")), "zip", target / "unpacked")
    return target


def test_it_answers_what_the_model_answers_here(project: Paths, packaged: Path) -> None:
    here = predict_rows(read_recipe(project.model / "recipe.json"), project)
    answers = asked(packaged, project)
    assert answers.columns == ["prediction", "probability_no", "probability_yes"]
    np.testing.assert_array_equal(answers.select(answers.columns[1:]).to_numpy(), here.y_score)


def test_its_own_code_does_it(project: Paths, packaged: Path, tmp_path: Path) -> None:
    turned = edited(
        packaged,
        tmp_path / "turned",
        "trainers/sklearn/model.py",
        "answers[rows] = self.answer(matrix)",
        "answers[rows] = self.answer(matrix)[:, ::-1]",
    )
    usual, other = asked(packaged, project), asked(turned, project)
    assert other["probability_no"].to_list() == usual["probability_yes"].to_list()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("raise RuntimeError('its library is too new')", "RuntimeError: its library is too new"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9, perhaps for want of memory"),
        ("import a_package_that_went_away", "ModuleNotFoundError: No module named 'a_package_that_went_away'"),
        ("import time; time.sleep(60)", "no answer in 0.1 minutes, register.champion_minutes"),
    ],
)
def test_why_it_does_not_answer_is_said(
    project: Paths, packaged: Path, tmp_path: Path, statement: str, reason: str
) -> None:
    line = "        self._recipe = read_recipe"
    broken = edited(packaged, tmp_path / "broken", "served_model.py", line, f"        {statement}\n{line}")
    with pytest.raises(NotComparableError, match=reason):
        asked(broken, project, minutes=0.1 if "sleep" in statement else 5.0)


def test_files_that_are_gone_are_said(project: Paths, tmp_path: Path) -> None:
    with pytest.raises(NotComparableError, match="its files are gone"):
        asked(tmp_path / "nowhere", project)


def test_a_damaged_champion_is_said_without_the_place_of_the_project(project: Paths, packaged: Path) -> None:
    damaged = project.project.root / "damaged"
    shutil.copytree(packaged, damaged)
    for file in damaged.rglob("*.skops"):
        file.write_bytes(b"junk")
    with pytest.raises(NotComparableError, match=r"^of its files in the store, .*/model\.skops is damaged$"):
        asked(damaged, project)
    # A version of an earlier Modelwright lists no files: it says itself what it meets.
    (damaged / "files.json").unlink()
    with pytest.raises(NotComparableError) as caught:
        asked(damaged, project)
    shutil.rmtree(damaged)
    assert str(caught.value).startswith("damaged/artifacts/")
    assert "model.skops: damaged (not the bytes that were trained)" in str(caught.value)


def test_nothing_is_left_behind(project: Paths, packaged: Path) -> None:
    before = sorted(project.project.root.iterdir())
    asked(packaged, project)
    assert sorted(project.project.root.iterdir()) == before


def test_without_a_version_there_is_no_champion(project: Paths) -> None:
    assert find_champion(project) is None
