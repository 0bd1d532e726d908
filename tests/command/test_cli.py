"""The command: what it prints, its exit codes, and what it does not import."""

from __future__ import annotations

import json
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from typing import get_args

import pytest

from tasks.command import cli
from tasks.command.cli import main
from tasks.params.config import MetricOfClasses
from tasks.params.pipeline import json_schema
from tasks.paths import STAGES, Project
from tests.projects import REPOSITORY, modelwright

HEAVY = {"dvc", "great_expectations", "lightgbm", "mlflow", "polars", "prefect", "pydantic", "rich", "sklearn", "torch"}


def imported_by(*arguments: str) -> set[str]:
    """The top-level modules that a command has imported when it ends."""
    code = (
        "import sys, contextlib, io\nfrom tasks.command.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main({list(arguments)})\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    assert not imported_by("--help") & HEAVY


def test_a_run_in_which_nothing_changed_waits_for_no_library() -> None:
    code = "import sys, tasks.memo.chain\nprint(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY


def test_the_version_is_one_line_and_imports_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    assert not imported_by("--version") & HEAVY
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"modelwright {version('modelwright')}, Python {platform.python_version()}, ")


def test_the_schema_needs_pydantic_only() -> None:
    assert imported_by("schema") & HEAVY == {"pydantic"}


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("run", "status", "add", "doctor", "schema", "schedule"))


@pytest.mark.parametrize("name", cli._COMMANDS)
def test_the_help_of_a_command_says_what_it_does_and_has_examples_that_parse(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    command = cli._COMMANDS[name]
    assert command.help[1:] in " ".join(printed.split())
    assert command.examples
    for example in command.examples:
        assert f"\n  {example}\n" in printed
        line = next(part for part in re.split(" && | > ", example) if "modelwright" in part)
        arguments = shlex.split(line)
        options = cli._parser().parse_args(arguments[arguments.index("modelwright") + 1 :])
        assert options.command is command.run


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


@pytest.mark.chain
@pytest.mark.parametrize("shell", ["{} | head -c 1", "{} | true"])
def test_nobody_need_read_all_that_is_printed(shell: str) -> None:
    command = f"set -o pipefail; {shell.format(f'{sys.executable} -m tasks.command.cli schema')}"
    done = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_json_is_one_object_and_nothing_else(finished: Project) -> None:
    done = modelwright(finished.root, "run", "masses", "--plain", "--json")
    content = json.loads(done.stdout)
    assert list(content) == ["pipeline", "stages", "metrics", "model"]
    assert content["pipeline"] == "masses"
    assert [stage["stage"] for stage in content["stages"]] == list(STAGES)
    assert {frozenset(stage) for stage in content["stages"]} == {
        frozenset({"stage", "outcome", "seconds", "why", "report"})
    }
    # Nobody says what mistakes cost.
    assert set(get_args(MetricOfClasses)) - {"expected_cost"} == set(content["metrics"])
    assert content["model"] == {"name": "masses", "version": 1, "aliases": ["champion"]}


@pytest.mark.chain
def test_without_evaluate_and_register_there_are_no_metrics_and_no_model(finished: Project) -> None:
    content = json.loads(modelwright(finished.root, "run", "masses", "--plain", "--json", "--to", "split").stdout)
    assert (content["metrics"], content["model"]) == ({}, None)


@pytest.mark.chain
def test_a_mistake_leaves_standard_output_empty(finished: Project) -> None:
    done = modelwright(finished.root, "run", "mases", "--json", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean masses?" in done.stderr


def test_outside_a_project(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir("/")
    assert main(["status"]) == 2
    assert "change to the project's folder" in capsys.readouterr().err


def test_a_schedule_needs_a_server(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(project.root / ".prefect"))
    assert main(["schedule"]) == 2
    assert "prefect server start" in capsys.readouterr().err


def test_status_of_a_project_in_which_nothing_ran(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "masses"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "masses"
    assert all("out of date  never ran" in line for line in lines[1:])
    assert len(lines) == len(STAGES) + 1
