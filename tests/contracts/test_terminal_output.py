"""A terminal gets colours and progress; a pipe and a file get neither, nor any control sign."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress

import pytest

from tasks.command.cli import main
from tasks.command.console import PIPED_WIDTH
from tasks.paths import Project
from tests.projects import environment
from tests.terminals import on_a_terminal

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d(?:;\d+)*m")
MODELWRIGHT = (sys.executable, "-m", "tasks.command.cli")

LOOKS = (
    "--help",
    "status",
    "list",
    "runs",
    "models",
    "models masses",
    "leaderboard masses",
    "champion masses",
    "history masses",
    "expect notes",
    "gc",
)


@pytest.mark.parametrize("line", LOOKS)
def test_a_pipe_gets_plain_text(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    monkeypatch.chdir(finished.root)
    monkeypatch.setenv("TERM", "xterm-256color")
    # As `--help` ends.
    with suppress(SystemExit):
        assert main(line.split()) == 0
    streams = capfd.readouterr()
    assert streams.out
    assert all(row.isprintable() for row in (streams.out + streams.err).split("\n"))


def piped(project: Project, *arguments: str, **more: str) -> str:
    done = subprocess.run(
        [*MODELWRIGHT, *arguments],
        cwd=project.root,
        env=environment(project.root, **more),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def watched(project: Project, *arguments: str, **more: str) -> str:
    variables = environment(project.root, TERM="xterm-256color", COLUMNS=str(PIPED_WIDTH), **more)
    variables = {name: value for name, value in variables.items() if name != "NO_COLOR" or more}
    code, printed = on_a_terminal([*MODELWRIGHT, *arguments], project.root, variables)
    assert code == 0
    return printed


@pytest.mark.chain
def test_a_terminal_gets_colours_and_progress_and_the_same_words(finished: Project) -> None:
    run = ("run", "masses", "--plain")
    plain, shown = piped(finished, *run, TERM="xterm-256color"), watched(finished, *run)
    assert all(row.isprintable() for row in plain.split("\n"))
    assert COLOUR.search(shown) or "\x1b[2m" in shown
    # What is at work stands in a line that is taken away again.
    assert "\r\x1b[2K" in shown
    # Seconds may differ.
    words = [re.sub(r"\d+\.\d", "", row).rstrip() for row in plain.split("\n")]
    end = CONTROL.sub("", shown.rpartition("\x1b[2K")[2])
    assert [re.sub(r"\d+\.\d", "", row).rstrip() for row in end.split("\n")] == words


@pytest.mark.chain
def test_who_wants_no_colours_gets_none(finished: Project) -> None:
    assert COLOUR.search(watched(finished, "status", "masses"))
    assert not COLOUR.search(watched(finished, "status", "masses", NO_COLOR="1"))
