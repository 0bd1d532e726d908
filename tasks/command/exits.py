"""How a command ends: one message and an exit code, whatever stops it but a bug."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from tasks.errors import Terminated, UserError, printable

_NO_MEMORY = ("can't start new thread", "failed to map segment from shared object", "Cannot allocate memory")
"""What is said where there is no memory for a thread, a library or a process, by errors that say other things too."""


def exit_code(command: Callable[[], int]) -> int:
    """The command's own exit code; 2 for a user's mistake, 3 for a gate that said no, 128 and more after a signal."""
    try:
        return _quietly(command)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
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
        print(  # noqa: T201
            "error: there is too little memory; end other programs, allow this one more, or make its pieces smaller "
            "(ingest.rows_per_part in params.yaml), and run again: what earlier stages did is kept",
            file=sys.stderr,
        )
        return UserError.exit_code
    except KeyboardInterrupt as interrupt:
        # What stages did before stays, so this is no failure to explain with a traceback.
        print("interrupted; the next run goes on from here", file=sys.stderr)  # noqa: T201
        # As shells have it: 128 and the number of the signal.
        return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def _is_want_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


def end_on_sigterm() -> None:
    """Has SIGTERM end the process as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _quietly(command: Callable[[], int]) -> int:
    """Whoever reads the command's output may stop doing so, as `head` does, and that is no failure."""
    try:
        code = int(command())
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush what is left at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
