"""`--json`: every command that says something has it, and prints one object and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.command import cli
from tasks.command.cli import main
from tasks.paths import STAGES, Project
from tests.projects import TINY

WITHOUT = {
    "schedule": "runs until Ctrl-C; --show and --write print a diff",
    "ui": "runs until Ctrl-C",
    "up": "runs until Ctrl-C; `ps --json` has what it started",
    "down": "has nothing to say but that it is over",
    "serve": "runs until Ctrl-C; its `/ready` and `/metrics` say how it is",
    "schema": "prints JSON without being asked",
    "completion": "prints a script",
}
"""The commands that have no --json, and why."""


def test_every_command_has_it_or_a_reason() -> None:
    lacking = {
        name for name, command in cli._COMMANDS.items() if not any("--json" in names for names, _ in command.arguments)
    }
    assert lacking == set(WITHOUT)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """The object that is all of the standard output."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    [line] = capsys.readouterr().out.splitlines()
    assert line.isascii()
    content = json.loads(line)
    assert isinstance(content, dict)
    return content


LOOKS = {
    "status masses": ["pipelines"],
    "list": ["pipelines"],
    "leaderboard masses": ["metric", "trials", "tuned"],
    "champion masses": ["name", "version", "deleted"],
    "history masses": ["name", "records"],
    "history masses --verify": ["name", "whole", "problems", "num_records", "heads"],
    "expect notes": ["suite", "written", "changes", "retyped", "new_classes"],
    "tune masses --show": ["pipeline", "ranges"],
    "models": ["models"],
    "runs notes": ["runs"],
    "open masses": ["what", "address", "comes_first"],
}
"""Commands that only look, with the first keys of what they print."""


@pytest.mark.parametrize("line", LOOKS)
def test_a_look_is_one_object(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    monkeypatch.chdir(finished.root)
    assert [*printed(capsys, *line.split())][: len(LOOKS[line])] == LOOKS[line]


def test_status_says_what_each_stage_waits_for(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished.root)
    stages = printed(capsys, "status", "masses")["pipelines"]["masses"]
    assert stages == [{"stage": stage, "state": "up to date", "why": [], "after": None} for stage in STAGES]


def test_a_pipeline_s_beginning_and_end(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    drafted = printed(capsys, "init", "letters", "notes.csv", "--target", "kind", "--minutes", "0")
    assert drafted["target"]["name"] == "kind"
    assert set(drafted["columns"]) == {"note", "size", "colour", "kind"}
    assert drafted["written"] == ["expectations/letters.json", "params.yaml"]
    assert printed(capsys, "status", "letters")["pipelines"]["letters"][0]["why"] == ["never ran"]
    renamed = printed(capsys, "rename", "letters", "words")
    assert (renamed["old"], renamed["new"]) == ("letters", "words")
    assert "renamed the block in params.yaml" in renamed["notes"]
    assert main(["remove", "words", "--json"]) == 2
    assert "give --yes" in capsys.readouterr().err
    removed = printed(capsys, "remove", "words", "--yes")
    assert removed["removed"] == ["the block words in params.yaml", "expectations/words.json"]
    assert [row["name"] for row in printed(capsys, "list")["pipelines"]] == ["scans", "masses", "notes"]


def test_a_block_that_is_added(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (project.root / "block.yaml").write_text(
        TINY.replace("  masses:", "  lumps:")
        .split("  notes:")[0]
        .replace(TINY[TINY.index("  scans:") : TINY.index("  masses:")], "")
    )
    assert printed(capsys, "add", "block.yaml") == {"written": ["expectations/lumps.json", "params.yaml"]}


def test_a_new_project(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, "new", "shop")
    assert made == {"project": str(project.root / "shop"), "repository": str(project.root)}


def test_the_doctor_s_checks_have_cures(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.params.unlink()
    content = printed(capsys, "doctor", code=2)
    cures = {check["name"]: check["cure"] for check in content["checks"]}
    assert cures["disk"] is None
    assert cures["params.yaml"]


@pytest.mark.parametrize("line", ["status mases", "champion masses", "leaderboard masses", "add nowhere.yaml"])
def test_a_mistake_is_on_standard_error_with_the_usual_code(
    project: Project, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert main([*line.split(), "--json"]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("error: ")
