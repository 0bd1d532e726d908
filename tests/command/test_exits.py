"""Whatever stops a command but a bug is one message and its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tasks.command.cli import main
from tasks.command.exits import exit_code
from tasks.errors import GateError, Terminated, UserError


def raising(error: BaseException) -> int:
    def command() -> NoReturn:
        raise error

    return exit_code(command)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("params.yaml: mend it"), 2, "error: params.yaml: mend it"),
        (GateError("the data may not pass"), 3, "error: the data may not pass"),
        (SyntaxError("invalid syntax", ("tasks/a.py", 3, 1, "def (")), 2, "error: tasks/a.py, line 3: invalid syntax;"),
        (MemoryError(), 2, "error: there is too little memory"),
        (RuntimeError("can't start new thread"), 2, "error: there is too little memory"),
        (ImportError("a.so: failed to map segment from shared object"), 2, "error: there is too little memory"),
        (OSError(12, "Cannot allocate memory"), 2, "error: there is too little memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(), 143, "interrupted"),
    ],
)
def test_one_message_and_a_code(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    printed = capsys.readouterr().err
    assert printed.startswith(message)
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [RuntimeError("dictionary changed size during iteration"), ImportError("no such name"), OSError(5, "I/O error")],
)
def test_a_bug_is_a_bug(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        raising(error)
    assert raised.value is error


def test_an_init_that_is_cut_off_says_that_nothing_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text("pipelines: {}\n")
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{n},{n % 2}\n" for n in range(200)))
    monkeypatch.chdir(tmp_path)

    def cut_off(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as measuring:
        measuring.setattr("tasks.drafting.pipeline.measured", cut_off)
        assert main(["init", "mine", "rows.csv", "--target", "y"]) == 130
    assert capsys.readouterr().err.startswith("interrupted; nothing was written, and the same command begins again")
    assert (tmp_path / "params.yaml").read_text() == "pipelines: {}\n"
    assert main(["init", "mine", "rows.csv", "--target", "y", "--minutes", "0"]) == 0


def test_a_command_that_goes_through_has_its_own_code() -> None:
    assert exit_code(lambda: 0) == 0


ROOT = Path(__file__).resolve().parents[2]
PRINTS = """
import os, sys
from tasks.command import cli
from tasks.command.subcommand import Subcommand
from tasks.errors import UserError
from rich.console import Console

def prints(options):
    with open("written", "w") as file:
        print("printed")
        Console(highlight=False).print("by rich\\n" * 5_000)
        file.write("whole")
    return 3

cli._COMMANDS["list"] = Subcommand(run=prints, help="print", examples=())
cli.main()
"""


def ended(folder: Path, redirection: str, arguments: str = "list") -> tuple[int, str]:
    """Exit code and standard error of a command, with its output where the shell puts it."""
    line = f'"$0" -c "$1" {arguments} {redirection}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, PRINTS],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", ["list", "--version", "--help", "schema"])
def test_who_stops_reading_is_no_failure(tmp_path: Path, arguments: str) -> None:
    # By rich a broken pipe would be the code of a bug, and by Python a traceback.
    assert ended(tmp_path, "| true", arguments) == (0, "")


@pytest.mark.parametrize("arguments", ["list", "--version", "--help", "schema"])
def test_a_full_disk_behind_the_output_is_told(tmp_path: Path, arguments: str) -> None:
    code, said = ended(tmp_path, "> /dev/full", arguments)
    assert code == 2
    assert said.startswith("error: the output cannot be written ([Errno 28] No space left on device); make room")
    assert said.count("\n") == 1


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_without_an_output_the_work_is_done_and_no_file_gets_what_is_printed(tmp_path: Path, closed: str) -> None:
    assert ended(tmp_path, closed) == (3, "")
    assert (tmp_path / "written").read_text() == "whole"


def test_a_message_that_nobody_hears_leaves_its_code(tmp_path: Path) -> None:
    assert ended(tmp_path, "2> /dev/full", "run digits --from nowhere --plain") == (2, "")


def test_a_pipe_of_ones_own_that_breaks_is_no_end_of_reading() -> None:
    with pytest.raises(BrokenPipeError):
        raising(BrokenPipeError())


def test_what_was_printed_before_a_mistake_is_not_lost(tmp_path: Path) -> None:
    mistaken = PRINTS.replace("    return 3", "    raise UserError('mend it')")
    done = subprocess.run(
        [sys.executable, "-c", mistaken, "list"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (2, "error: mend it\n")
    assert done.stdout.startswith("printed\n")
    assert done.stdout.count("by rich") == 5_000
