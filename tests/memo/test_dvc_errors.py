"""What DVC and its notes raise is one message, and the advice works."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.memo.memo import Memo
from tasks.paths import Project
from tests.projects import command

pytestmark = pytest.mark.chain


@pytest.mark.parametrize("is_in_git", [False, True])
def test_without_a_repository_the_cure_that_is_told_makes_one(project: Project, is_in_git: bool) -> None:
    if is_in_git:
        command(project.root, "git", "add", ".dvc")
    shutil.rmtree(project.root / ".dvc")
    with pytest.raises(UserError, match=r"is no DVC repository; .*`(dvc init|git checkout -- .dvc)`") as refused:
        Memo(project.root, "masses")
    command(project.root, *shlex.split(str(refused.value).split("`")[1]))
    assert Memo(project.root, "masses").reasons("ingest") == ("never ran",)


@pytest.mark.parametrize("name", [".dvc/config", ".dvc/config.local", "dvc.lock"])
@pytest.mark.parametrize("damage", ["rubbish", "a folder"])
def test_what_git_does_not_have_is_not_brought_back_from_it(project: Project, name: str, damage: str) -> None:
    path = project.root / name
    path.unlink(missing_ok=True)
    if damage == "rubbish":
        path.write_text("[core")
    else:
        (path / "below").mkdir(parents=True)
    with pytest.raises(UserError, match=rf"{name}\b") as refused:
        Memo(project.root, "masses")
    assert "git checkout" not in str(refused.value)
    [cure] = [part for part in str(refused.value).split("`") if part.startswith("rm ") and part.endswith(name)]
    command(project.root, *shlex.split(cure))
    assert Memo(project.root, "masses").reasons("ingest") == ("never ran",)


def test_damaged_notes_outside_the_project_are_told_and_made_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes of DVC"
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(notes))
    Memo(project.root, "masses")
    databases = list(notes.rglob("cache.db"))
    assert databases
    for database in databases:
        for log in database.parent.glob("cache.db-*"):
            log.unlink()
        database.write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match="remove the folder") as refused:
        Memo(project.root, "masses")
    named = re.search(r"remove the folder (.*): DVC", str(refused.value))
    assert named is not None
    shutil.rmtree(named[1])
    assert Memo(project.root, "masses").reasons("ingest") == ("never ran",)
