"""What DVC and its notes raise is one message, and the advice works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.memo.memo import Memo
from tasks.paths import Project

pytestmark = pytest.mark.chain


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
