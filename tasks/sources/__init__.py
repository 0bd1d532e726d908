"""The sources, by the `kind` of a pipeline's source: one file each, and one line here."""

from __future__ import annotations

from tasks.params import sources as params
from tasks.sources.base import Place, Source


def source(config: params.Source, place: Place) -> Source:
    """The source of that kind. What a kind needs is imported when it is used."""
    match config:
        case params.BuiltinSource():
            from tasks.sources.builtin import Builtin

            return Builtin(config)
        case params.TableSource():
            from tasks.sources.table import Table

            return Table(config, place.root)
        case params.IdxSource():
            from tasks.sources.idx import Idx

            return Idx(config, place.root)
        case params.FolderSource():
            from tasks.sources.folder import Folder

            return Folder(config, place.root)
        case params.TextSource():
            from tasks.sources.text import Documents

            return Documents(config, place.root)
        case params.SqlSource():
            from tasks.sources.sql import Sql

            return Sql(config, place.root)
        case params.UrlSource():
            from tasks.sources.url import Url

            return Url(config, place, read=source)
