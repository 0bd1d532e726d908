"""Tables that are written stretch by stretch: one part for each, which is taken over when it would be the same.

What makes a part the same is all that it was made from: its rows, how they are read, and the code that reads. So the
table is, byte for byte, what is written when nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from tasks.ingestion.code_digest import code_digest
from tasks.ingestion.survey import Survey, merge
from tasks.ingestion.typed_rows import Typing
from tasks.parallel import prefetch
from tasks.sources.base import Stretch
from tasks.tables.origins import PartOrigins, Run, UnreadCell
from tasks.tables.storage import TableWriter


@dataclass(frozen=True, kw_only=True)
class _Findings:
    """What is known of a part besides its rows."""

    surveys: dict[str, Survey]
    unread: tuple[UnreadCell, ...]


@dataclass(frozen=True, kw_only=True)
class _TypedStretch:
    """A part of the new table: its rows, or the file that has them already."""

    stretch: Stretch
    content: pl.DataFrame | Path
    findings: _Findings


_FINDINGS = TypeAdapter(_Findings)


def write_stretches(typing: Typing, stretches: Sequence[Stretch], writer: TableWriter) -> None:
    """Writes a part for each stretch, typed as planned; `typing.surveys` says then what all rows are."""
    reading, made = _reading(typing), list[tuple[str, Any]]()
    for part in prefetch(_parts(typing, stretches, reading)):
        run = Run(row=0, file=typing.rows.location, number=writer.num_rows + 1, in_lines=False)
        origins = PartOrigins(runs=(run,), unread=part.findings.unread)
        if isinstance(part.content, Path):
            writer.take_over(part.content, part.stretch.num_rows, origins)
        else:
            writer.append(part.content, origins)
        # By now all of its rows are known.
        made_from = f"{part.stretch.known_digest} {reading}"
        made.append((made_from, _FINDINGS.dump_python(part.findings, mode="json")))
    typing.rows.kept_parts.note(made)


def _parts(typing: Typing, stretches: Sequence[Stretch], reading: str) -> Iterator[_TypedStretch]:
    for stretch in stretches:
        digest = stretch.known_digest
        kept = typing.rows.kept_parts.find(f"{digest} {reading}") if digest else None
        if kept:
            file, findings = kept
            part = _TypedStretch(stretch=stretch, content=file, findings=_FINDINGS.validate_python(findings))
        else:
            part = _typed(typing, stretch)
        for name, survey in part.findings.surveys.items():
            known = typing.surveys.get(name)
            typing.surveys[name] = merge(known, survey) if known else survey
        yield part


def _typed(typing: Typing, stretch: Stretch) -> _TypedStretch:
    # By itself: what the rows before it were must not show in what is noted of these.
    own = Typing(config=typing.config, rows=stretch, plan=typing.plan)
    rows = pl.concat(own.parts())
    findings = _Findings(surveys=own.surveys, unread=own.origins.take(rows.height).unread)
    return _TypedStretch(stretch=stretch, content=rows, findings=findings)


def _reading(typing: Typing) -> str:
    """All that cells are read by."""
    # Where the files lie says nothing of what they hold; a role changes no cell.
    config = typing.config
    settings = config.model_dump(
        mode="json", exclude={"source": {"path", "validation_path", "test_path"}, "columns": True}
    )
    overrides = {
        name: override.model_dump(mode="json", exclude={"role"}, exclude_defaults=True)
        for name, override in config.columns.items()
    }
    columns = {name: override for name, override in overrides.items() if override}
    ways = {name: [*map(str, reading.way)] for name, reading in typing.plan.items()}
    # Another version of polars may write the same rows in other bytes.
    content = json.dumps([code_digest(), version("polars"), settings, columns, ways])
    return hashlib.sha256(content.encode()).hexdigest()
