"""Learns what puts each column right: from the settings, from how values are written, and from how often they come."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import polars as pl

from tasks.cleaning.in_text import Table, Written, find_numbers_in_text
from tasks.cleaning.outliers import Bounds, learn_bounds
from tasks.params.clean import Clean, CleanColumn, Outliers
from tasks.repair.repair import Repair, repaired
from tasks.tables.dataset import Column, Dataset


def learn_repairs(table: Table, dataset: Dataset, config: Clean) -> tuple[Dataset, dict[str, Written]]:
    """The data set with its repairs, and how columns of numbers in text are written, ambiguous ones too.

    Nothing is learnt from the target: only from a column's own values, all rows of it.
    """
    written = _numbers_in_text(table, dataset, config)
    columns = [_first_repair(column, config, written.get(column.name)) for column in dataset.columns]
    columns = _with_categories(table, columns, config)
    columns = _with_bounds(table, columns, config)
    return dataset.model_copy(update={"columns": tuple(columns)}), written


def outlier_settings(columns: Iterable[Column], config: Clean) -> dict[str, Outliers]:
    """The columns of numbers whose outliers are looked for one by one: by iqr or mad."""
    found = {}
    for column in columns:
        own = config.columns.get(column.name, CleanColumn()).outliers
        settings = own if own is not None else config.number.outliers
        if column.type == "number" and column.role == "feature" and settings.method in ("iqr", "mad"):
            found[column.name] = settings
    return found


def _numbers_in_text(table: Table, dataset: Dataset, config: Clean) -> dict[str, Written]:
    if not config.number.in_text:
        return {}
    told = {name for name, rules in config.columns.items() if rules != CleanColumn()}
    # What the user says of a column's words is said of words.
    names = [c.name for c in dataset.features if c.type in ("text", "category") and c.name not in told]
    return find_numbers_in_text(table, names)


def _first_repair(column: Column, config: Clean, written: Written | None) -> Column:
    """What the settings alone say."""
    own = config.columns.get(column.name, CleanColumn())
    if written is not None and not written.ambiguous:
        return column.model_copy(update={"type": "number", "repair": Repair(in_text=written.how)})
    coarser = own.generalise if own.personal == "generalise" else None
    match column.type:
        case "number":
            return _with(column, _number_repair(own))
        case "category" | "text":
            repair = _text_repair(column.type, own, config)
            return _with(column, repair.model_copy(update={"keep": coarser.keep if coarser else None}))
        case "timestamp":
            return _with(column, Repair(unit=coarser.unit if coarser else None))
        case _:
            return column


def _number_repair(own: CleanColumn) -> Repair:
    width = own.generalise.width if own.personal == "generalise" else None
    bounds = {name: None if value is None else _down_to(value, width) for name, value in _bounds(own)}
    outside: Literal["missing", "clip"] = "clip" if own.outside == "clip" else "missing"
    return Repair(width=width, outside=outside, **(bounds if own.outside != "quarantine" else {}))


def _bounds(own: CleanColumn) -> tuple[tuple[str, float | None], ...]:
    return ("least", own.min), ("most", own.max)


def _down_to(value: float, width: float | None) -> float:
    return value if width is None else math.floor(value / width) * width


def _text_repair(kind: Literal["category", "text"], own: CleanColumn, config: Clean) -> Repair:
    if kind == "text":
        return Repair(
            white_space="ends" if config.text.white_space else "keep",
            unicode=config.text.unicode,
            replace=dict(own.replace),
        )
    case = own.case or config.category.case
    form = Repair(
        white_space="all" if config.category.white_space else "keep",
        unicode=config.category.unicode,
        case="keep" if case == "merge" else case,
    )
    # The user's words are brought into the same form as the table's.
    in_form = {_in_form(old, form): _in_form(new, form) for old, new in own.replace.items()}
    allowed = None
    if own.allowed is not None and own.outside != "quarantine":
        allowed = tuple(_in_form(value, form) for value in own.allowed)
    return form.model_copy(update={"replace": in_form, "allowed": allowed})


def _in_form(value: str, form: Repair) -> str:
    return str(repaired(pl.Series([value], dtype=pl.String), form)[0])


def _with(column: Column, repair: Repair) -> Column:
    return column if repair.does_nothing else column.model_copy(update={"repair": repair})


def _with_categories(table: Table, columns: list[Column], config: Clean) -> list[Column]:
    """Adds spellings to merge and categories that are common enough, where that is asked for."""
    merging = {c.name for c in columns if _case(c, config) == "merge"}
    rare = {c.name: share for c in columns if (share := _rare(c, config)) > 0}
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
    own = config.columns.get(column.name, CleanColumn()).case
    return (own or config.category.case) if column.type == "category" else "keep"


def _rare(column: Column, config: Clean) -> float:
    own = config.columns.get(column.name, CleanColumn()).rare
    if column.type != "category" or column.role != "feature":
        return 0.0
    return config.category.rare if own is None else own


def _count(counts: Counter[str], values: pl.Series) -> None:
    found = values.drop_nulls().value_counts()
    counts.update(dict(zip(found[values.name].to_list(), found["count"].to_list(), strict=True)))


def _counted(column: Column, counts: Counter[str], merges: bool, rare: float, config: Clean) -> Column:
    repair = column.repair or Repair()
    update: dict[str, Any] = {}
    if merges:
        same = merged_spellings(counts)
        replace = {old: same.get(new, new) for old, new in repair.replace.items()} | same
        update["replace"] = dict(sorted(replace.items()))
        counts = _renamed(counts, same)
    if rare > 0:
        total = counts.total()
        update["common"] = tuple(sorted(name for name, count in counts.items() if count >= rare * total))
        update["rare_name"] = config.category.rare_name
    return column.model_copy(update={"repair": repair.model_copy(update=update)})


def merged_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Spellings that differ in case alone, each with the most frequent of them; of equals the first in order."""
    spellings: dict[str, list[str]] = {}
    for name in sorted(counts):
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
            yield part.select(repaired(part[name], repairs[name]) for name in clipped)

    bounds = learn_bounds(parts, clipped)
    return [_clipped(column, bounds.get(column.name)) for column in columns]


def _clipped(column: Column, bounds: Bounds | None) -> Column:
    if bounds is None:
        return column
    repair = column.repair or Repair()
    low, high = (_down_to(bound, repair.width) for bound in (bounds.low, bounds.high))
    return column.model_copy(update={"repair": repair.model_copy(update={"low": low, "high": high})})
