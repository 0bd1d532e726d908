"""One disturbance and what became of it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.projects import environment

Ending = Literal["same", "cured", "blocked", "different", "untrue", "traceback", "left over"]

GOOD: tuple[Ending, ...] = ("same", "cured")
"""same: the next run went through and left the bytes and the registry of an undisturbed project. cured: it stopped with
one message, what the message says was done, and the run after that did so."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """blocked: the run stops and no advice helps. different: it ends well with other bytes. untrue: it says that all is
    well and it is not. traceback: it ends with one. left over: something that nobody needs stays."""

    kind: str
    disturbance: str
    ending: Ending
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.disturbance}: {self.ending}{f' ({self.detail})' if self.detail else ''}"


def has_traceback(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a person was shown one."""
    return "Traceback (most recent call last)" in done.stdout + done.stderr


def cures(message: str) -> list[list[str]]:
    """Each sentence's commands, in order: those between backticks, and the removal of the file that it says to remove.

    What two sentences say is two ways to help; what one says belongs together.
    """
    each = [commands for sentence in re.split(r"(?<=\w|`|\))\. ", message) if (commands := _commands(sentence))]
    if re.search(r"\b(remove|delete) it\b", message) and (named := re.search(r"error: (\S+?):? ", message)):
        removal = f"rm -rf '{named[1]}'"
        return [[removal, *each[0]], *each[1:]] if each else [[removal]]
    return each


def _commands(sentence: str) -> list[str]:
    quoted = re.findall(r"`([^`]+)`", sentence)
    return [line for line in quoted if line.split()[0] in ("dvc", "git", "mkdir", "modelwright", "rm", "mv")]


def follow(root: Path, commands: Iterable[str]) -> None:
    """Does what a message says, as a person would."""
    for line in commands:
        command = (
            line.replace("modelwright ", "python -m tasks.command.cli ", 1) if line.startswith("modelwright ") else line
        )
        subprocess.run(command, shell=True, cwd=root, env=environment(root), capture_output=True, timeout=600)


def table(trials: Iterable[Trial]) -> str:
    """How the trials of each kind ended, as Markdown."""
    by_kind: dict[str, Counter[Ending]] = {}
    for trial in trials:
        by_kind.setdefault(trial.kind, Counter())[trial.ending] += 1
    bad = [ending for ending in get_args(Ending) if ending not in GOOD]
    lines = [f"| disturbed by | trials | same | cured | {' | '.join(bad)} |", "| --- " * (len(bad) + 4) + "|"]
    for kind, endings in by_kind.items():
        counts = [endings.total(), endings["same"], endings["cured"], *(endings[ending] for ending in bad)]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)
