"""What a source is: rows in batches, as often as asked, and a digest of their content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.files import FirstLook
from tasks.params.config import ColumnTypeName
from tasks.tables.kept_parts import KeptParts

if TYPE_CHECKING:
    import polars as pl

    from tasks.tables.origins import RowOrigins

SPLIT = "split"
"""The column that says train, validation or test when these come as files of their own."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a source looks: relative paths start at `root`; what is fetched is kept below `downloads`.

    In `known_files` a source of many files keeps what it knows of them; without it, all are read each time. In `look`
    is how files stood that somebody has asked already.
    """

    root: Path
    downloads: Path
    known_files: Path | None = None
    look: FirstLook = field(default_factory=FirstLook)


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How the source writes numbers."""

    decimal: str = "."
    thousands: str | None = None


@dataclass(frozen=True, kw_only=True)
class BrokenLine:
    """A line of a text that is no row: where it stands, all of it, and why."""

    place: str
    text: str
    reason: str


class Source:
    """Where rows come from. Nothing is read before `parts`, `digest` or `settings` is called.

    Made from its block of the parameters and a place. A kind of source is a file with such a class, a line in
    `tasks.sources.SOURCES`, and a block in `tasks.params.sources`.

    Examples
    --------
    >>> import polars as pl
    >>> class Squares(Source):
    ...     kind = "squares"
    ...
    ...     def __init__(self, config, place):
    ...         self.location = f"the first {config}"
    ...         self._count = config
    ...
    ...     def parts(self):
    ...         yield pl.DataFrame({"x": [n for n in range(self._count)], "y": [n * n for n in range(self._count)]})
    ...
    ...     def digest(self):
    ...         return f"{self._count:064x}"
    ...
    ...     def watched(self):
    ...         return []
    >>> rows = Squares(3, Place(root=Path("."), downloads=Path("downloads")))
    >>> [part.rows() for part in rows.parts()]
    [[(0, 0), (1, 1), (2, 4)]]
    >>> rows.types, rows.split_column, rows.settings()
    ({}, None, {})
    """

    kind: ClassVar[str]
    """The `kind` in params.yaml."""

    digests_its_rows: ClassVar[bool] = False
    """Whether `digest`, asked after `parts`, is of the very bytes that these have read: then nothing is read twice."""

    location: str
    """Where the rows are, as the user wrote it; never with a password."""

    kept_parts: KeptParts = KeptParts()
    """Of the table that its rows went into and that is about to be replaced; a source without stretches keeps none."""

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        """The types of the columns that the source knows by itself; the others are inferred."""
        return {}

    @property
    def split_column(self) -> str | None:
        """The column that says train, validation or test, when the source brings separate files."""
        return None

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Columns that the source adds to say where a row came from: no features, unless the user says so."""
        return ()

    @property
    def numbers(self) -> NumberFormat:
        """How numbers are written in the source's text cells."""
        return NumberFormat()

    @property
    def missing(self) -> tuple[str, ...]:
        """Text cells that `parts` gives as missing, in every column."""
        return ()

    def parts(self) -> Iterator[pl.DataFrame]:
        """The rows in batches, the same ones every time: all with the same columns, in the same order.

        A column holds text, numbers, truth values, datetimes or bytes; a missing value is null. Memory is bounded by a
        batch, however many rows there are. Raises UserError when the source cannot be read.
        """
        raise NotImplementedError

    def located_parts(self) -> Iterator[tuple[pl.DataFrame, RowOrigins]]:
        """`parts`, each with where its rows stand: by their numbers, of a source that has no lines."""
        from tasks.tables.origins import RowOrigins, numbered

        for part, numbers in numbered(self.parts()):
            yield part, RowOrigins(file=self.location, numbers=numbers, in_lines=False)

    def keep_broken(self, keep: Callable[[BrokenLine], None]) -> None:
        """From now on, a line of CSV that is no row is given to `keep`, and all others are read; else it ends all."""

    def digest(self) -> str:
        """SHA-256 of the content, as hexadecimal digits: changes when, and only when, the content does."""
        raise NotImplementedError

    def watched(self) -> list[Path] | None:
        """The files and folders that the content comes from: while they stand still, so does it.

        Empty when it never changes; None when nothing on this machine tells, so that the source must be asked.
        """
        raise NotImplementedError

    def stretches(self, rows_per_part: int) -> list[Stretch]:
        """All rows again, cut where parts of the table are to end; none of a source that does not say.

        A row more or less changes its own part, and all others are as they were.
        """
        return []

    def pieces(self) -> list[Source]:
        """The files of a source to which files are only ever added, each as a source of its own; else none."""
        return []

    def settings(self) -> dict[str, Any]:
        """What was found out about how the source is written, as settings of its own block: for `modelwright init`."""
        return {}

    def remarks(self) -> list[str]:
        """What the last reading of all rows left out: whole sentences for `modelwright init`."""
        return []

    def doubts(self) -> list[str]:
        """What was found out and may be wrong, so that a person should look: whole sentences for `modelwright init`."""
        return []


class Stretch(Source):
    """Rows of another source that stand one below the other."""

    kind = "stretch"

    def __init__(
        self,
        whole: Source,
        *,
        num_rows: int,
        parts: Callable[[], Iterator[pl.DataFrame]],
        known_digest: Callable[[], str | None],
    ) -> None:
        """`known_digest` is of all that the rows are, as far as nothing need be read for it."""
        self.location = whole.location
        self.num_rows = num_rows
        self._whole, self._parts, self._ask = whole, parts, known_digest

    @property
    def numbers(self) -> NumberFormat:
        return self._whole.numbers

    def parts(self) -> Iterator[pl.DataFrame]:
        yield from self._parts()
        # What was read may be other rows than those that were known.
        self.__dict__.pop("known_digest", None)

    @cached_property
    def known_digest(self) -> str | None:
        """Of all that the rows are; None while something must be read to know it: not once `parts` has ended."""
        return self._ask()
