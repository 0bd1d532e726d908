"""Writes what a server answers to the log of answers: a process beside it, so that no request waits for a file.

`python -P logging_process.py ROOT`, with a JSON line of parcels on standard input, and one of outcomes on standard
output. What is held is written at the end of standard input, which comes also when the server is killed.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from tasks.errors import UserError
from tasks.paths import Project
from tasks.prediction_log.log import AnsweredBatch, PredictionLog, prediction_log
from tasks.recipe.raw_values import at_rest
from tasks.recipe.recipe import Feature, Recipe, read_recipe
from tasks.scoring.request import settings_of
from tasks.serving.registry_watch import as_notice, with_passport
from tasks.tables.dialect import ColumnDialect
from tasks.tracking.registered import RegisteredModel

_MOST_HELD = 5_000
"""Rows that are held before they are written: a file each few thousand, and not one a request."""
_UNFORESEEN = (ArithmeticError, LookupError, OSError, TypeError, UserError, ValueError, PolarsError)
"""Of one request, or of the disk: it must not cost the other requests their lines."""

Entry = Mapping[str, Any]
"""A request as `answer_log.py` sends it."""


@dataclass(kw_only=True)
class WriteOutcome:
    """What became of rows since the last reply; `why` is of the last failure."""

    num_written: int = 0
    num_failed: int = 0
    why: str | None = None


@dataclass(kw_only=True)
class VersionLog:
    """What is held of one version's answers, and where it goes; the log is opened anew each day, so that what is past
    its retention goes."""

    project: Project
    model: RegisteredModel
    held: list[Entry] = field(default_factory=list)
    num_held: int = 0
    _opened: tuple[date, PredictionLog | None, Recipe] | None = None

    def write(self, outcome: WriteOutcome) -> None:
        """Writes what is held."""
        entries, self.held, self.num_held = self.held, [], 0
        for alike in _alike(entries):
            self._write(alike, outcome)

    def _write(self, entries: Sequence[Entry], outcome: WriteOutcome) -> None:
        num_rows = sum(map(num_rows_of, entries))
        try:
            log, recipe = self._log(entries[0])
            if log is not None:
                log.append(answered_batch(entries, recipe, log.key.dataset.columns), f"served-{uuid.uuid4().hex}")
            outcome.num_written += num_rows
        except _UNFORESEEN as error:
            if len(entries) > 1:
                for entry in entries:
                    self._write([entry], outcome)
                return
            outcome.num_failed += num_rows
            outcome.why = f"{self.model.shown}: {error}"

    def _log(self, entry: Entry) -> tuple[PredictionLog | None, Recipe]:
        day = datetime.fromisoformat(entry["time"]).date()
        if self._opened is None or self._opened[0] != day:
            log = prediction_log(self.project, self.model, settings_of(self.project, self.model.name))
            self._opened = day, log, read_recipe(self.model.model / "recipe.json")
        return self._opened[1], self._opened[2]


def num_rows_of(entry: Entry) -> int:
    """The rows of a request that go to the log."""
    return len(next(iter(entry["rows"].values())))


def _alike(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The requests by what one file must have in common: the day, and the columns of rows and answers."""
    groups: dict[Any, list[Entry]] = {}
    for entry in entries:
        kind = (entry["time"][:10], tuple(entry["rows"]), tuple(entry["answers"] or ()))
        groups.setdefault(kind, []).append(entry)
    yield from groups.values()


def answered_batch(entries: Sequence[Entry], recipe: Recipe, columns: Sequence[Any]) -> AnsweredBatch:
    """The rows of requests that are alike, [N], as one batch. `columns` say how values are written, for row keys."""
    counts = [num_rows_of(entry) for entry in entries]
    cells = {name: [cell for entry in entries for cell in entry["rows"][name]] for name in entries[0]["rows"]}
    dialects = {column.name: column.dialect for column in columns}
    written = {
        name: [as_written(cell, dialects.get(name, ColumnDialect())) for cell in values]
        for name, values in cells.items()
    }
    read = [readable(cells[feature.name], feature) for feature in recipe.raw_features if feature.name in cells]
    refused = [rule for entry in entries for rule in entry["refused"] or [None] * num_rows_of(entry)]
    names = entries[0]["answers"] or ()
    answers = {name: [value for entry in entries for value in entry["answers"][name]] for name in names}

    def by_row(name: str) -> list[Any]:
        return [entry[name] for entry, count in zip(entries, counts, strict=True) for _ in range(count)]

    return AnsweredBatch(
        rows=pl.DataFrame(written, schema=dict.fromkeys(written, pl.String)),
        values=pl.DataFrame(read),
        answers=pl.DataFrame(answers, strict=False) if answers else None,
        answered=[number for number, rule in enumerate(refused) if rule is None],
        refused={number: rule for number, rule in enumerate(refused) if rule is not None},
        time=[datetime.fromisoformat(time) for time in by_row("time")],
        request_id=by_row("request_id"),
        latency_ms=by_row("latency_ms"),
    )


def readable(cells: Sequence[Any], feature: Feature) -> pl.Series:
    """The values of a column [N] as the model reads them; missing where it refuses one."""
    try:
        return at_rest(cells, feature)
    except UserError:
        return at_rest([cell if _is_readable(cell, feature) else None for cell in cells], feature)


def _is_readable(cell: Any, feature: Feature) -> bool:
    try:
        at_rest([cell], feature)
    except UserError:
        return False
    return True


def as_written(cell: Any, dialect: ColumnDialect) -> str | None:
    """A value of JSON as the source would write it: rows have one key, whichever way their values come."""
    match cell:
        case None | str():
            return cell
        case bool():
            return str(cell).lower()
        case float():
            return (f"{cell:.0f}" if cell.is_integer() else repr(cell)).replace(".", dialect.decimal)
        case int():
            return str(cell)
        case _:
            return json.dumps(cell)


class LogWriter:
    """Takes parcels of requests, each of one version, and holds them until there are enough or it is time."""

    def __init__(self, root: Path) -> None:
        self._project = Project(root=root)
        self._versions: dict[str, VersionLog] = {}

    def take(self, parcels: Sequence[Mapping[str, Any]], *, is_time: bool) -> WriteOutcome:
        """What became of the rows that were written now, if any were."""
        outcome = WriteOutcome()
        for parcel in parcels:
            version = self._version(parcel["notice"])
            version.held += parcel["entries"]
            version.num_held += sum(map(num_rows_of, parcel["entries"]))
        for version in self._versions.values():
            if version.held and (is_time or version.num_held >= _MOST_HELD):
                version.write(outcome)
        return outcome

    def _version(self, notice: str) -> VersionLog:
        if notice not in self._versions:
            model = as_notice(json.loads(notice)).model
            assert model is not None
            self._versions[notice] = VersionLog(project=self._project, model=with_passport(model))
        return self._versions[notice]


def serve(writer: LogWriter) -> None:
    """Until standard input ends."""
    # What a library prints must not stand among the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps({}), file=replies, flush=True)
    for line in sys.stdin:
        content = json.loads(line)
        outcome = writer.take(content["parcels"], is_time=content["is_time"])
        print(json.dumps(vars(outcome)), file=replies, flush=True)
    writer.take([], is_time=True)


if __name__ == "__main__":
    serve(LogWriter(Path(sys.argv[1])))
    # Python's own end takes seconds after these libraries: they are waited for when the server ends.
    os._exit(0)
