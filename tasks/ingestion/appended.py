"""Sources to which files are only ever added: what a file's rows were is kept aside, so that only new ones are read.

What is kept is found by what it was made from: the file's content, how it is read, and the code that reads. So the
table is the same, byte for byte, whether all files were read at once or one a day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tasks import files
from tasks.ingestion.code_digest import code_digest
from tasks.ingestion.description import describe
from tasks.ingestion.survey import Survey, merge
from tasks.ingestion.typed_rows import ColumnReading, Plan, Typing, plan_of, survey_column, without_missing
from tasks.ingestion.units import Units, units_of, with_fitting_units, with_units
from tasks.params.ingest import Ingest
from tasks.sources.base import Source
from tasks.tables import storage
from tasks.tables.dataset import Dataset
from tasks.tables.parts import regroup

_SURVEYS = TypeAdapter(dict[str, Survey])
_PLAN = TypeAdapter(dict[str, ColumnReading])


def write_pieces(
    config: Ingest, rows: Source, pieces: Sequence[Source], digest: str, folder: Path, store: Path
) -> Dataset:
    """Writes the rows of all files as one table, every file's in parts of their own. Returns its description."""
    keeper = _Keeper(config, store, pieces[0])
    keeper.config = with_units(config, keeper.units())
    surveys = keeper.surveyed(pieces)
    fitting = with_fitting_units(keeper.config, config, surveys)
    if fitting != keeper.config:
        keeper.config = fitting
        surveys = keeper.surveyed(pieces)
    config = fitting
    dataset = describe(config, rows, surveys, digest)
    plan = plan_of(config, rows, surveys)
    storage.join_tables({piece.location: keeper.table(piece, plan) for piece in pieces}, folder)
    # Last: what is kept for files that are still there must not go when a run breaks off.
    keeper.forget_others()
    return dataset


class _Keeper:
    """The folder of what is kept: a survey and a table for each file."""

    def __init__(self, config: Ingest, store: Path, first: Source) -> None:
        self.config = config
        self._store = store
        self._first = first
        self._used: set[Path] = set()
        self._code = code_digest()

    @property
    def _reading(self) -> list[Any]:
        """All that the rows of a file are read by."""
        # Where the files lie says nothing of what they hold, and a new one must not make the old ones new.
        source = self.config.source.model_dump(exclude={"path", "validation_path", "test_path"})
        # Of the columns' settings only these change cells, or what they say; the others act when the plan is made.
        settings = {
            name: override.model_dump(mode="json", exclude={"role"}) for name, override in self.config.columns.items()
        }
        # Separator and header are those of the first file.
        return [self._code, source, settings, self._first.digest()]

    def units(self) -> Units:
        """The units of columns that the first file tells."""
        kept = self._place("units")
        if not kept.exists():
            files.write_json(kept, dict(units_of(self.config, next(self._first.parts(), None))))
        units: Units = files.read_json(kept)
        return units

    def surveyed(self, pieces: Sequence[Source]) -> dict[str, Survey]:
        """What all rows are, from the surveys of the files."""
        surveys = [self._survey(piece) for piece in pieces]
        return {name: reduce(merge, [of_piece[name] for of_piece in surveys]) for name in surveys[0]}

    def table(self, piece: Source, plan: Plan) -> Path:
        """The file's rows as typed parts."""
        readings = _PLAN.dump_python(dict(plan), mode="json")
        kept = self._place("table", piece.digest(), readings, self.config.rows_per_part)
        if not kept.exists():
            typing = Typing(config=self.config, rows=piece, plan=plan)
            with storage.table_writer(kept) as writer:
                for part in regroup(typing.parts(), self.config.rows_per_part):
                    writer.append(part, typing.origins.take(part.height))
        return kept

    def forget_others(self) -> None:
        """Removes what none of today's files is made from."""
        for kept in self._store.iterdir():
            if kept not in self._used:
                files.remove(kept)

    def _survey(self, piece: Source) -> dict[str, Survey]:
        kept = self._place("survey", piece.digest())
        if not kept.exists():
            surveys: dict[str, Survey] = {}
            for part in piece.parts():
                for cells in without_missing(part, self.config):
                    known = surveys.get(cells.name)
                    of_part = survey_column(cells, known, self.config, piece.numbers)
                    surveys[cells.name] = merge(known, of_part) if known else of_part
            files.write_json(kept, _SURVEYS.dump_python(dict(surveys), mode="json"))
        return _SURVEYS.validate_python(files.read_json(kept))

    def _place(self, kind: str, *made_from: Any) -> Path:
        key = json.dumps([*self._reading, *made_from], sort_keys=True)
        # 32 hexadecimal digits, 128 bits: no two keys meet, and names stay short.
        place = self._store / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        self._used.add(place)
        return place
