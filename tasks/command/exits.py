"""How a command ends: one message and an exit code, whatever stops it but a bug."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from tasks.errors import Terminated, UserError, printable

_NO_MEMORY = ("can't start new thread", "failed to map segment from shared object", "Cannot allocate memory")
"""What is said where there is no memory for a thread, a library or a process, by errors that say other things too."""

_CLOSING = 5.0
"""Seconds in which a second signal is the same one."""
_KEPT = "what was done is kept, and the same command goes on from there"
"""Unless the interrupt itself says otherwise."""


def exit_code(command: Callable[[], int]) -> int:
    """The command's own exit code; 2 for a user's mistake, 3 for a gate that said no, 128 and more after a signal."""
    try:
        return _quietly(command)
    except UserError as error:
        _say(f"error: {error}")
        return error.exit_code
    except SyntaxError as error:
        # Of code that is imported before the stage `code` reads it.
        if not str(error.filename).endswith(".py"):
            raise
        message = f"{error.filename}, line {error.lineno}: {error.msg}; mend it, and run again"
        print(f"error: {printable(message)}", file=sys.stderr)  # noqa: T201
        return UserError.exit_code
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if not _is_want_of_memory(error):
            raise
        # What it was for is in no message of Python's, and a traceback would not say it either.
        _say(
            "error: there is too little memory; end other programs, allow this one more, or make its pieces smaller "
            "(ingest.rows_per_part in params.yaml), and run again: what earlier stages did is kept"
        )
        return UserError.exit_code
    except KeyboardInterrupt as interrupt:
        # What stages did before stays, so this is no failure to explain with a traceback.
        _say(f"interrupted; {interrupt.args[0] if interrupt.args else _KEPT}")
        # As shells have it: 128 and the number of the signal.
        return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def _is_want_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


def end_on_signals() -> None:
    """Has SIGTERM end the process as Ctrl-C does; either only once while what was begun is being closed.

    People who wait press Ctrl-C twice: the second one would cut off what the first one has closed, such as the run in
    the tracking store, which then shows as running.
    """
    first: list[float] = []

    def end(number: int, _: object) -> None:
        now = time.monotonic()
        if first and now - first[0] < _CLOSING:
            return
        first[:] = [now]
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        # Whoever starts a command in the background may have it ignore Ctrl-C.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def own_output() -> None:
    """Has a command's output be told from all else that may break or be full: `exit_code` then knows which it was."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        # Closed by the caller. The next file that is opened would be in its place, and get what is printed.
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            stream = os.fdopen(number, "r" if number == 0 else "w", closefd=False)
            setattr(sys, name, stream)
            # Kept, as Python keeps its own: with the stream, its buffer would be closed.
            setattr(sys, f"__{name}__", stream)
    output = sys.stdout
    sys.stdout = _Output(output.buffer, output.encoding, output.errors, line_buffering=bool(output.line_buffering))


class _OutputError(Exception):
    """Not one of the system's: rich ends the process over a broken pipe, with the code of a bug."""


class _Output(TextIOWrapper):
    def write(self, text: str) -> int:
        with _output_errors():
            return super().write(text)

    def flush(self) -> None:
        with _output_errors():
            super().flush()


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _OutputError from error


def _quietly(command: Callable[[], int]) -> int:
    """Whoever reads the command's output may stop doing so, as `head` does, and that is no failure."""
    try:
        code = _code_of(command)
        sys.stdout.flush()
    except _OutputError as failure:
        # Python would write what is left at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(failure.__cause__, BrokenPipeError):
            return 0
        raise UserError(
            f"the output cannot be written ({failure.__cause__}); make room there, or send it elsewhere: what the "
            "command did is kept"
        ) from None
    return code


def flush_output() -> None:
    """What was printed before a command ended early; a second failure of the output would say nothing new."""
    with suppress(_OutputError):
        sys.stdout.flush()


def _code_of(command: Callable[[], int]) -> int:
    try:
        return int(command())
    # As argparse ends, after `--help` and after a mistake.
    except SystemExit as end:
        return int(end.code or 0)


def _say(message: str) -> None:
    # With nobody to hear it the exit code has to do.
    with suppress(OSError):
        print(message, file=sys.stderr)  # noqa: T201
