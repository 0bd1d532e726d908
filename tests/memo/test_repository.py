"""What lies in the place of a file or a folder and is none is one message, or counts for nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.command.doctor import examine
from tasks.errors import UserError
from tasks.memo.memo import Memo
from tasks.memo.repository import links_noted_at_once, repository, unreadable
from tasks.paths import Project
from tests.projects import command, make_project

PLACED: dict[str, Callable[[Path], None]] = {
    "a link to nothing": lambda path: path.symlink_to("/nope"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a pipe": lambda path: os.mkfifo(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("placed", PLACED)
def test_what_has_no_content_is_named(tmp_path: Path, placed: str) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "file").touch()
    (tmp_path / "folder" / "link").symlink_to("deep/file")
    (tmp_path / "folder" / "back").symlink_to(tmp_path)
    assert unreadable(tmp_path / "folder") is None
    assert unreadable(tmp_path / "missing") is None
    assert unreadable(tmp_path / "folder" / "deep" / "file" / "below") is None
    path = tmp_path / "folder" / "deep" / "other"
    PLACED[placed](path)
    assert unreadable(path) == unreadable(tmp_path / "folder") == path


@pytest.mark.parametrize("name", [".dvc/tmp", ".dvc/cache"])
@pytest.mark.parametrize("placed", ["a file", "a link to nothing"])
def test_something_in_the_place_of_a_folder_has_a_cure_that_works(project: Project, name: str, placed: str) -> None:
    place = project.root / name
    assert not place.exists()
    if placed == "a file":
        place.touch()
    else:
        place.symlink_to("/nope")
    with pytest.raises(UserError, match=r"a file in the place|links to a place that is not there") as refused:
        Memo(project.root, "masses")
    [check] = [check for check in examine(project) if check.name == "dvc"]
    assert check.cure == str(refused.value)
    command(project.root, *shlex.split(check.cure.split("`")[1]))
    assert Memo(project.root, "masses").reasons("ingest") == ("never ran",)


def test_git_is_asked_for_its_index_once_and_says_the_same(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    names = ["data-old", "data/rows", "data0", "models/a/b", "models.txt", "report"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    subprocess.run(["git", "add", "--force", *names], cwd=tmp_path, check=True)
    scm = repository(project.root).scm
    asked = [
        *names,
        "data",
        "data/",
        "model",
        "models",
        "models/a",
        "models/a/b/c",
        "rep",
        "reports",
        "zzz",
        "params.yaml",
    ]
    answers = [scm.is_tracked(str(tmp_path / name)) for name in asked]
    assert answers == [scm.dulwich.is_tracked(str(tmp_path / name)) for name in asked]
    assert sum(answers) == len(names) + 4
    subprocess.run(["git", "rm", "--quiet", "--cached", *names], cwd=tmp_path, check=True)
    assert scm.is_tracked(str(tmp_path / "report"))
    assert not repository(project.root).scm.is_tracked(str(tmp_path / "report"))


def test_links_are_noted_as_dvc_notes_them(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project.root / "one").write_text("1")
    (project.root / "two").write_text("2")
    repo = repository(project.root)
    repo.state.save_link(str(project.root / "one"), repo.fs)
    with repo.state.links as links:
        by_dvc = {name: links[name] for name in links}
        links.clear()
    with links_noted_at_once(repo):
        repo.state.save_link(str(project.root / "one"), repo.fs)
    # What is in place when another fails is noted, too.
    with pytest.raises(AssertionError), links_noted_at_once(repo):
        assert repo.state.save_link(str(project.root / "two"), repo.fs)
    with repo.state.links as links:
        assert {name: links[name] for name in by_dvc} == by_dvc
        assert {*links} == {"one", "two"}
    repo.state.save_link(str(project.root / "two"), repo.fs)
