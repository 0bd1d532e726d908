"""The file of `features_from` is a dependency: of normalize of the pipelines that name it, in every front end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.errors import UserError
from tasks.memo.chain import StageRunner, run_plain
from tasks.memo.own_code import list_own_files, own_file, own_files, with_files
from tasks.paths import Project
from tasks.scaffold.new_project import dvc_yaml
from tasks.scaffold.upgrade import plan_upgrade
from tests.projects import TINY, command, make_own_project, make_project

PARAMS = TINY.replace("{text: {min_documents: 1}}", "{text: {min_documents: 1}, features_from: 'mine.py:add'}")
CODE = "def add(rows):\n    return rows.select(twice=rows['size'] * 2)\n"
OTHER = CODE.replace("* 2", "* 3")
STAGES = ("normalize@notes", "normalize@masses")


@pytest.fixture
def make() -> Callable[..., Project]:
    """Makes the project: here one of one's own, whose dvc.yaml the tool brings along."""
    return make_own_project


@pytest.fixture
def project(
    make: Callable[..., Project], tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    made = make(tmp_path / "project", PARAMS, store=empty_store)
    monkeypatch.chdir(made.root)
    (made.root / "mine.py").write_text(CODE)
    return made


def by_dvc(project: Project, *stages: str) -> set[str]:
    """What `dvc repro` runs or restores up to these."""
    lines = command(project.root, "dvc", "repro", *(stages or STAGES)).stdout.splitlines()
    return {line.split("'")[1] for line in lines if line.startswith(("Running", "Stage")) and "skip" not in line}


def by_run(project: Project) -> set[str]:
    results = {name: run_plain(project, name, last="normalize") for name in ("notes", "masses")}
    return {f"{one.stage}@{name}" for name, of_name in results.items() for one in of_name if one.outcome != "unchanged"}


@pytest.mark.chain
@pytest.mark.long
@pytest.mark.parametrize("make", [make_project, make_own_project], ids=["repository", "own"])
def test_an_edit_runs_normalize_where_the_file_is_named_and_a_comment_nothing(project: Project) -> None:
    assert len(by_run(project)) == 10
    # What one front end did, the others skip.
    assert by_dvc(project) == set()
    mine = project.root / "mine.py"
    mine.write_text(f"# The same.\n{CODE}")
    assert by_dvc(project) == {"own_code@notes", "own_code@masses"}
    assert by_run(project) == set()
    mine.write_text(OTHER)
    assert "mine.py" in command(project.root, "dvc", "status").stdout
    assert by_dvc(project) == {"own_code@notes", "normalize@notes", "own_code@masses"}
    assert by_run(project) == set()
    mine.write_text(OTHER.replace("* 3", "* 4"))
    assert StageRunner(project, "notes").out_of_date()["normalize"] == ("mine.py changed",)
    assert by_run(project) == {"normalize@notes"}
    assert by_dvc(project) == set()
    # As for every edit that is taken back.
    mine.write_text(OTHER)
    assert run_plain(project, "notes", last="normalize")[-1].outcome == "restored"


@pytest.mark.long
@pytest.mark.chain
def test_dvc_alone_writes_down_what_it_is_to_look_at(project: Project) -> None:
    run_plain(project, "notes", last="clean")
    assert "mine.py" not in project.stages.read_text()
    assert {"own_code@notes", "normalize@notes"} <= by_dvc(project, STAGES[0])
    assert own_files(project.stages.read_text()) == {"mine.py"}
    assert by_dvc(project, STAGES[0]) == {"own_code@notes"}
    assert by_dvc(project, STAGES[0]) == set()
    (project.root / "mine.py").write_text(OTHER)
    assert by_dvc(project, STAGES[0]) == {"own_code@notes", "normalize@notes"}
    # A stage that DVC runs alone refuses what DVC has not looked at; the advice.
    (project.root / "mine.py").write_text(CODE)
    single = ("dvc", "repro", "--force", "--single-item", STAGES[0])
    done = command(project.root, *single, check=False)
    assert done.returncode == 255
    assert "mine.py edited since DVC looked at the code" in done.stderr
    assert "run `dvc repro own_code@notes`" in done.stderr
    command(project.root, "dvc", "repro", "own_code@notes")
    assert command(project.root, *single).returncode == 0
    # No more is named: no more is looked at.
    project.params.write_text(TINY)
    assert by_dvc(project, STAGES[0]) == {"own_code@notes", "normalize@notes"}
    assert own_files(project.stages.read_text()) == set()


@pytest.mark.chain
def test_a_file_that_another_pipeline_lacks_stops_that_one_alone(project: Project) -> None:
    (project.root / "mine.py").unlink()
    for _ in range(2):
        assert run_plain(project, "masses", last="normalize")[-1].stage == "normalize"
    with pytest.raises(UserError, match=r"there is no file mine\.py"):
        run_plain(project, "notes")


def test_in_dvc_yaml_files_stand_sorted_once_and_as_yaml_reads_them() -> None:
    text = dvc_yaml()
    assert with_files(text, ()) == text
    named = ["b.py", "own/a b.py", 'c "d".py', "1.py", "#x.py", "'y: z'.py"]
    filled = with_files(text, named)
    assert own_files(filled) == set(named)
    assert with_files(with_files(filled, ["z.py", "a.py"]), sorted(named, reverse=True)) == filled
    assert with_files(filled, ()) == text
    before, after = (YAML(typ="safe").load(one)["stages"] for one in (text, filled))
    assert {name: entry for name, entry in after.items() if name != "own_code"} == {
        name: entry for name, entry in before.items() if name != "own_code"
    }


@pytest.mark.parametrize("normalize", [None, {}, [], {"features_from": 3}, {"features_from": "../x.py:add"}])
def test_a_block_that_names_no_file_as_it_should_has_none(normalize: object) -> None:
    assert own_file({"a": {"normalize": normalize}, "b": None}, "a") is None
    assert own_file({"a": {"normalize": normalize}, "b": None}, "b") is None


def test_a_stage_that_somebody_wrote_in_another_way_is_left_to_them(tmp_path: Path) -> None:
    blocks = {"a": {"normalize": {"features_from": "mine.py:add"}}}
    project = Project(root=tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    other = "stages: {own_code: {foreach: x, do: {cmd: x, deps: [.modelwright/code/x]}}}\n"
    project.stages.write_text(other)
    with pytest.raises(UserError, match=r"put mine\.py into its deps"):
        list_own_files(project, blocks)
    assert project.stages.read_text() == other
    project.stages.write_text(other.replace("/x]", "/x, mine.py]"))
    assert not list_own_files(project, blocks)


def test_what_runs_put_into_dvc_yaml_is_no_edit_for_an_upgrade(tmp_path: Path) -> None:
    project = make_own_project(tmp_path / "own", PARAMS)
    (project.root / "mine.py").write_text(CODE)
    assert list_own_files(project, {"a": {"normalize": {"features_from": "mine.py:add"}}})
    assert plan_upgrade(project).texts == {}
    (project.code_record).unlink()
    plan = plan_upgrade(project)
    assert not plan.keeps_stages
    assert project.stages not in plan.texts
