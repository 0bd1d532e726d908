"""Categories: an index each (one-hot, ordinal, hashed) or what the target was with them; the unseen has one, too."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, Statistic, expectation
from tasks.columns.category.encoding import CategoryEncoding, TargetTable, category_indices, few_indices
from tasks.columns.category.target import TargetState, scale_of, smoothed, target_state
from tasks.columns.cells import CellReader, text_cell_reader
from tasks.columns.disturbance import MISSING, TYPOS, Disturbance
from tasks.columns.served import served_text
from tasks.columns.target_statistics import TargetStatistics
from tasks.columns.value_summary import ValueSummary
from tasks.errors import UserError
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentCategory
from tasks.params.clean import CleanCategory, CleanColumn
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeCategory
from tasks.repair.repair import Repair, repaired
from tasks.tables.dialect import ColumnDialect

__all__ = ["FEW_CATEGORIES", "MAX_CATEGORIES", "MAX_LENGTH", "CategoryColumn", "CategoryEncoding"]

if TYPE_CHECKING:
    from torch import Generator, Tensor

FEW_CATEGORIES = 20
_FEW_SHARE = 0.05
"""A text column is a category when its values repeat: at most 20 distinct ones, or one to every 20 rows."""

MAX_CATEGORIES = 1_000
"""A column with more distinct values than this is free text, whatever its name."""

MAX_LENGTH = 100
"""A value longer than this many characters is a sentence, not a category."""

_LARGEST_WHOLE = 2.0**63

CategoryState = Counter[str | None] | TargetState
"""The rows of each category, None where it is missing; with the target, where the encoding looks at it."""


class CategoryColumn(ColumnType[CategoryState, NormalizeCategory, CategoryEncoding]):
    """One of a set of names."""

    name: ClassVar[ColumnTypeName] = "category"
    dtype: ClassVar[pl.DataType] = pl.String()
    encoding: ClassVar[type[Encoding]] = CategoryEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"categories"})
    asks_values: ClassVar[bool] = False
    is_text: ClassVar[bool] = True
    disturbances: ClassVar[tuple[Disturbance, ...]] = (MISSING, TYPOS)
    clean_settings: ClassVar[frozenset[str]] = frozenset(
        {"allowed", "replace", "case", "rare", "personal", "generalise.keep"}
    )

    def could_be(self, values: pl.Series) -> bool:
        if values.dtype == pl.Boolean:
            return True
        if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
            return False
        present = values.cast(pl.String).drop_nulls()
        return present.n_unique() <= MAX_CATEGORIES and bool((present.str.len_chars() <= MAX_LENGTH).all())

    def fits(self, summary: ValueSummary) -> bool:
        """Values that repeat; codes, whose zeros a number would lose; and a column without any value."""
        few = min(max(FEW_CATEGORIES, _FEW_SHARE * summary.num_rows), MAX_CATEGORIES)
        repeats = summary.num_distinct <= few and summary.longest <= MAX_LENGTH
        return summary.num_present == 0 or summary.is_code or repeats

    def cast(self, values: pl.Series) -> pl.Series:
        """Whole numbers lose their `.0`: class 1 is class 1, however the file wrote it and whatever stands beside."""
        text = values.cast(pl.String)
        if not values.dtype.is_float():
            return text
        # Beyond 64 bits there is no integer to write such a number as.
        whole = (values % 1 == 0) & (values.abs() < _LARGEST_WHOLE)
        return values.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(value=False), text)

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        categories = values.drop_nulls().unique().sort().to_list()
        return [expectation("column_values_to_be_in_set", "warning", column=column, value_set=categories)]

    def repair(self, own: CleanColumn, settings: Config | None) -> Repair:
        """The user's words are brought into the same form as the table's, or they would meet none of them."""
        assert isinstance(settings, CleanCategory)
        case = own.case or settings.case
        form = Repair(
            white_space="all" if settings.white_space else "keep",
            unicode=settings.unicode,
            case="keep" if case == "merge" else case,
        )
        replace = {_in_form(old, form): _in_form(new, form) for old, new in own.replace.items()}
        allowed = None
        if own.allowed is not None and own.outside != "quarantine":
            allowed = tuple(_in_form(value, form) for value in own.allowed)
        return form.model_copy(update={"replace": replace, "allowed": allowed, "keep": own.generalise.keep})

    def missing_texts(
        self, encoding: CategoryEncoding, repair: Repair | None, dialect: ColumnDialect
    ) -> frozenset[str]:
        """An empty cell, where the source has nulls of its own, as a database, and no category of that name: CSV says
        nulls so."""
        is_renamed = repair is not None and (repair.common is not None or "" in repair.replace)
        is_a_category = bool(dialect.missing or encoding.buckets or is_renamed) or "" in encoding.indices
        return frozenset() if is_a_category else frozenset({""})

    def served_value(self, value: Any, encoding: CategoryEncoding, dialect: ColumnDialect) -> str | None:
        """The category that is written as this number: tables that are read as numbers lose the zeros of 007."""
        text = served_text(value)
        if text is None or text in encoding.indices or isinstance(value, bool | np.bool_):
            return text
        return encoding.numbered.get(value, text)

    def accepts(self, dialect: ColumnDialect) -> str:
        return "text"

    def fit(self, values: pl.Series, settings: NormalizeCategory) -> CategoryState:
        # Under another name, as polars refuses to count a column that is called `count`.
        return Counter(dict(values.alias("value").value_counts().iter_rows()))

    def fit_to_target(self, values: pl.Series, target: pl.Series, settings: NormalizeCategory) -> CategoryState:
        return target_state(values, target) if settings.encode == "target" else self.fit(values, settings)

    def num_folds(self, settings: NormalizeCategory) -> int:
        return settings.folds if settings.encode == "target" else 0

    def merge(self, first: CategoryState, second: CategoryState) -> CategoryState:
        if isinstance(first, TargetState):
            assert isinstance(second, TargetState)
            return first + second
        assert not isinstance(second, TargetState)
        return first + second

    def finish(self, state: CategoryState, settings: NormalizeCategory) -> CategoryEncoding:
        counts = state.counts if isinstance(state, TargetState) else state
        present = {value: count for value, count in counts.items() if value is not None}
        if not present:
            raise UserError("has no value in any training row; give it the role id to leave it out")
        impute = _impute(present, settings)
        missing = None in counts and impute is None
        if settings.encode == "hashed":
            return CategoryEncoding(encode="hashed", missing=missing, impute=impute, buckets=settings.buckets)
        if impute is not None and None in counts:
            present[impute] = present.get(impute, 0) + counts[None]
        # Ties go by name, so that neither the order of rows nor their cut into parts decides.
        frequent = sorted(present, key=lambda value: (-present[value], value))[: settings.max_categories]
        encoding = CategoryEncoding(
            # In the order of names: a category's index stays when only counts change.
            encode=settings.encode,
            categories=tuple(sorted(frequent)),
            missing=missing,
            impute=impute,
        )
        if isinstance(state, TargetState):
            return _with_target(encoding, state, scale_of(state), settings)
        return encoding

    def out_of_fold(
        self, encoding: CategoryEncoding, state: CategoryState, settings: NormalizeCategory
    ) -> CategoryEncoding:
        """The same categories, with the means of other folds: one without a row there has the mean of all of them."""
        assert isinstance(state, TargetState)
        assert encoding.target is not None
        return _with_target(encoding, state, encoding.target.scale, settings)

    def transform(self, values: pl.Series, encoding: CategoryEncoding) -> NDArray[Any]:
        """[N] int32 for indices, [N, 1] float32 for `ordinal`, [N, K] float64 for `target`."""
        return _block(category_indices(values, encoding), encoding)

    def cell_reader(
        self, encoding: CategoryEncoding, repair: Repair | None, dialect: ColumnDialect
    ) -> CellReader | None:
        words = self.missing_texts(encoding, repair, dialect)
        return text_cell_reader(repair, dialect, words, lambda cell: self.served_value(cell, encoding, dialect))

    def few_block(self, values: list[Any], encoding: CategoryEncoding) -> NDArray[Any]:
        return _block(few_indices(values, encoding), encoding)

    def augment(
        self,
        block: Tensor,
        settings: Config,
        generator: Generator,
        encoding: CategoryEncoding,
        std: float,
        rows: StepRows,
    ) -> Tensor:
        """Indices [B], or dense [B, K]: rows of the batch swap their categories."""
        from tasks.columns.category.augment import swapped

        assert isinstance(settings, AugmentCategory)
        return swapped(block, settings, generator, rows)


def _block(indices: NDArray[np.int32], encoding: CategoryEncoding) -> NDArray[Any]:
    match encoding.encode:
        case "ordinal":
            return indices.astype(np.float32)[:, None]
        case "target":
            return encoding.table[indices]
        case _:
            return indices


def _impute(present: dict[str, int], settings: NormalizeCategory) -> str | None:
    """What stands in for a missing value, if anything does; of the most frequent ones the first by name."""
    match settings.impute:
        case "most_frequent":
            return min(present, key=lambda value: (-present[value], value))
        case "constant":
            return settings.value
        case "missing":
            return None


def _with_target(
    encoding: CategoryEncoding, state: TargetState, scale: TargetStatistics, settings: NormalizeCategory
) -> CategoryEncoding:
    categories = [*encoding.categories, *([None] if encoding.missing else [])]
    if encoding.impute is not None:
        state = state.with_missing_as(encoding.impute)
    table = TargetTable(
        classes=scale.classes,
        mean=scale.mean,
        std=scale.std,
        values=smoothed(state, categories, scale, settings.smoothing),
    )
    return CategoryEncoding(
        encode="target",
        categories=encoding.categories,
        missing=encoding.missing,
        impute=encoding.impute,
        target=table,
    )


def _in_form(value: str, form: Repair) -> str:
    return str(repaired(pl.Series([value], dtype=pl.String), form)[0])
