"""A run leaves the git tree as it was, dvc.lock aside: so a passport can name the commit that it stands on."""

from __future__ import annotations

import subprocess

import pytest

from tasks import files
from tasks.errors import UserError
from tasks.memo.chain import run_plain
from tasks.paths import Project
from tasks.validation.accepted import read_accepted
from tests.projects import command, modelwright, write_notes

pytestmark = pytest.mark.chain


def git(project: Project, *arguments: str) -> str:
    name = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    done = subprocess.run(["git", *name, *arguments], cwd=project.root, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def clone(project: Project) -> Project:
    """A project that is committed as a whole, as after `git clone`."""
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "all")
    return project


def test_runs_change_no_file_of_git_but_the_lock(clone: Project) -> None:
    paths = clone.pipeline("notes")
    run_plain(clone, "notes")
    assert git(clone, "status", "--porcelain") == "?? dvc.lock\n"
    git(clone, "add", "dvc.lock")
    git(clone, "commit", "--quiet", "--message", "lock")
    # The nightly run on new rows; the source is the world's, and in git here.
    write_notes(clone.root / "notes.csv", num_rows=260)
    git(clone, "commit", "--quiet", "--all", "--message", "rows")
    assert run_plain(clone, "notes")[-1].outcome == "ran"
    assert git(clone, "status", "--porcelain") == " M dvc.lock\n"
    commit = git(clone, "rev-parse", "HEAD").strip()
    assert files.read_json(paths.passport)["git"] == {"commit": commit, "modified": False}
    assert read_accepted(paths.accepted).num_rows_history == (240, 260)


@pytest.mark.long
def test_what_was_accepted_travels_with_the_data(clone: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    remote = tmp_path_factory.mktemp("remote")
    command(clone.root, "dvc", "remote", "add", "--default", "here", str(remote))
    run_plain(clone, "notes", last="validate")
    command(clone.root, "dvc", "push", "--quiet")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "lock")
    colleague = Project(root=tmp_path_factory.mktemp("colleague") / "clone")
    git(clone, "clone", "--quiet", str(clone.root), str(colleague.root))
    write_notes(colleague.root / "notes.csv", num_rows=260)
    command(colleague.root, "dvc", "pull", "--quiet", "data/notes/accepted.json")
    modelwright(colleague.root, "run", "notes", "--plain", "--to", "validate")
    assert read_accepted(colleague.pipeline("notes").accepted).num_rows_history == (240, 260)


def test_a_damaged_file_of_what_was_accepted_is_taken_back(clone: Project) -> None:
    run_plain(clone, "notes", last="validate")
    accepted = clone.pipeline("notes").accepted
    content = accepted.read_bytes()
    accepted.unlink()
    accepted.write_text('{"version": 0}')
    with pytest.raises(UserError, match=r"take the last one back \(`(.*)`\), or remove") as refusal:
        run_plain(clone, "notes", last="validate")
    advice = str(refusal.value).split("`")[1]
    command(clone.root, *advice.split())
    assert accepted.read_bytes() == content
    assert run_plain(clone, "notes", last="validate")[1].outcome == "ran"


def test_what_an_earlier_version_kept_in_git_is_taken_over_and_named(clone: Project) -> None:
    paths = clone.pipeline("notes")
    run_plain(clone, "notes", last="validate")
    paths.accepted.rename(paths.accepted_in_git)
    write_notes(clone.root / "notes.csv", num_rows=260)
    hint = "expectations/notes.accepted.json is taken over in data/notes/accepted.json, and not read any more"
    (result,) = run_plain(clone, "notes", last="validate")[1:]
    assert hint in result.report.diagnostics[0]
    assert read_accepted(paths.accepted).num_rows_history == (240, 260)
    paths.accepted_in_git.unlink()
    (result,) = run_plain(clone, "notes", last="validate")[1:]
    assert (result.outcome, result.report.diagnostics) == ("unchanged", ())
