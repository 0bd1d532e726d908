"""The sources, by the `kind` of a pipeline's source: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.params import sources as params
from tasks.sources.base import Place, Source
from tasks.sources.builtin import Builtin
from tasks.sources.folder import Folder
from tasks.sources.idx import Idx
from tasks.sources.sql import Sql
from tasks.sources.table import TableFiles
from tasks.sources.text import Documents
from tasks.sources.url import Url

SOURCES: dict[str, Callable[[Any, Place], Source]] = {
    "builtin": Builtin,
    "table": TableFiles,
    "idx": Idx,
    "folder": Folder,
    "text": Documents,
    "sql": Sql,
    # What was fetched is read by another source, and a source may not know its siblings: it is handed the table.
    "url": lambda config, place: Url(config, place, read=source),
}
"""What makes a source from its block and its place. The libraries that it needs are imported when it is read."""


def source(config: params.Source, place: Place) -> Source:
    """The source of that kind."""
    return SOURCES[config.kind](config, place)
