"""A command on a terminal, as a person has it, for tests of what a pipe does not get."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def on_a_terminal(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and all that the terminal got, with its control signs; lines end as in a file."""
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(arguments, cwd=folder, env=dict(environment), **streams) as command:
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
    os.close(ours)
    return command.returncode, printed.decode(errors="replace").replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    """What has come; nothing once the other side has closed, which Linux calls an error."""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
