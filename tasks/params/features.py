"""Features of one's own in the normalize section: columns that are computed from the others, row by row.

What an expression may say is known to tasks/recipe/expressions.py, which has polars read it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

ComputedTypeName = Literal["number", "category", "boolean", "text", "timestamp"]


def _on_one_line(expression: object) -> object:
    """YAML has several ways to write one line as many; the recipe has one."""
    return " ".join(expression.split("\n")).strip() if isinstance(expression, str) else expression


Expression = Annotated[str, BeforeValidator(_on_one_line), Field(min_length=1, max_length=2_000)]
"""Of polars' SQL, such as `torque * speed`."""

Features = dict[Annotated[str, Field(min_length=1)], Expression]
