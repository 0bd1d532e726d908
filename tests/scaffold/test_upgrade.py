"""A project taken to another version of the tool: what it says is what happens, and what a person edited stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks import files
from tasks.command.cli import main
from tasks.errors import UserError
from tasks.memo.chain import StageRunner, run_plain
from tasks.memo.code_record import check_tool, digest_of
from tasks.paths import STAGES, Project
from tasks.scaffold import upgrade as module
from tasks.scaffold.new_project import dvc_yaml
from tasks.scaffold.upgrade import plan_upgrade
from tests.projects import files_below, make_project

NEWER = dvc_yaml().replace(
    "        - .modelwright/code/tasks/split.py\n",
    "        - .modelwright/code/tasks/split.py\n        - .modelwright/code/tasks/augmentation\n",
)
"""As a version might write it in which the stage is made of one package more."""


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed tool writes another dvc.yaml."""
    assert dvc_yaml() != NEWER
    monkeypatch.setattr(module, "dvc_yaml", lambda: NEWER)
    monkeypatch.setattr("tasks.scaffold.new_project.dvc_yaml", lambda: NEWER)


def edit(tool: Path, *names: str) -> None:
    for name in names:
        with (tool / "tasks" / name).open("a") as code:
            code.write("\nEDITED = 1\n")


def state(project: Project) -> dict[str, bytes]:
    return {
        name: content
        for name, content in files_below(project.root).items()
        if not name.startswith(("own/.git/", "own/.dvc/tmp", "own/.modelwright/"))
    }


def test_nothing_to_do_is_said_and_nothing_is_written(own: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(own)
    assert main(["upgrade"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("the project is of the installed Modelwright, ")
    assert printed.endswith("; no stage runs again\nnothing to write\n")
    assert state(own) == before


@pytest.mark.chain
def test_what_it_says_runs_again_is_what_runs_again(
    own: Project, tool: Path, newer: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run_plain(own, "masses", last="augment")
    run_plain(own, "notes", last="validate")
    edit(tool, "cleaning/new.py", "augment.py")
    before = state(own)
    plan = plan_upgrade(own)
    masses = {
        "ingest": (),
        "validate": (),
        "split": ("tasks/augmentation is new",),
        "clean": ("tasks/cleaning changed",),
        "normalize": (),
        "augment": ("tasks/augment.py changed",),
    }
    assert {stage: plan.reasons["masses"][stage] for stage in masses} == {
        **masses,
        "split": ("tasks/augmentation is new",),
    }
    # Neither what never ran, nor a pipeline of which nothing runs again.
    assert list(plan.reasons) == ["masses"]
    assert main(["upgrade", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "clean      out of date  tasks/cleaning changed" in printed
    assert "normalize  may follow   from split" in printed
    assert "would write dvc.yaml, code.json" in printed
    assert state(own) == before
    assert main(["upgrade"]) == 0
    assert capsys.readouterr().out == printed.replace("would write", "wrote")
    out_of_date = StageRunner(own, "masses").out_of_date()
    assert {stage: bool(out_of_date[stage]) for stage in masses} == {stage: bool(why) for stage, why in masses.items()}
    results = {result.stage: result for result in run_plain(own, "masses", last="augment")}
    assert {stage for stage, why in masses.items() if why} <= {
        stage for stage, result in results.items() if result.outcome == "ran"
    }
    assert {results[stage].outcome for stage in ("ingest", "validate")} == {"unchanged"}
    assert main(["upgrade"]) == 0
    assert capsys.readouterr().out.endswith("no stage runs again\nnothing to write\n")


def test_a_killed_upgrade_is_finished_by_the_next(
    own: Project, tool: Path, newer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(tool, "split.py")
    with monkeypatch.context() as patched:

        def killed(path: Path, text: str) -> None:
            if path == own.code_record:
                raise KeyboardInterrupt
            files.Path(path).write_text(text)

        patched.setattr(files, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            plan_upgrade(own).write()
    assert own.stages.read_text() == NEWER
    with pytest.raises(UserError, match="modelwright upgrade"):
        check_tool(own)
    plan = plan_upgrade(own)
    assert not plan.keeps_stages
    plan.write()
    check_tool(own)
    assert plan_upgrade(own).texts == {}


def test_an_edited_dvc_yaml_is_kept_where_it_has_all_that_is_needed(own: Project, newer: None) -> None:
    mine = f"# mine\n{NEWER}\n  extra:\n    cmd: echo\n    deps: [params.yaml]\n"
    own.stages.write_text(mine)
    plan = plan_upgrade(own)
    assert plan.keeps_stages
    plan.write()
    assert own.stages.read_text() == mine
    assert json.loads(own.code_record.read_text())["dvc.yaml"] == digest_of(NEWER)
    again = plan_upgrade(own)
    assert again.keeps_stages
    assert again.texts == {}


def test_an_edited_dvc_yaml_that_lacks_something_is_shown_and_the_advice_works(
    own: Project, newer: None, capsys: pytest.CaptureFixture[str]
) -> None:
    own.stages.write_text(f"{dvc_yaml()}\n  extra:\n    cmd: echo\n")
    # As the earlier version wrote it, with a stage of one's own.
    own.stages.write_text(own.stages.read_text().replace("        - .modelwright/code/tasks/augmentation\n", "", 1))
    mine = own.stages.read_text()
    before = state(own)
    assert main(["upgrade"]) == 2
    message = capsys.readouterr().err
    assert "somebody has edited it" in message
    assert "\n  split: deps: .modelwright/code/tasks/augmentation\n" in message
    assert "\n+        - .modelwright/code/tasks/augmentation\n" in message
    assert "\n-  extra:" in message
    assert state(own) == before
    assert message.split("`")[1] == "mv dvc.yaml dvc.yaml.mine"
    own.stages.rename(own.stages.with_name("dvc.yaml.mine"))
    assert main(["upgrade"]) == 0
    assert own.stages.read_text() == NEWER
    assert own.stages.with_name("dvc.yaml.mine").read_text() == mine


@pytest.mark.parametrize("content", ["", "stages: [", "- a\n", "stages: {split: 1}", "\xff\xfe"])
def test_a_damaged_dvc_yaml_is_written_anew_or_shown(own: Project, content: str) -> None:
    own.stages.write_text(content, encoding="latin-1")
    if not content:
        plan_upgrade(own).write()
        assert own.stages.read_text() == dvc_yaml()
        return
    with pytest.raises(UserError, match="somebody has edited it"):
        plan_upgrade(own)


def test_in_the_tools_repository_git_is_the_upgrade(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to upgrade: after `git pull`"):
        plan_upgrade(make_project(tmp_path / "repository"))


def test_a_project_that_never_ran_is_taken_over_in_silence(own: Project, tool: Path) -> None:
    edit(tool, *(f"{stage}.py" for stage in STAGES))
    plan = plan_upgrade(own)
    assert plan.reasons == {}
    assert [path.name for path in plan.texts] == ["code.json"]
