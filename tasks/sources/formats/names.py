"""What the columns of a table without types are called: by its first row, by the user, or by their places."""

from __future__ import annotations

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources.formats.header import Cells
from tasks.sources.formats.titles import is_title


def column_names(first: Cells, header: bool, config: TableSource, shown: str) -> tuple[str, ...]:
    """A column without a name is called by its place. Raises UserError for names of another number, and for a title."""
    if config.names is not None:
        if len(config.names) != len(first):
            raise UserError(
                f"{shown}: ingest.source.names has {len(config.names)} names, the file has {len(first)} columns; "
                "give a name for each column, in order"
            )
        return config.names
    if header and is_title(first):
        raise UserError(
            f"{shown}: the first row names 1 of {len(first)} columns, as a title does; give the number of lines above "
            "the header as ingest.source.skip_lines, or the columns' names as ingest.source.names"
        )
    # Blanks around a name cannot be seen, and would have to be written in params.yaml.
    names = [cell.strip() for cell in first] if header else [""] * len(first)
    return tuple(name or f"column_{place}" for place, name in enumerate(names, 1))
