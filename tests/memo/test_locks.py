"""A lock is waited for while somebody holds it, and holds nobody up when its owner is dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.command.doctor import examine
from tasks.errors import UserError
from tasks.memo.chain import StageRunner, run_plain
from tasks.memo.memo import Memo
from tasks.paths import Project
from tests.projects import command

pytestmark = pytest.mark.chain

HOUR_AGO = 3600


@contextmanager
def process(code: str) -> Iterator[int]:
    """The number of a process that has said that it is ready."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        yield other.pid
        other.kill()


SLEEPING = "import time; print('ready', flush=True); time.sleep(600)"


def written(project: Project, pid: int) -> Path:
    """DVC's list of who writes, with this process in it for the outputs of ingest."""
    path = project.root / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True, exist_ok=True)
    outputs = {str(project.root / "data" / "masses" / name): {"pid": pid, "cmd": "dead"} for name in ("raw",)}
    path.write_text(json.dumps({"write": outputs, "read": {}}))
    return path


@pytest.mark.parametrize("content", ["", "{", '{"write": 3}', "\udc80", "[" * 100_000, None])
def test_a_damaged_list_is_put_aside_and_told(
    project: Project, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = project.root / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content.encode(errors="surrogateescape"))
    [check] = [check for check in examine(project) if check.name == "dvc locks"]
    assert check.finding == f"{path} is damaged"
    assert Memo(project.root, "masses").perform("ingest", lambda: made(project))[0] == "ran"
    assert "rwlock was damaged" in caplog.text
    assert "dvc locks" not in [check.name for check in examine(project)]
    assert path.with_name("rwlock.damaged").exists()


def made(project: Project) -> None:
    """What ingest would leave."""
    folder = project.root / "data" / "masses"
    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / "part").write_text("rows")
    (folder / "dataset.json").write_text("{}")


def test_a_dead_process_holds_nobody_up_though_its_number_was_given_to_another(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with process(SLEEPING) as pid:
        path = written(project, pid)
        before = path.stat().st_mtime - HOUR_AGO
        os.utime(path, (before, before))
        assert Memo(project.root, "masses").perform("ingest", lambda: made(project))[0] == "ran"
    assert "named processes that are dead" in caplog.text


def test_a_living_process_on_the_same_files_is_told_at_once(project: Project) -> None:
    with process(SLEEPING) as pid:
        written(project, pid)
        with pytest.raises(UserError, match=r"another process is at work on the same files: dead \(process \d+\)"):
            Memo(project.root, "masses").perform("ingest", lambda: made(project))


def test_the_projects_lock_is_waited_for(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    lock = project.root / ".dvc" / "tmp" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    # Longer than DVC's own three seconds.
    code = f"import time, zc.lockfile; lock = zc.lockfile.LockFile({str(lock)!r}); print('ready', flush=True)"
    memo = Memo(project.root, "masses")
    with process(f"{code}; time.sleep(5)"):
        assert memo.perform("ingest", lambda: made(project))[0] == "ran"
    assert "waiting for it" in caplog.text


def test_a_lock_with_the_marks_of_a_merge_says_its_cure(project: Project) -> None:
    lock = project.root / "dvc.lock"
    lock.write_text("<<<<<<< HEAD\nschema: '2.0'\n=======\nstages:\n>>>>>>> other\n")
    with pytest.raises(UserError, match=r"dvc.lock.*\(<<<<<<<\) out, or remove dvc.lock \(`rm dvc.lock`\): what is"):
        Memo(project.root, "masses")  # which git does not have
    command(project.root, "git", "add", "--force", "dvc.lock")
    with pytest.raises(UserError, match=r"dvc.lock.*take the lines of a merge \(<<<<<<<\) out, or bring the last"):
        Memo(project.root, "masses")
    [check] = [check for check in examine(project) if check.name == "dvc"]
    assert check.cure is not None
    assert "git checkout" in check.cure


def damaged(path: Path, content: bytes | None) -> None:
    """Puts this in the file's place; None: a folder that holds something."""
    path.unlink(missing_ok=True)
    if content is None:
        path.mkdir()
        (path / "something").write_text("")
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["lock", "rwlock.lock"])
@pytest.mark.parametrize("placed", ["a folder", "a link to nothing"])
def test_no_file_in_a_locks_place_is_removed(
    project: Project, name: str, placed: str, caplog: pytest.LogCaptureFixture
) -> None:
    (project.root / ".dvc" / "tmp").mkdir(exist_ok=True)
    if placed == "a folder":
        damaged(project.root / ".dvc" / "tmp" / name, None)
    else:
        (project.root / ".dvc" / "tmp" / name).symlink_to("/nope/lock")
    assert Memo(project.root, "masses").reasons("ingest") == ("never ran",)
    assert "in a lock's place" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\x00\xff<<<<<<<", None], ids=["emptied", "rubbish", "folder"])
@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", ".dvc/config"])
def test_dvcs_own_files_damaged_say_a_cure_that_works(project: Project, name: str, content: bytes | None) -> None:
    path = project.root / name
    run_plain(project, "masses", last="split")
    lock, before = project.lock.read_bytes(), path.read_bytes()
    command(project.root, "git", "add", name)
    damaged(path, content)
    if (name, content) != (".dvc/config", b""):  # which is all defaults
        with pytest.raises(UserError, match=r"bring the last one back with `git checkout"):
            Memo(project.root, "masses")
        assert "dvc" in [check.name for check in examine(project) if check.cure]
    command(project.root, "git", "checkout", "--", name)
    assert path.read_bytes() == before
    assert not any(StageRunner(project, "masses").out_of_date()[stage] for stage in ("ingest", "validate", "split"))
    if name == "dvc.lock":
        project.lock.unlink()
        run_plain(project, "masses", last="split")
        assert project.lock.read_bytes() == lock
