"""`modelwright --help`: what stands where, how wide it is, and who gets colours."""

from __future__ import annotations

import os
import re
import shlex
import sys

import pytest

from tasks.command import cli
from tasks.command.cli import main
from tasks.command.help_page import GROUPS, CommandGroup
from tests.projects import REPOSITORY
from tests.terminals import on_a_terminal

COMMAND = (sys.executable, "-m", "tasks.command.cli", "--help")


def page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def page_on_a_terminal(**more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    code, printed = on_a_terminal(COMMAND, REPOSITORY, {**environment, "TERM": "xterm", "COLUMNS": "80", **more})
    assert code == 0
    return printed


def test_every_command_stands_in_exactly_one_group() -> None:
    assert sorted(name for group in GROUPS for name in group.commands) == sorted(cli._COMMANDS)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.title)
def test_a_group_has_an_example_of_one_of_its_commands_that_parses(group: CommandGroup) -> None:
    program, name, *arguments = shlex.split(group.example)
    assert program == "modelwright"
    assert name in group.commands
    assert cli._parser().parse_args([name, *arguments]).command is cli._COMMANDS[name].run


def test_a_command_is_one_line_on_a_usual_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = page(monkeypatch, capsys, 80).splitlines()
    for group in GROUPS:
        start = lines.index(group.title)
        expected = [[name, cli._COMMANDS[name].help] for name in group.commands]
        assert [line.split(maxsplit=1) for line in lines[start + 1 : start + 1 + len(expected)]] == expected
        assert lines[start + 1 + len(expected)] == f"  $ {group.example}"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", [30, 50, 200])
def test_no_word_is_lost_on_a_narrow_or_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    printed = page(monkeypatch, capsys, columns)
    words = " ".join(printed.split())
    assert all(command.help in words for command in cli._COMMANDS.values())
    listed = printed[printed.index(GROUPS[0].title) : printed.index("options:")].splitlines()
    # An example is for copying, so it is never broken.
    assert max(len(line) for line in listed if not line.startswith("  $ ")) <= max(columns, 40)


def test_a_terminal_gets_colours_unless_it_refuses_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = page(monkeypatch, capsys, 80)
    assert "\033" not in plain
    coloured = page_on_a_terminal()
    assert f"\033[1m{GROUPS[0].title}\033[0m" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == plain
    assert page_on_a_terminal(NO_COLOR="1") == plain
    assert page_on_a_terminal(TERM="dumb") == plain


def test_a_mistyped_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stauts"])
    assert ended.value.code == 2
    assert "there is no command 'stauts'; did you mean status?" in capsys.readouterr().err


def test_the_readme_has_the_commands_in_the_same_order() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## The commands") : text.index("Exit codes:")]
    table: list[tuple[str, list[str]]] = []
    for row in re.findall(r"^\| (.*?) \|", section, re.MULTILINE):
        if title := re.fullmatch(r"\*\*(\w+)\*\*", row):
            table.append((title[1], []))
        elif table:
            cells = [cell.removeprefix("modelwright ") for cell in re.findall(r"`([^`]+)`", row)]
            table[-1][1].extend(cell.split()[0] for cell in cells if not cell.startswith("-"))
    assert table == [(group.title, [*group.commands]) for group in GROUPS]
