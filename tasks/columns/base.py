"""What a column type is: how it is recognized, checked, cleaned, encoded and augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.cells import CellReader
from tasks.columns.disturbance import Disturbance
from tasks.columns.spans import Span
from tasks.columns.value_summary import ValueSummary
from tasks.model_input.inputs import Block, Field
from tasks.model_input.step_rows import StepRows
from tasks.params.config import ColumnTypeName, Config
from tasks.repair.repair import FEW, Repair
from tasks.tables.dialect import ColumnDialect

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from tasks.params.clean import CleanColumn

State = TypeVar("State")
Settings = TypeVar("Settings", bound=Config)
Expectation = dict[str, Any]
"""One entry of a suite: `type`, `kwargs` and `severity`, as Great Expectations stores it."""

Statistic = Literal["extremes", "moments", "lengths", "categories"]
"""What the profile of a table keeps of a column, besides the share of missing values."""


@dataclass(frozen=True, kw_only=True)
class Depiction:
    """A value as a picture for a page, a PNG with its size or length in words; `pixelated`: its pixels stay sharp."""

    text: str
    png: bytes
    pixelated: bool = False


class Encoding(Config):
    """How a column becomes model input, as the recipe keeps it."""

    type: ColumnTypeName

    @property
    def is_continuous(self) -> bool:
        """Whether what lies between two values of its inputs is a value too, so that SMOTE may make one."""
        return True

    @property
    def requirements(self) -> tuple[str, ...]:
        """The distributions that a process needs in order to encode, besides those that every model needs."""
        return ()

    def field(self, name: str) -> Field:
        """The shape of the input that `ColumnType.transform` makes."""
        raise NotImplementedError

    def row_bytes(self, name: str) -> int:
        """What one row takes in memory while it is encoded, roughly."""
        return self.field(name).row_bytes


Encoded = TypeVar("Encoded", bound=Encoding)


class ColumnType(Generic[State, Settings, Encoded]):
    """One type of column. Pure functions on one part, and states that merge: memory is bounded by a part.

    Examples
    --------
    Two parts are learnt from, side by side if need be; what they say together leads to one encoding.

    >>> import polars as pl
    >>> from tasks.columns import column_type
    >>> from tasks.params.normalize import NormalizeNumber
    >>> number, settings = column_type("number"), NormalizeNumber(scale="min_max")
    >>> parts = [pl.Series("age", [20.0, None]), pl.Series("age", [30.0, 40.0])]
    >>> first, second = (number.fit(part, settings) for part in parts)
    >>> encoding = number.finish(number.merge(first, second), settings)
    >>> number.transform(pl.Series("age", [20.0, 40.0]), encoding)[:, 0].tolist()
    [0.0, 1.0]
    """

    name: ClassVar[ColumnTypeName]
    dtype: ClassVar[pl.DataType]
    """What the column is at rest, in raw/ and everywhere until `normalize`."""

    encoding: ClassVar[type[Encoding]]
    """What `finish` makes, and recipe.json holds."""

    statistics: ClassVar[frozenset[Statistic]] = frozenset()
    """What the profile counts of such values, for drafting expectations and for seeing drift."""

    asks_values: ClassVar[bool] = True
    """Whether `fits` needs `could_be` of every part. Types that the counts tell of do without: it is one more pass."""

    is_prose: ClassVar[bool] = False
    """Whether a value is text to be read, and not a number, a name or a file."""

    is_text: ClassVar[bool] = False
    """Whether a value is text as somebody wrote it: such a column may turn out to hold numbers, or personal data."""

    has_many_inputs: ClassVar[bool] = False
    """Whether a value has more inputs than boosted trees can look through in time."""

    missing_words: ClassVar[frozenset[str]] = frozenset()
    """How programs write a missing value as text, in small letters, besides the source's own marks: for callers of the
    served model."""

    clean_settings: ClassVar[frozenset[str]] = frozenset()
    """The settings of `clean.columns.NAME` that mean something for such a column."""

    disturbances: ClassVar[tuple[Disturbance, ...]] = ()
    """What may befall such a value before it is answered: how much a model is hurt by it is measured on test rows."""

    @property
    def is_media(self) -> bool:
        """Whether a value is the bytes of a file, such as a picture or a recording."""
        return self.dtype == pl.Binary

    def depict(self, value: Any) -> Depiction | None:
        """A picture of a value for a person; None for what is best shown as it is."""
        return None

    def spans(self, value: Any, encoding: Encoded, amounts: NDArray[np.float64]) -> tuple[Span, ...]:
        """The stretches of a value on which amounts of its inputs [K] fall; none where it has no parts."""
        return ()

    def could_be(self, values: pl.Series) -> bool:
        """Whether every value that is there fits this type; asked of each part, true when true of all."""
        raise NotImplementedError

    def fits(self, summary: ValueSummary) -> bool:
        """Whether a column with these values is inferred to be of this type, when no type before it fits."""
        return summary.num_present > 0 and self.name in summary.could_be

    def cast(self, values: pl.Series) -> pl.Series:
        """Values as they came, as `dtype`; a value that does not fit becomes missing."""
        return values.cast(self.dtype, strict=False)

    def is_unread(self, cells: pl.Series, values: pl.Series) -> pl.Series:
        """Where a cell is no value of this type, [N]; `values`: the cells as they were read. Blanks say nothing."""
        unread = cells.is_not_null() & values.is_null()
        return unread & (cells.str.strip_chars() != "") if cells.dtype == pl.String else unread

    def read(self, cells: pl.Series, dialect: ColumnDialect) -> pl.Series:
        """Cells as the source writes them, as `dtype`; what is not written so becomes missing."""
        return self.cast(cells)

    def missing_texts(self, encoding: Encoded, repair: Repair | None, dialect: ColumnDialect) -> frozenset[str]:
        """`missing_words`, and what else a caller of the served model can only mean so, in small letters."""
        return self.missing_words

    def read_served(self, cells: pl.Series, dialect: ColumnDialect) -> pl.Series:
        """Text that callers of the served model gave, as `dtype`: as the source writes it, and where the source never
        writes so, as programs do; what is neither becomes missing.

        Each cell by itself: an answer must not depend on what else is asked.
        """
        return self.read(cells, dialect)

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        """Expectations to start a suite with, drafted from values that were seen."""
        raise NotImplementedError

    def from_profile(self, value: Any) -> Any:
        """A category, a text or an extreme, as the profile of a table writes it, as a value at rest."""
        return value

    def faults(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        """Why a row must go, as text; missing where the value is fine. `settings`: the type's section of `clean`."""
        return _no_texts(values)

    def is_present(self, values: pl.Series) -> pl.Series:
        """Whether there is anything to learn from, [N]: a row in which no feature has that is of no use."""
        return values.is_not_null()

    def flags(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        """Why a row that stays should be looked at, as text; missing where there is no reason."""
        return _no_texts(values)

    def repair(self, own: CleanColumn, settings: Config | None) -> Repair:
        """What `clean` does to each value. `own`: the column's settings; `settings`: the type's section of `clean`."""
        return Repair()

    def thumbnail(self, content: bytes | None, side: int) -> NDArray[np.uint8] | None:
        """A media file as a picture, [H, W] or [H, W, 3] with at most `side` pixels a side; None: it cannot be read."""
        raise NotImplementedError

    def served_value(self, value: Any, encoding: Encoded, dialect: ColumnDialect) -> Any:
        """A typed value that a caller of the served model gave, as it is at rest; None when it is none of this type.

        Text is no typed value: `read_served` reads it, unless the column is one of files, whose bytes may come
        as base64. Raises UserError where there is more to say of a value than what to give.
        """
        raise NotImplementedError

    def accepts(self, dialect: ColumnDialect) -> str:
        """What a caller of the served model may give, in words: an end to "give ..."."""
        raise NotImplementedError

    def fit(self, values: pl.Series, settings: Settings) -> State:
        """What one part of the training rows says."""
        raise NotImplementedError

    def fit_to_target(self, values: pl.Series, target: pl.Series, settings: Settings) -> State:
        """`fit` for an encoding that also looks at the raw target: classes as text, or numbers as Float64."""
        return self.fit(values, settings)

    def num_folds(self, settings: Settings) -> int:
        """Into how many folds the training rows are cut, so that none is encoded by its own target; 0: no need to."""
        return 0

    def merge(self, first: State, second: State) -> State:
        """What two parts say together."""
        raise NotImplementedError

    def finish(self, state: State, settings: Settings) -> Encoded:
        """The encoding that the training rows as a whole lead to. Raises UserError when there is none."""
        raise NotImplementedError

    def out_of_fold(self, encoding: Encoded, state: State, settings: Settings) -> Encoded:
        """The encoding for a fold of the training rows: that of all, with what the `state` of the other folds says."""
        return encoding

    def transform(self, values: pl.Series, encoding: Encoded) -> Block:
        """Values as a block of model input."""
        raise NotImplementedError

    def cell_reader(self, encoding: Encoded, repair: Repair | None, dialect: ColumnDialect) -> CellReader | None:
        """Reads a cell that a caller of the served model gave, and puts it right, without polars: the same value as for
        many; None where only polars can. For `few_block`."""
        return None

    def few_block(self, values: list[Any], encoding: Encoded) -> Block:
        """`transform` for a few values that a `cell_reader` of this type has read, to the last bit."""
        raise NotImplementedError

    def augment(
        self, block: Tensor, settings: Config, generator: Generator, encoding: Encoded, std: float, rows: StepRows
    ) -> Tensor:
        """A training batch's block [B, ...], each row changed at random as the `augment` section says for this type.

        Shape and type stay, and so does the block itself. Draws come from `generator`, on the CPU, for all rows; `rows`
        are changed and answered. `encoding` made the block, whose first input has this `std` over the training rows. A
        type without such a section changes nothing.
        """
        return block[rows.own]

    def augment_parts(self, settings: Config) -> tuple[Config | None, Config | None]:
        """What `augment` does to raw values, and what to encoded ones, where changed copies are written down."""
        return None, settings

    def augment_raw(self, value: Any, settings: Config, random: np.random.Generator) -> Any:
        """A raw value changed at random, as the first of `augment_parts` says."""
        return value


def _no_texts(values: pl.Series) -> pl.Series:
    if len(values) <= FEW:
        return pl.Series(values.name, [None] * len(values), dtype=pl.String)
    return pl.repeat(None, len(values), dtype=pl.String, eager=True).alias(values.name)


def round_significant(value: float) -> float:
    """Rounded to 12 significant digits: sums over parts cut elsewhere differ in the last bits, and bytes must not."""
    return float(f"{value:.12g}")


def expectation(kind: str, severity: str, **kwargs: Any) -> Expectation:
    """An entry of a suite; `kind` is the expectation's type without its `expect_`."""
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity}
