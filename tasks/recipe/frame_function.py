"""A function of the user's own that makes features of a frame, for what SQL cannot say.

Its text travels in the recipe, so that a registered version makes the same of a row when the project has moved on. It
is run from the project that it stands in, or from the recipe that was made there, and from nowhere else.
"""

from __future__ import annotations

import ast
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from tasks.errors import UserError, did_you_mean
from tasks.params.config import Config
from tasks.wording import counted

_NUM_ALONE = 16
"""Rows that are looked at one by one: a mean of all rows shows in the first of them."""

_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    PolarsError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What code of the user's may raise."""


class FrameFunction(Config):
    """`reference` is FILE.py:FUNCTION, `code` what the file means, `reads` the columns that the function is given."""

    reference: str
    code: str
    reads: tuple[str, ...] = ()

    def made_of(self, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """The columns of these names that it makes of the rows. Raises UserError when it does not make them."""
        answer = self._answer(rows.select(self.reads))
        for name in names:
            if name not in answer.columns:
                raise self._error(f"made {name} of the training rows, and does not of others; make it of all rows")
        return answer.select(names)

    def reading(self, rows: pl.DataFrame, features: Sequence[str], times: Sequence[str]) -> FrameFunction:
        """The same with the columns that it is to be given: the times of rows only where it does not do without, as
        callers have to give what it reads."""
        without = self.model_copy(update={"reads": tuple(features)})
        if not times:
            return without
        try:
            without._answer(rows.select(features))
        except UserError:
            return self.model_copy(update={"reads": (*features, *times)})
        return without

    def tried(self, rows: pl.DataFrame) -> Mapping[str, pl.DataType]:
        """The columns that it makes, with their types. Raises UserError when it makes none, changes what it is given,
        makes other rows of it, something else each time, or of a row alone something else than among others."""
        given = rows.select(self.reads)
        answer = self._answer(given)
        names = [name for name in answer.columns if name not in self.reads]
        if not names:
            raise self._error("makes no new column; add one, such as rows.with_columns(double=pl.col('x') * 2)")
        for name in set(answer.columns) & set(self.reads):
            if not answer[name].equals(given[name], null_equal=True):
                raise self._error(f"changes {name}; make a new column of it, and leave the rows in their order")
        made = answer.select(names)
        if not _same(self._answer(given).select(names), made):
            raise self._error("makes something else of the same rows each time; a draw at random needs a fixed seed")
        for row in range(min(given.height, _NUM_ALONE)):
            if not _same(self._answer(given[row : row + 1]).select(names), made[row : row + 1]):
                raise self._error(
                    f"makes something else of row {row + 1} alone than among others, and a row to answer comes alone: "
                    "write what it takes from other rows, such as a mean, as a fixed number, and keep the rows' order"
                )
        return made.schema

    @property
    def libraries(self) -> tuple[str, ...]:
        """The distributions that its file imports."""
        from importlib.metadata import packages_distributions

        by_module = packages_distributions()
        modules = {name.split(".")[0] for name in _imports(ast.parse(self.code))}
        return tuple(sorted({by_module[name][0] for name in modules if name in by_module}))

    def _answer(self, rows: pl.DataFrame) -> pl.DataFrame:
        with self._told():
            answer = _function(self.reference, self.code)(rows)
        if not isinstance(answer, pl.DataFrame):
            raise self._error(f"returns {type(answer).__name__}; return a polars DataFrame")
        if answer.height != rows.height:
            raise self._error(
                f"makes {counted(answer.height, 'row')} of {rows.height:,}; return a row for each, in their order"
            )
        return answer

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says of an error in the user's code what it is, and in which line."""
        try:
            yield
        except _ERRORS as error:
            lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.reference]
            line = self.code.splitlines()[lines[-1].lineno - 1].strip() if lines and lines[-1].lineno else ""
            what = str(error).splitlines()[0] if str(error) else ""
            at = f", at `{line}`" if line else ""
            raise self._error(f"ends with {type(error).__name__}: {what}{at}; mend the function") from error

    def _error(self, wrong: str) -> UserError:
        return UserError(f"normalize.features_from: {self.reference} {wrong}")


def read_function(root: Path, reference: str) -> FrameFunction:
    """The function that params.yaml names, as its file in the project has it.

    Raises UserError when there is no such file or function, when it is no Python, or needs other files of the project.
    """
    where = f"normalize.features_from: {reference}"
    file, _, name = reference.rpartition(":")
    path = root / file
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        others = [other.name for other in root.glob("*.py")]
        raise UserError(f"{where}: there is no file {file} in the project{did_you_mean(file, others)}")
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UserError(f"{where}: {file}{line} is no Python ({error.args[0]}); mend it") from None
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if name not in functions:
        raise UserError(f"{where}: {file} has no function {name}{did_you_mean(name, functions)}")
    for module in _imports(tree):
        if module.startswith(".") or _is_of_project(root, path, module.split(".")[0]):
            raise UserError(
                f"{where}: {file} imports {module}, which lies in the project and does not travel with the model; move "
                f"what it needs of it into {file}"
            )
    # Without comments and layout: these may be edited, and no model is trained again.
    return FrameFunction(reference=reference, code=ast.unparse(tree))


def _is_of_project(root: Path, path: Path, module: str) -> bool:
    places = {root / module, path.parent / module}
    # A folder without code, such as that of the tracking server, hides no library of its name.
    return module == "tasks" or any(any(place.glob("*.py")) or place.with_suffix(".py").is_file() for place in places)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@lru_cache(maxsize=64)
def _function(reference: str, code: str) -> Callable[[pl.DataFrame], Any]:
    # A name of its own, as several versions may be loaded; where dataclasses and the like look for it.
    module = ModuleType(f"features_{sha256(f'{reference} {code}'.encode()).hexdigest()[:16]}")
    sys.modules[module.__name__] = module
    # The user's own code, of the project or of the version that was made of it: `read_function` takes no other.
    exec(compile(code, reference, "exec"), module.__dict__)  # noqa: S102
    function: Callable[[pl.DataFrame], Any] = getattr(module, reference.rpartition(":")[2])
    return function


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    # A row alone may have nothing but a missing value, which is of no type.
    return one.columns == other.columns and one.cast(dict(other.schema), strict=False).equals(other)  # type: ignore[arg-type]
