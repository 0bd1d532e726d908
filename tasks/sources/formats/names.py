"""What the columns of a table without types are called: by its first row, by the user, or by their places."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources.formats.header import Cells
from tasks.sources.formats.titles import is_title
from tasks.wording import counted

_MARKED = re.compile(r"^#\s*(?=\w)(?!of\b)")
"""What programs put before a header that others are to skip: `# id` is called id. `# of rooms` is a number of them."""

_NUM_SHOWN = 5


def column_names(first: Cells, header: bool, config: TableSource, shown: str) -> tuple[str, ...]:
    """A column without a name is called by its place. Raises UserError for names of another number, and for a title."""
    if config.names is not None:
        if len(config.names) != len(first):
            raise UserError(
                f"{shown}: ingest.source.names has {counted(len(config.names), 'name')}, "
                f"the file has {counted(len(first), 'column')}; "
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
    return named_by_place([_MARKED.sub("", name) if place == 0 else name for place, name in enumerate(names)])


def named_by_place(names: Iterable[str]) -> tuple[str, ...]:
    """The names, and for a column without one its place: no column is called nothing."""
    return tuple(name or f"column_{place}" for place, name in enumerate(names, 1))


def check_names(names: Sequence[str], shown: str) -> None:
    """Raises UserError for a name that stands there twice, and for one that stands for others."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise UserError(
            f"{shown}: the column name {name} stands there {count} times; "
            "give each column a name of its own (names with header: true does so without touching the file)"
        )
    # To polars, everywhere: all columns, and those whose names match.
    patterns = [name for name in names if name == "*" or (name.startswith("^") and name.endswith("$"))]
    if patterns:
        raise UserError(
            f"{shown}: the column name {patterns[0]} is a pattern that stands for other columns; give it "
            "another one (of a text file or Excel, names with header: true does so without touching the file)"
        )


def check_no_split(columns: Sequence[str], split_column: str | None, shown: str) -> None:
    """Raises UserError where the source would add a column that is there."""
    if split_column in columns:
        raise UserError(
            f"{shown}: has a column {split_column} already, and test_path or validation_path would add one; "
            "rename it, or leave those paths out and set split.kind to given"
        )


def few(names: Sequence[str]) -> str:
    """The first few: a table may have thousands."""
    more = [f"{len(names) - _NUM_SHOWN:,} more"] if len(names) > _NUM_SHOWN else []
    return ", ".join([*names[:_NUM_SHOWN], *more])
