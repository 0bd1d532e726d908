"""Where answers go: a file, put together of all parts at the end, or a table, which gets each part in a transaction."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import polars as pl

from tasks.scoring.answer_files import assemble, check_file
from tasks.scoring.journal import Journal
from tasks.scoring.request import Request


class Destination(Protocol):
    """`journal` is the folder of the parts, `quarantine` the file of the rows that are not answered.

    `num_there` counts the parts that an earlier run had delivered, whole.
    """

    shown: str
    journal: Path
    quarantine: Path
    num_there: int

    def check(self) -> None:
        """Raises UserError for a place where no answers can go."""

    def keep(self, number: int, answers: pl.DataFrame) -> pl.DataFrame | None:
        """Takes a part's answers, or returns them: then they are the journal's to keep."""

    def finish(self, journal: Journal) -> None:
        """All parts are there."""


class AnswerFile:
    """A CSV or Parquet file."""

    num_there = 0

    def __init__(self, path: Path) -> None:
        self.shown = str(path)
        self._path = path
        self.journal = path.with_name(f".{path.name}.parts")
        self.quarantine = path.with_name(f"{path.stem}.quarantine.csv")

    def check(self) -> None:
        """By its name, and by what lies there."""
        check_file(self._path)

    def keep(self, number: int, answers: pl.DataFrame) -> pl.DataFrame | None:
        """No reader finds half of the answers: they are one file when all are there."""
        return answers

    def finish(self, journal: Journal) -> None:
        """The file, whole or not at all."""
        assemble(journal.parts("answers"), self._path)


def destination(request: Request, job: str) -> Destination:
    """By what `--out` is."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", request.out):
        from tasks.scoring.sql_answers import AnswerTable

        return AnswerTable(request, job)
    return AnswerFile(Path(request.out))
