from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tasks.environment import git_state, installed_version, is_alive, is_installed, package_versions, person


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def committed(root: Path) -> None:
    (root / "code.py").write_text("1\n")
    (root / "dvc.lock").write_text("1\n")
    git(root, "init")
    git(root, "add", "-A")
    git(root, "commit", "-m", "first")


def test_without_git_there_is_no_commit(tmp_path):
    assert git_state(tmp_path) == {"commit": None, "modified": None}


def test_without_a_commit_there_is_none(tmp_path):
    git(tmp_path, "init")
    assert git_state(tmp_path) == {"commit": None, "modified": None}


def test_a_person_is_who_git_says_or_the_systems_user(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("LOGNAME", "ada")
    assert person(tmp_path) == "ada"
    git(tmp_path, "init")
    git(tmp_path, "config", "user.name", "Ada Example")
    assert person(tmp_path) == "Ada Example"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert person(tmp_path) == "ada"


def test_without_the_program_git_there_is_no_commit(tmp_path, monkeypatch):
    committed(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) == {"commit": None, "modified": None}


def test_a_commit_is_named_and_changes_of_code_are_seen(tmp_path):
    committed(tmp_path)
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40
    assert state["modified"] is False
    (tmp_path / "code.py").write_text("2\n")
    assert git_state(tmp_path) == {"commit": state["commit"], "modified": True}


def test_what_a_run_writes_is_no_change(tmp_path):
    committed(tmp_path)
    (tmp_path / "dvc.lock").write_text("2\n")
    (tmp_path / "untracked").write_text("2\n")
    assert git_state(tmp_path)["modified"] is False


def test_the_repository_stays_as_it_was(tmp_path):
    committed(tmp_path)
    (tmp_path / "code.py").touch()
    index = (tmp_path / ".git/index").read_bytes()
    git_state(tmp_path)
    assert (tmp_path / ".git/index").read_bytes() == index


def test_versions_of_what_is_installed(tmp_path):
    assert list(package_versions(["polars", "numpy", "no-such-distribution"])) == ["numpy", "polars"]


def test_the_very_version_that_is_installed_is_known_by_its_folder(tmp_path, monkeypatch):
    assert is_installed("polars", installed_version("polars"))
    assert not is_installed("polars", "0.0.1")
    (tmp_path / "some_tool-1.2.dist-info").mkdir()
    (tmp_path / "some_tool-1.3.dist-info").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert is_installed("some_tool", "1.2")
    assert not is_installed("some_tool", "1.3")


def test_the_command_lists_what_it_can_do_without_the_library_of_versions():
    code = "import sys, tasks.command.cli; print('importlib.metadata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_process_is_known_by_its_number_and_the_time_when_that_was_noted():
    now = time.time()
    assert is_alive(os.getpid(), now)
    assert is_alive(1, now)
    # This process began later than somebody noted its number: that was another one.
    assert not is_alive(os.getpid(), psutil.Process().create_time() - 60)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(child.pid, time.time())
    child.kill()
    # Dead, and not yet taken from the list of processes.
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not is_alive(child.pid, time.time())
    child.communicate()
    assert not is_alive(child.pid, time.time())
