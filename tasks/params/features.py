"""Features of one's own in the normalize section: columns that are computed from the others, row by row.

What an expression may say is known to tasks/recipe/expressions.py, which has polars read it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

ComputedTypeName = Literal["number", "category", "boolean", "text", "timestamp"]


def _on_one_line(expression: object) -> object:
    """YAML has several ways to write one line as many; the recipe has one."""
    return " ".join(expression.split("\n")).strip() if isinstance(expression, str) else expression


Expression = Annotated[str, BeforeValidator(_on_one_line), Field(min_length=1, max_length=2_000)]
"""Of polars' SQL, such as `torque * speed`."""

Features = dict[Annotated[str, Field(min_length=1)], Expression]


def _in_the_project(reference: str) -> str:
    """Code is run from the user's own project alone."""
    file, _, function = reference.rpartition(":")
    if "://" in reference:
        raise ValueError(
            "code is never run from an address; copy the file into the project, and write FILE.py:FUNCTION"
        )
    if not file.endswith(".py") or not function.isidentifier():
        raise ValueError("names a file of the project and a function in it; write FILE.py:FUNCTION")
    if re.match(r"[/~\\]|[A-Za-z]:", file) or ".." in file.split("/"):
        raise ValueError("code is run from the project alone; copy the file into it, and write its path from there")
    return reference


def file_of(reference: str) -> str | None:
    """The file that the reference names; None when it is none that would be read."""
    try:
        return _in_the_project(reference).rpartition(":")[0]
    except ValueError:
        return None


FunctionReference = Annotated[str, AfterValidator(_in_the_project)]
"""Such as `my_features.py:add`: a function from a frame to a frame."""
