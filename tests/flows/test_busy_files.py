"""Whoever reserves files in DVC's list is waited for until it ends, or has reserved nothing for long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import busy_files
from flows.busy_files import after_others
from tasks.errors import BusyError
from tasks.memo.locks import processes_at_work


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(busy_files, "_LOOK_EVERY", 0.02)
    return []


def reserve(root: Path, *processes: int) -> None:
    """As DVC has it."""
    list_of_dvc = root / ".dvc" / "tmp" / "rwlock"
    list_of_dvc.parent.mkdir(parents=True, exist_ok=True)
    entries = {f"/data/{process}": {"pid": process, "cmd": "ingest@rows"} for process in processes}
    list_of_dvc.write_text(json.dumps({"write": entries, "read": {"/rows": [*entries.values()]}}))


class Work:
    """Refused so many times, because of these processes."""

    def __init__(self, times: int, *processes: int) -> None:
        self.left, self.processes = times, processes

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise BusyError("another process is at work: it (process 7); wait for it", self.processes)
        return "done"


def waited(root: Path, work: Work, sentences: list[str]) -> str:
    @contextmanager
    def telling() -> Iterator[object]:
        yield sentences.append

    return after_others(work, root, telling)  # type: ignore[arg-type]


def test_the_list_of_dvc_names_who_is_at_work(tmp_path: Path) -> None:
    assert processes_at_work(tmp_path) == set()
    reserve(tmp_path, 41, 42)
    assert processes_at_work(tmp_path) == {41, 42}
    (tmp_path / ".dvc" / "tmp" / "rwlock").write_text("{")
    assert processes_at_work(tmp_path) == set()


def test_a_process_is_waited_for_until_it_ends(tmp_path: Path, sentences: list[str]) -> None:
    holder = subprocess.Popen([sys.executable, "-ISc", "import time; time.sleep(1)"])
    reserve(tmp_path, holder.pid)
    assert waited(tmp_path, Work(1, holder.pid), sentences) == "done"
    assert holder.wait(0) == 0
    assert sentences == ["waits: another process is at work: it (process 7)"]


def test_one_that_lives_on_is_waited_for_while_it_reserves(
    tmp_path: Path, sentences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy_files, "_IDLE", 0.1)
    looks: list[bool] = []

    def at_work(root: Path) -> set[int]:
        looks.append(len(looks) < 30)
        return {os.getpid()} if looks[-1] else set()

    monkeypatch.setattr(busy_files, "processes_at_work", at_work)
    # Longer than the idleness alone, as it has something reserved for longer.
    assert waited(tmp_path, Work(2, os.getpid()), sentences) == "done"
    assert looks[:30] == [True] * 30
    assert looks[30:].count(False) == len(looks) - 30 > 4
    assert len(sentences) == 2


def test_where_nobody_is_known_to_be_at_work_it_is_for_others_to_try_again(
    tmp_path: Path, sentences: list[str]
) -> None:
    with pytest.raises(BusyError, match="wait for it"):
        waited(tmp_path, Work(1), sentences)
    assert sentences == []
