"""A small part of the soak; `make soak` is all of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.soak import subject
from tests.soak.damage import damage, written_files
from tests.soak.kills import kills
from tests.soak.limits import on_a_full_disk
from tests.soak.moves import move
from tests.soak.subject import Truth
from tests.soak.trial import GOOD, Trial, cures, table

pytestmark = pytest.mark.chain

DAMAGED = (
    ("dvc.lock", "bits turned"),
    (".dvc/tmp/rwlock", "emptied"),
    ("data/notes/accepted.json", "a folder"),
    ("data/notes/clean/train/part-00000.parquet", "emptied"),
    ("reports/notes/metrics.json", "bits turned"),
)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Truth:
    return subject.undisturbed(tmp_path_factory.mktemp("soak"), empty_store, ("plain",))


def assert_well(trials: Iterable[Trial]) -> None:
    tried = list(trials)
    assert tried
    assert [str(trial) for trial in tried if trial.ending not in GOOD] == []


@pytest.mark.long
def test_two_kills(tmp_path: Path, empty_store: Path, truth: Truth) -> None:
    assert_well(kills(tmp_path, empty_store, truth, seed=1, num_projects=1, num_kills=2))


@pytest.mark.long
def test_a_full_disk(tmp_path: Path, empty_store: Path, truth: Truth) -> None:
    tried = list(on_a_full_disk(tmp_path / "full", empty_store, truth, 0.5))
    if not tried:
        pytest.skip("only root may mount a small disk")
    assert_well(tried)


@pytest.mark.long
def test_a_move(tmp_path: Path, truth: Truth) -> None:
    assert_well([move(tmp_path / "a name with blanks", truth, "moved")])


@pytest.mark.long
@pytest.mark.parametrize(("file", "name"), DAMAGED)
def test_damage(tmp_path: Path, truth: Truth, file: str, name: str) -> None:
    root = subject.copied(truth.root, tmp_path / "project")
    assert Path(file) in written_files(root)
    assert_well([damage(root, truth, Path(file), name)])


@pytest.mark.long
def test_an_object_of_the_cache(tmp_path: Path, truth: Truth) -> None:
    root = subject.copied(truth.root, tmp_path / "project")
    objects = [file for file in written_files(root) if file.parts[:3] == (".dvc", "cache", "files")]
    assert_well([damage(root, truth, objects[len(objects) // 2], "bits turned")])


def test_what_is_damaged_is_told_from_what_is_whole(tmp_path: Path, truth: Truth) -> None:
    """The judges themselves: each complains about what it is there for, and about nothing else."""
    root = subject.copied(truth.root, tmp_path / "project")
    assert subject.file_complaints(root, truth) == subject.cache_complaints(root) == subject.leftovers(root) == []
    (root / "reports/notes/metrics.json").write_text("{}")
    (root / "data/notes/more.json").write_text("{}")
    (root / "models/notes/.model.json.4-ab.tmp").write_text("")
    assert subject.file_complaints(root, truth) == [
        "reports/notes/metrics.json differs",
        "data/notes/more.json is left over",
        "models/notes/.model.json.4-ab.tmp is left over",
    ]
    assert subject.leftovers(root) == ["left over: models/notes/.model.json.4-ab.tmp"]
    stored = next((root / ".dvc/cache/files/md5").glob("??/*"))
    stored.chmod(0o644)
    stored.write_bytes(b"else")
    assert subject.cache_complaints(root) == [
        f"the cache's object {stored.parent.name}{stored.name} holds something else"
    ]
    moved = subject.copied(truth.root, tmp_path / "registry")
    (moved / "mlflow/mlflow.db").unlink()
    assert subject.registry_complaints(moved, truth)[0].startswith("the champion cannot be loaded")


def test_cures_are_read_from_messages() -> None:
    message = "error: reports/notes/metrics.json: damaged; remove it, then `modelwright run notes` makes it again"
    assert cures(message) == [["rm -rf 'reports/notes/metrics.json'", "modelwright run notes"]]
    assert cures("error: `learning_rate` is unknown") == []
    two_ways = "bring it back with `git checkout -- dvc.lock`: it runs again. It may also be removed (`rm dvc.lock`)"
    assert cures(two_ways) == [["git checkout -- dvc.lock"], ["rm dvc.lock"]]


def test_the_table_counts_each_ending_once() -> None:
    trials = [
        Trial(kind="killed", disturbance="SIGKILL", ending="same"),
        Trial(kind="killed", disturbance="SIGTERM", ending="blocked"),
        Trial(kind="moved", disturbance="elsewhere", ending="cured"),
    ]
    assert table(trials).splitlines()[2:] == [
        "| killed | 2 | 1 | 0 | 1 | 0 | 0 | 0 | 0 |",
        "| moved | 1 | 0 | 1 | 0 | 0 | 0 | 0 | 0 |",
    ]
