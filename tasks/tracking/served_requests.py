"""Requests that MLflow's server would read wrongly, or not at all: CSV, lists of no rows, rows that lack a key.

Without types MLflow lets pandas guess, to which `8.000` is eight; and it reads no CSV for a model whose signature
leaves the type of a column open. What a cell means is the recipe's to say, so a model takes its requests over in the
process that serves it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.sources.formats.dialect import is_padded
from tasks.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.types import Schema

_SEPARATORS = ",;\t|"
_ABOVE_NAMES = re.compile(r"\A\ufeff?(sep=.\r?\n)?")


class RequestReader:
    """Reads the requests of the model with these columns, and leaves those of others to `otherwise`."""

    def __init__(self, names: Sequence[str], otherwise: Callable[..., Any]) -> None:
        self.names = list(names)
        self.otherwise = otherwise

    def _is_own(self, schema: Schema | None) -> bool:
        # `mlflow models predict` has one model, and gives no schema with CSV.
        return schema is None or schema.input_names() == self.names


class CsvReader(RequestReader):
    """In the place of MLflow's `parse_csv_input`."""

    def __call__(self, csv_input: Any, schema: Schema | None = None) -> Any:
        if not self._is_own(schema):
            return self.otherwise(csv_input, schema)
        from mlflow.exceptions import MlflowException

        try:
            if hasattr(csv_input, "read"):
                return cells(csv_input, self.names)
            with Path(csv_input).open(encoding="utf-8", newline="") as file:
                return cells(file, self.names)
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


class JsonReader(RequestReader):
    """In the place of MLflow's `infer_and_parse_data`, to which a list of no rows lacks all columns.

    Of `instances` it makes columns, each of the values that are there: where one row lacks a key, and another row
    another key, values of two rows would be one row. As records, what a row lacks is missing.
    """

    def __call__(self, data: dict[str, Any], schema: Schema | None = None) -> Any:
        import pandas as pd

        if not self._is_own(schema):
            return self.otherwise(data, schema)
        if list(data.values()) == [[]]:
            return pd.DataFrame(columns=self.names, dtype=object)
        rows = data.get("instances")
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            data = {**{key: value for key, value in data.items() if key != "instances"}, "dataframe_records": rows}
        return self.otherwise(data, schema)


def take_over(names: Sequence[str]) -> None:
    """From now on, the server of this process reads the requests to the model with these columns so."""
    from mlflow.pyfunc import scoring_server

    readers: dict[str, type[RequestReader]] = {"parse_csv_input": CsvReader, "infer_and_parse_data": JsonReader}
    for place, reader in readers.items():
        current = getattr(scoring_server, place, None)
        # Another version of MLflow than the model asks for: better no CSV than no model.
        if current is not None and getattr(current, "names", None) != list(names):
            setattr(scoring_server, place, reader(names, current))


def cells(file: IO[str], names: Sequence[str]) -> pd.DataFrame:
    """The cells as they stand, by the names in the first line. Raises UserError that names the line that is wrong.

    The separator is the one by which the first line names the model's columns: commas, or as the source has it. A blank
    behind each separator belongs to no cell, as for a source.
    """
    import pandas as pd

    # Python's own limit of 128 KiB a cell is too small for pictures.
    csv.field_size_limit(2**31 - 1)
    # A mark of byte order, and what Excel writes above the names for itself.
    text = _ABOVE_NAMES.sub("", file.read())
    separator = max(_SEPARATORS, key=lambda mark: len(set(_header(_reader(text, mark), names)) & set(names)))
    # Whoever writes names above lines of a source may write them without blanks.
    _, *lines = text.splitlines() or [""]
    reader = _reader(text, separator, is_padded(lines, separator))
    header = _header(reader, names)
    _check_once(header, names)
    rows = []
    try:
        for row in filter(None, reader):
            _check_width(row, header, reader.line_num)
            rows.append(row)
    except csv.Error as error:
        raise UserError(f"CSV, line {reader.line_num}: cannot be read ({error}); mend its quotes") from None
    return pd.DataFrame(rows, columns=header, dtype=object)


def _check_once(header: list[str], names: Sequence[str]) -> None:
    twice = next((name for name in names if header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"CSV, line 1: names {twice} twice; leave the one that is meant")


def _check_width(row: list[str], header: list[str], line: int) -> None:
    if len(row) != len(header):
        raise UserError(
            f"CSV, line {line}: {counted(len(row), 'cell')}, where the first line names {len(header)}; "
            "put cells that hold the separator into double quotes"
        )


def _reader(text: str, separator: str, padded: bool = False) -> Any:
    # strict: a broken quote would swallow the lines below it without a word.
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, skipinitialspace=padded, strict=True)


def _header(reader: Any, names: Sequence[str]) -> list[str]:
    """The names in the first line, without blanks around them but for those that a typed file's columns have."""
    try:
        return [cell if cell in names else cell.strip() for cell in next(reader, [])]
    except csv.Error:
        return []
