"""Whatever stops a command but a bug is one message and its exit code."""

from __future__ import annotations

from typing import NoReturn

import pytest

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


def test_a_command_that_goes_through_has_its_own_code() -> None:
    assert exit_code(lambda: 0) == 0
