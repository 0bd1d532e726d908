"""code.json: which tool a project of one's own is of, and what is refused when another one is installed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tasks.command.cli import main
from tasks.environment import installed_version
from tasks.errors import UserError
from tasks.memo.chain import run_plain
from tasks.memo.code_record import check_own_code, check_tool, read_record
from tasks.paths import CODE_DIGESTS, STAGES, Project
from tests.projects import REPOSITORY, command, make_own_project, make_project, modelwright


def edit(tool: Path, file: str) -> None:
    with (tool / "tasks" / file).open("a") as code:
        code.write("\nEDITED = 1\n")


def test_the_record_has_a_digest_for_every_stage_and_its_packages(own: Project, tool: Path) -> None:
    before = read_record(own)
    assert before is not None
    assert before.version == installed_version("modelwright")
    assert list(before.stages) == ["own_code", *STAGES]
    assert all((tool / source).exists() for source in before.packages)
    # What means the same is the same.
    with (tool / "tasks" / "train.py").open("a") as code:
        code.write("\n# Edited.\n")
    check_tool(own)


@pytest.mark.parametrize(
    ("file", "sources"),
    [
        ("training/job.py", "tasks/training"),
        ("split.py", "tasks/split.py"),
        ("tables/new.py", "tasks/tables"),
        ("command/cli.py", None),
    ],
)
def test_a_tool_that_means_something_else_is_refused_by_name(
    own: Project, tool: Path, file: str, sources: str | None
) -> None:
    edit(tool, file)
    if sources is None:
        check_tool(own)
        return
    with pytest.raises(
        UserError, match=rf"code.json: .* another build of .*, in which {sources} changed; `modelwright"
    ):
        check_tool(own)


def test_commands_that_run_stages_refuse_it_too_and_leave_all_as_it_is(
    own: Project, tool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(tool, "split.py")
    before = sorted(own.root.rglob("*"))
    for arguments in (["run", "masses", "--plain"], ["status", "masses"]):
        assert main(arguments) == 2
        assert "tasks/split.py changed; `modelwright upgrade --dry-run`" in capsys.readouterr().err
    assert [path for path in sorted(own.root.rglob("*")) if path not in before and ".dvc/tmp" not in str(path)] == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"modelwright": 1}', "<<<<<<< HEAD\n{", "\xff", None])
def test_a_record_that_is_damaged_or_missing_has_a_cure(
    own: Project, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    original = own.code_record.read_text()
    own.code_record.unlink()
    if content is not None:
        own.code_record.write_text(content, encoding="latin-1")
    assert main(["run", "masses", "--plain"]) == 2
    message = capsys.readouterr().err
    assert "code.json: damaged" in message or "code.json: missing" in message
    assert "`modelwright upgrade`" in message
    assert main(["upgrade"]) == 0
    assert own.code_record.read_text() == original
    check_tool(own)


def test_a_folder_in_its_place_has_the_same_cure(own: Project) -> None:
    original = own.code_record.read_text()
    own.code_record.unlink()
    own.code_record.mkdir()
    with pytest.raises(UserError, match="damaged"):
        check_tool(own)
    assert main(["upgrade"]) == 0
    assert own.code_record.read_text() == original


def test_a_project_of_a_newer_version_is_refused_by_every_command(
    own: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(own.code_record.read_text())
    own.code_record.write_text(json.dumps({**content, "modelwright": "99.0"}, indent=2))
    commands = (["run"], ["status"], ["list"], ["upgrade"], ["doctor"], ["init", "p", "notes.csv"], ["expect", "notes"])
    for arguments in commands:
        assert main(arguments) == 2
        message = capsys.readouterr().err
        assert "the project is of Modelwright 99.0, and " in message
        assert message.count("\n") == 1


def test_the_repository_needs_no_record(tmp_path: Path) -> None:
    project = make_project(tmp_path / "repository")
    check_tool(project)
    assert not project.code_record.exists()
    assert project.code == project.root


@pytest.mark.parametrize(
    "arguments",
    [("command.cli", "run", "masses", "--plain", "--to", "ingest"), ("command.cli", "status"), ("command.cli", "list"),
     ("command.cli", "schedule"), ("__main__", "code"), ("__main__", "split", "masses")],
)  # fmt: skip
def test_a_checkout_is_not_run_by_the_code_of_another(project: Project, arguments: tuple[str, ...]) -> None:
    """As with one environment for two: Python finds there the code that was installed."""
    code = "import runpy, sys; del sys.argv[0]; runpy.run_module(f'tasks.{sys.argv[0]}', run_name='__main__')"
    other = {"PYTHONPATH": str(REPOSITORY)}
    done = command(project.root, sys.executable, "-P", "-c", code, *arguments, check=False, **other)
    assert done.returncode == 2
    assert f"{project.root}: the code that runs is that of {REPOSITORY}, and what it does" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (project.root / CODE_DIGESTS).exists()
    assert not project.lock.exists()
    # What it says helps, with the same environment.
    modelwright(project.root, "status", "masses", **other)


def test_the_own_environment_is_named_where_it_is_one(project: Project) -> None:
    activate = project.root / ".venv" / "bin" / "activate"
    with pytest.raises(UserError, match=rf"`rm -rf \S+/.venv && make -C {project.root} .venv/installed`"):
        check_own_code(project)
    activate.parent.mkdir(parents=True)
    activate.write_text('VIRTUAL_ENV="/elsewhere/.venv"')
    with pytest.raises(UserError, match=r"`rm -rf \S+/.venv && make"):
        check_own_code(project)
    activate.write_text(f'VIRTUAL_ENV="{project.root}/.venv"')
    with pytest.raises(UserError, match=rf"`source {activate}`"):
        check_own_code(project)


@pytest.mark.long
@pytest.mark.chain
def test_dvc_repro_refuses_another_tool_and_goes_on_after_the_upgrade(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        for package in ("tasks", "flows"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / package, folder / package, ignore=ignored)
    edit(second, "split.py")
    own = make_own_project(tmp_path / "own")
    first_tool, second_tool = {"PYTHONPATH": str(first)}, {"PYTHONPATH": str(second)}
    command(own.root, "dvc", "repro", "--quiet", "split@masses", **first_tool)
    lock = own.lock.read_bytes()
    # Nothing has changed by which DVC goes, so nothing runs, and nothing is lost.
    assert "up to date" in command(own.root, "dvc", "repro", "split@masses", **second_tool).stdout
    done = command(own.root, "dvc", "repro", "--force", "split@masses", check=False, **second_tool)
    assert done.returncode == 255
    assert "in which tasks/split.py changed; `modelwright upgrade --dry-run`" in done.stderr
    assert own.lock.read_bytes() == lock
    plan = json.loads(modelwright(own.root, "upgrade", "--dry-run", "--json", **second_tool).stdout)
    assert {stage: why for stage, why in plan["runs_again"]["masses"].items() if why} == {
        "split": ["tasks/split.py changed"]
    }
    modelwright(own.root, "upgrade", **second_tool)
    printed = command(own.root, "dvc", "repro", "split@masses", **second_tool).stdout
    assert [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running")] == [
        "code",
        "split@masses",
    ]
    # And the first one is refused now.
    assert "another build" in command(own.root, "dvc", "repro", "-f", "split@masses", check=False, **first_tool).stderr


@pytest.mark.chain
def test_a_pipeline_moves_out_of_the_repository_and_nothing_runs_again(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_plain(project, "masses", last="split")
    own = make_own_project(tmp_path_factory.mktemp("own"))
    for name in ("data", "reports", ".dvc/cache"):
        shutil.copytree(project.root / name, own.root / name)
    shutil.copyfile(project.lock, own.lock)
    monkeypatch.chdir(own.root)
    results = run_plain(own, "masses", last="split")
    assert [result.outcome for result in results] == ["unchanged"] * 3
    # All but the entry of the stage `code`, which depends on code.json now.
    assert entries(own) == entries(project)


def entries(project: Project) -> str:
    return project.lock.read_text().partition("  ingest@masses:")[2]
