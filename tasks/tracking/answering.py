"""Answers of a registered version to raw rows, part after part, by its own code in a process of its own.

Modules of the same names are loaded once a process: in this one the version would be answered by the code of today.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks import files
from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking.champion import last_words, model_environment
from tasks.tracking.registered import RegisteredModel

if TYPE_CHECKING:
    import polars as pl

_PROCESS = Path(__file__).with_name("answering_process.py")
REQUEST_PROCESS = Path(__file__).with_name("request_process.py")
"""The same for requests as `modelwright serve` has them: many small ones at a time, as JSON."""
_PATIENCE = 10.0
"""Seconds in which the process may end by itself."""


@dataclass(frozen=True, kw_only=True)
class PartAnswers:
    """`answers` has a row for each row that was not refused, in their order; `refused` has why, by row."""

    answers: pl.DataFrame | None
    refused: Mapping[int, str]


class Answerer:
    """A model that is loaded and waits for rows."""

    def __init__(self, model: RegisteredModel, process: subprocess.Popen[str], log: IO[bytes], folder: Path) -> None:
        self._model = model
        self._process = process
        self._log = log
        self._folder = folder
        self._is_ready = False

    def answer(self, rows: pl.DataFrame) -> PartAnswers:
        """Rows with the columns that the model asks for: text as the source writes it, or typed values."""
        import polars as pl

        if not self._is_ready:
            self._reply()
            self._is_ready = True
        asked, answers = self._folder / "rows.arrow", self._folder / "answers.arrow"
        rows.write_ipc(asked)
        self._request({"rows": str(asked), "answers": str(answers)})
        reply = self._reply()
        refused = {int(row): message for row, message in reply["refused"].items()}
        if len(refused) == rows.height:
            return PartAnswers(answers=None, refused=refused)
        return PartAnswers(answers=pl.read_ipc(answers), refused=refused)

    def _request(self, content: dict[str, str]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(content) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _ended(self) -> UserError:
        code = self._process.wait()
        self._log.seek(0)
        why = last_words(code, self._log.read().decode(errors="replace"))
        return UserError(
            f"{self._model.shown} cannot answer ({why}); install what {self._model.packed}/requirements.txt "
            "says, make predict.rows_per_part smaller where memory is short, or take another version; what was "
            "answered is kept: the same command goes on from there"
        )


@contextmanager
def answering(model: RegisteredModel, project: Project) -> Iterator[Answerer]:
    """The model in a process that ends with the block, or when this process is killed."""
    # -P keeps this folder, in which MLflow's names would be ours, off the path.
    command = [sys.executable, "-P", "-W", "ignore", str(_PROCESS), str(model.packed)]
    with files.scratch(project.registered_models / "answering") as scratch, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=project.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # To a file: a pipe that nobody reads would stop it.
            stderr=log,
            text=True,
            encoding="utf-8",
            env=model_environment(scratch),
            start_new_session=True,  # Ctrl-C is ours to tell it, by the end of its input
        )
        try:
            yield Answerer(model, process, log, scratch)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
