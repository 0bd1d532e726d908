"""Two projects with the same code and data leave the same bytes; the front ends' test does it for text and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.memo.chain import run_plain
from tasks.paths import Project
from tests.projects import files_below, make_project

pytestmark = pytest.mark.chain


@pytest.mark.parametrize("pipeline", ["scans", "masses"])
def test_another_folder_gets_the_same_bytes(
    finished: Project, pipeline: str, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = make_project(tmp_path, store=empty_store)
    monkeypatch.chdir(again.root)
    run_plain(again, pipeline)
    folders = [f"{kind}/{pipeline}" for kind in ("data", "models", "reports")]
    first, second = (
        {f"{folder}/{name}": content for folder in folders for name, content in files_below(root / folder).items()}
        for root in (finished.root, again.root)
    )
    assert first == second


def test_forcing_a_run_changes_no_byte(project: Project) -> None:
    run_plain(project, "masses")
    before = files_below(project.root / "data", project.root / "models", project.root / "reports")
    results = run_plain(project, "masses", force=True)
    assert {(result.outcome, result.why) for result in results} == {("ran", ("forced",))}
    assert files_below(project.root / "data", project.root / "models", project.root / "reports") == before
