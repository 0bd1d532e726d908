"""The settings of `clean` for one column: those of its type, its own, and whether they fit it."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.columns import TYPE_NAMES, column_type
from tasks.errors import UserError, did_you_mean
from tasks.params.clean import Clean, CleanColumn, Outliers
from tasks.params.config import Config
from tasks.tables.dataset import Column, Dataset


def of_type(config: Clean, column: Column) -> Config | None:
    """The section for columns of this type; none where there is nothing to set."""
    # A section of `clean` bears the name of its type.
    settings = getattr(config, column.type, None)
    assert settings is None or isinstance(settings, Config)
    return settings


def of_column(config: Clean, column: Column) -> CleanColumn:
    """The column's own settings, or those of a column that has none."""
    return config.columns.get(column.name, CleanColumn())


def has_setting(column: Column, setting: str) -> bool:
    """Whether that setting of `clean.columns.NAME` means something for such a column."""
    return setting in column_type(column.type).clean_settings


def outlier_settings(columns: Iterable[Column], config: Clean) -> dict[str, Outliers]:
    """The features whose outliers are looked for one by one: by iqr or mad."""
    chosen = {}
    for column in columns:
        own = of_column(config, column).outliers
        settings = own if own is not None else config.number.outliers
        if has_setting(column, "outliers") and column.role == "feature" and settings.method in ("iqr", "mad"):
            chosen[column.name] = settings
    return chosen


def check_settings(config: Clean, dataset: Dataset) -> None:
    """Refuses rules for columns that are not there, or that cannot keep them. Raises UserError."""
    columns = {column.name: column for column in dataset.columns}
    for name in (*config.columns, *config.personal.k_anonymity):
        if name not in columns:
            raise UserError(f"clean: there is no column {name}{did_you_mean(name, columns)}; correct the name")
    for name in config.personal.k_anonymity:
        # Files can only be counted as equal bytes, and nobody is looked up by these.
        if column_type(columns[name].type).is_media:
            raise UserError(f"clean.personal.k_anonymity: {name} is of type {columns[name].type}; leave it out")
    if config.labels.suspicious != "keep" and dataset.task == "regression":
        raise UserError(
            f"clean.labels.suspicious looks for wrong classes, and {dataset.target.name} is an amount; take it out, or "
            "set ingest.task where its values are classes"
        )
    for name, own in config.columns.items():
        _check_type(columns[name], own)
        _check_protection(name, own, columns[name].role)


def _check_type(column: Column, own: CleanColumn) -> None:
    for setting in _given(own):
        if not has_setting(column, setting):
            types = [name for name in TYPE_NAMES if setting in column_type(name).clean_settings]
            raise UserError(
                f"clean.columns.{column.name}.{setting} is for {' and '.join(types)} columns, and {column.name} is of "
                f"type {column.type}; leave it out, or set ingest.columns.{column.name}.type"
            )


def _given(own: CleanColumn) -> list[str]:
    """The settings that are given, but for those that any column can have."""
    given = {
        "min": own.min is not None,
        "max": own.max is not None,
        "allowed": own.allowed is not None,
        "replace": bool(own.replace),
        "case": own.case is not None,
        "rare": own.rare is not None,
        "outliers": own.outliers is not None,
        # Any column can be dropped, and what generalises is asked for below.
        "personal": own.personal in ("mask", "hash"),
        "generalise.width": own.generalise.width is not None,
        "generalise.unit": own.generalise.unit is not None,
        "generalise.keep": own.generalise.keep is not None,
    }
    return [setting for setting, is_given in given.items() if is_given]


def _check_protection(name: str, own: CleanColumn, role: str) -> None:
    if own.personal is not None and role == "target":
        raise UserError(
            f"clean.columns.{name}.personal: {name} is the target, which must stay as it is; choose another target"
        )
    if own.personal == "hash" and role == "feature":
        raise UserError(
            f"clean.columns.{name}.personal: hash: {name} is a feature, and a served model has no key to hash "
            f"what it is asked; set ingest.columns.{name}.role to id or group, or use mask, generalise or drop"
        )
    if own.personal == "mask" and role == "feature":
        raise UserError(
            f"clean.columns.{name}.personal: mask: {name} is a feature, of which a mask leaves nothing to learn from; "
            f"set ingest.columns.{name}.role to id, or use generalise or drop"
        )
