"""Learns what puts each column right: from the settings, from how values are written, and from how often they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from tasks.cleaning.outliers import Bounds, learn_bounds
from tasks.cleaning.settings import has_setting, of_column, of_type, outlier_settings
from tasks.columns import column_type
from tasks.params.clean import Clean, Generalise
from tasks.repair.repair import Repair, down_to, repaired
from tasks.tables.dataset import Column, Dataset

Table = Callable[[Sequence[str]], Iterator[pl.DataFrame]]
"""Reads the named columns, part by part."""


def learn_repairs(table: Table, dataset: Dataset, config: Clean) -> Dataset:
    """The data set with its repairs.

    Nothing is learnt from the target: only from a column's own values, all rows of it.
    """
    columns = [_first_repair(column, config) for column in dataset.columns]
    # Spellings are counted after the first repair, or white space would make categories of their own.
    columns = _with_categories(table, columns, config)
    # Bounds come last: impossible numbers are out by now.
    columns = _with_bounds(table, columns, config)
    return dataset.model_copy(update={"columns": tuple(columns)})


def _first_repair(column: Column, config: Clean) -> Column:
    """What the settings alone say."""
    own = of_column(config, column)
    if own.personal != "generalise":
        # Settings of a protection that is not chosen do nothing.
        own = own.model_copy(update={"generalise": Generalise()})
    return _with(column, column_type(column.type).repair(own, of_type(config, column)))


def _with(column: Column, repair: Repair) -> Column:
    return column if repair.does_nothing else column.model_copy(update={"repair": repair})


def _with_categories(table: Table, columns: list[Column], config: Clean) -> list[Column]:
    """Adds spellings to merge and categories that are common enough, where that is asked for."""
    merging = {c.name for c in columns if _case(c, config) == "merge"}
    rare = {c.name: share for c in columns if (share := _rare(c, config)) > 0}
    # Reading the table once more is only worth it for columns that ask for it.
    wanted = [column for column in columns if column.name in merging or column.name in rare]
    if not wanted:
        return columns
    counts: dict[str, Counter[str]] = {column.name: Counter() for column in wanted}
    for part in table([column.name for column in wanted]):
        for column in wanted:
            _count(counts[column.name], repaired(part[column.name], column.repair))
    changed = {
        column.name: _counted(column, counts[column.name], column.name in merging, rare.get(column.name, 0.0), config)
        for column in wanted
    }
    return [changed.get(column.name, column) for column in columns]


def _case(column: Column, config: Clean) -> str:
    return (of_column(config, column).case or config.category.case) if has_setting(column, "case") else "keep"


def _rare(column: Column, config: Clean) -> float:
    # The target keeps its rare classes: `rare_name` would be a class of its own to predict.
    if not has_setting(column, "rare") or column.role != "feature":
        return 0.0
    own = of_column(config, column).rare
    return config.category.rare if own is None else own


def _count(counts: Counter[str], values: pl.Series) -> None:
    # Under another name, as polars refuses to count a column that is called `count`.
    counts.update(dict(values.drop_nulls().alias("value").value_counts().iter_rows()))


def _counted(column: Column, counts: Counter[str], merges: bool, rare: float, config: Clean) -> Column:
    repair = column.repair or Repair()
    update: dict[str, Any] = {}
    if merges:
        same = merged_spellings(counts)
        # What the user replaces by a spelling that is merged becomes the merged one: `replace` is done once,
        # not in a chain.
        replace = {old: same.get(new, new) for old, new in repair.replace.items()} | same
        # Sorted: the recipe is a file, and its bytes must not depend on the order of rows.
        update["replace"] = dict(sorted(replace.items()))
        # Rare is counted after merging: two spellings may be common only together.
        counts = _renamed(counts, same)
    if rare > 0:
        total = counts.total()
        update["common"] = tuple(sorted(name for name, count in counts.items() if count >= rare * total))
        update["rare_name"] = config.category.rare_name
    return column.model_copy(update={"repair": repair.model_copy(update=update)})


def merged_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Spellings that differ in case alone, each with the most frequent of them; of equals the first in order."""
    spellings: dict[str, list[str]] = {}
    # Sorted, so that of spellings that are equally frequent the first in order is chosen.
    for name in sorted(counts):
        # casefold and not lower: it also makes STRASSE and straße one.
        spellings.setdefault(name.casefold(), []).append(name)
    chosen = {key: max(names, key=lambda name: counts[name]) for key, names in spellings.items()}
    return {name: chosen[key] for key, names in spellings.items() for name in names if name != chosen[key]}


def _renamed(counts: Counter[str], new_names: Mapping[str, str]) -> Counter[str]:
    renamed: Counter[str] = Counter()
    for name, count in counts.items():
        renamed[new_names.get(name, name)] += count
    return renamed


def _with_bounds(table: Table, columns: list[Column], config: Clean) -> list[Column]:
    """Adds the bounds that outliers are clipped to."""
    clipped = {n: s for n, s in outlier_settings(columns, config).items() if s.action == "clip"}
    if not clipped:
        return columns
    repairs = {column.name: column.repair for column in columns}

    def parts() -> Iterator[pl.DataFrame]:
        for part in table(list(clipped)):
            # Bounds are learnt from repaired numbers, as those are what will be clipped.
            yield part.select(repaired(part[name], repairs[name]) for name in clipped)

    bounds = learn_bounds(parts, clipped)
    return [_clipped(column, bounds.get(column.name)) for column in columns]


def _clipped(column: Column, bounds: Bounds | None) -> Column:
    if bounds is None:
        return column
    repair = column.repair or Repair()
    # Coarse like the values: a clipped one must be none that generalising would change again.
    low, high = (down_to(bound, repair.width) for bound in (bounds.low, bounds.high))
    return column.model_copy(update={"repair": repair.model_copy(update={"low": low, "high": high})})
