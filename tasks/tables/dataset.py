"""What ingest found out about the data, dataset.json, and what clean made of it, cleaned.json; typed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from tasks import files
from tasks.errors import UserError
from tasks.params.config import ColumnTypeName, Config, Role, Task
from tasks.repair.repair import Repair
from tasks.tables.dialect import ColumnDialect


class Column(Config):
    """One column of the table: its type says how it is read, its role what it is for."""

    name: str
    type: ColumnTypeName
    role: Role
    dialect: ColumnDialect = ColumnDialect()
    """How the source writes the cells."""
    repair: Repair | None = None
    """What `clean` does to each value; none before that."""


class SourceRecord(Config):
    """Which data came in: `digest` changes when, and only when, the source's content does."""

    kind: str
    location: str
    digest: str


class Dataset(Config):
    """A data set is a table of typed columns."""

    columns: tuple[Column, ...]
    task: Task
    num_rows: int
    source: SourceRecord
    split_time: str | None = None
    """The column by which the split holds out the newest rows; None where it goes by something else, and before it."""

    @property
    def target(self) -> Column:
        return next(column for column in self.columns if column.role == "target")

    @property
    def weight(self) -> Column | None:
        """The column that says how much each row counts. Raises UserError for several of them, or one of no numbers."""
        columns = [column for column in self.columns if column.role == "weight"]
        if columns[1:]:
            names = ", ".join(column.name for column in columns)
            raise UserError(
                f"ingest.columns: {names} have the role weight, which one column can have; take the others out"
            )
        for column in columns:
            if column.type != "number":
                raise UserError(
                    f"ingest.columns.{column.name}: has the role weight, and is of type {column.type}; a weight is a "
                    "number: correct the type, or the role"
                )
        return columns[0] if columns else None

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role == "feature")

    @property
    def content_names(self) -> list[str]:
        """The columns that make a row what it is: features and target, without ids and bookkeeping."""
        return [
            column.name for column in self.columns if column.role in ("feature", "target", "sensitive", "time", "group")
        ]

    @property
    def asked_names(self) -> list[str]:
        """The content without the target: what a row to answer has."""
        return [name for name in self.content_names if name != self.target.name]

    def names_of_type(self, type_name: ColumnTypeName, roles: Iterable[Role] = ("feature",)) -> list[str]:
        return [column.name for column in self.columns if column.type == type_name and column.role in roles]


def read_dataset(path: Path) -> Dataset:
    """What `write_dataset` wrote. Raises UserError when it is missing, damaged, or of another version."""
    content = files.read_json(path)
    try:
        return Dataset.model_validate(content)
    except ValidationError:
        raise UserError(
            f"{path}: damaged, or of another version; run the stage that makes it again{files.again(path)}"
        ) from None


def write_dataset(path: Path, dataset: Dataset) -> None:
    """dataset.json or cleaned.json, without what is as it always is."""
    content = dataset.model_dump(mode="json", exclude={"columns", *(() if dataset.split_time else ("split_time",))})
    # Defaults are left out: most columns have no repair, and a repair sets few of its fields.
    columns = [column.model_dump(mode="json", exclude_defaults=True) for column in dataset.columns]
    files.write_json(path, {"columns": columns, **content})
