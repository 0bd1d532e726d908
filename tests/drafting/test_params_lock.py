"""Commands that edit params.yaml at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.drafting import params_lock, pipeline
from tasks.drafting.add import add_block
from tasks.drafting.params_lock import editing
from tasks.drafting.pipeline import init_pipeline
from tasks.errors import UserError
from tasks.params.file import pipelines_in
from tasks.paths import Project
from tasks.tuning.apply import apply
from tests.drafting.params_writes import held_at_each_write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("pipelines: {}\n")
    (tmp_path / "rows.csv").write_text("size,price\n" + "".join(f"{i},{3 * i + i % 7}\n" for i in range(60)))
    return Project(root=tmp_path)


def test_a_block_that_is_added_while_another_is_drafted_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = pipeline.drafted_suite

    def meanwhile(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(pipeline, "drafted_suite", draft)
        init_pipeline(project, "north", "rows.csv", "price")
        return draft(*arguments)

    monkeypatch.setattr(pipeline, "drafted_suite", meanwhile)
    init_pipeline(project, "south", "rows.csv", "price")
    assert [*pipelines_in(project.params)] == ["north", "south"]


def test_the_same_name_is_taken_by_the_first(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = pipeline.drafted_suite

    def meanwhile(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(pipeline, "drafted_suite", draft)
        init_pipeline(project, "north", "rows.csv", "price")
        return draft(*arguments)

    monkeypatch.setattr(pipeline, "drafted_suite", meanwhile)
    with pytest.raises(UserError, match="already has a pipeline north"):
        init_pipeline(project, "north", "rows.csv", "price", settings=["split.test=0.3"])
    assert "0.3" not in project.params.read_text()


def test_each_command_writes_it_within_the_lock(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    held = held_at_each_write(project, monkeypatch)
    init_pipeline(project, "north", "rows.csv", "price")
    block = project.root / "block.yaml"
    block.write_text(project.params.read_text().replace("north:", "south:"))
    add_block(project, block)
    apply(project, "south", {"split.test": 0.2})
    assert held == [True, True, True]


def test_a_command_that_keeps_it_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params_lock, "_PATIENCE", 0.1)
    with (
        editing(project),
        pytest.raises(UserError, match=r"params\.yaml: another command has been writing it"),
        editing(project),
    ):
        pass
    with editing(project):
        pass
