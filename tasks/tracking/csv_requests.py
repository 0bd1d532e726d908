"""CSV that MLflow's server is asked with, read as text: what a cell means is the recipe's to say.

Without types MLflow lets pandas guess, to which `8.000` is eight; and it reads no CSV for a model whose signature
leaves the type of a column open. So a model takes this part over in the process that serves it, for its own requests.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.types import Schema

_SEPARATORS = ",;\t|"
_ABOVE_NAMES = re.compile(r"\A\ufeff?(sep=.\r?\n)?")


class CsvRequests:
    """Reads the requests of one model, and leaves those of others to MLflow."""

    def __init__(self, names: Sequence[str], of_mlflow: Callable[..., Any]) -> None:
        self._names = names
        self.of_mlflow = of_mlflow

    def __call__(self, csv_input: Any, schema: Schema | None = None) -> Any:
        # `mlflow models predict` gives a path, and no schema.
        if schema is not None and schema.input_names() != list(self._names):
            return self.of_mlflow(csv_input, schema)
        from mlflow.exceptions import MlflowException

        try:
            if hasattr(csv_input, "read"):
                return cells(csv_input, self._names)
            with Path(csv_input).open(encoding="utf-8", newline="") as file:
                return cells(file, self._names)
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


def take_over(names: Sequence[str]) -> None:
    """From now on, the server of this process reads CSV for the model with these columns as text."""
    from mlflow.pyfunc import scoring_server

    current = getattr(scoring_server, "parse_csv_input", None)
    # Another version of MLflow than the model asks for: better no CSV than no model.
    if current is None:
        return
    # Loaded once more, a model replaces itself.
    original = getattr(current, "of_mlflow", current)
    scoring_server.parse_csv_input = CsvRequests(names, original)


def cells(file: IO[str], names: Sequence[str]) -> pd.DataFrame:
    """The cells as they stand, by the names in the first line. Raises UserError that names a line of another width.

    The separator is the one by which the first line names the model's columns: commas, or as the source has it.
    """
    import pandas as pd

    # Python's own limit of 128 KiB a cell is too small for pictures.
    csv.field_size_limit(2**31 - 1)
    # A mark of byte order, and what Excel writes above the names for itself.
    text = _ABOVE_NAMES.sub("", file.read())
    separator = max(_SEPARATORS, key=lambda mark: len(set(_header(_reader(text, mark))) & set(names)))
    reader = _reader(text, separator)
    header = _header(reader)
    rows = []
    for row in filter(None, reader):
        if len(row) != len(header):
            raise UserError(
                f"CSV, line {reader.line_num}: {len(row)} cells, where the first line names {len(header)}; "
                "put cells that hold the separator into double quotes"
            )
        rows.append(row)
    return pd.DataFrame(rows, columns=header, dtype=object)


def _reader(text: str, separator: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _header(reader: Any) -> list[str]:
    return [cell.strip() for cell in next(reader, [])]
