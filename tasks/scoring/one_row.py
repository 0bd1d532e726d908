"""The answer to one row, given as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from tasks.errors import UserError, did_you_mean
from tasks.paths import Project
from tasks.scoring.answers import RECIPE, VERSION
from tasks.tracking.answering import answering
from tasks.tracking.packed_model import asked_columns, optional_columns
from tasks.tracking.registered import RegisteredModel


def answer_row(project: Project, model: RegisteredModel, text: str) -> dict[str, Any]:
    """What the model answers, and which one it was. Raises UserError for a row that it cannot read."""
    asked, optional = (names(model.packed, model.shown) for names in (asked_columns, optional_columns))
    row = _row(text, asked, optional)
    with answering(model, project) as answerer:
        answered = answerer.answer(row)
    if answered.answers is None:
        raise UserError(f"--row: {answered.refused[0]}")
    return {**answered.answers.row(0, named=True), VERSION: model.version, RECIPE: model.recipe}


def _row(text: str, asked: list[str], optional: list[str]) -> pl.DataFrame:
    content = _cells(text)
    unknown = next((name for name in content if name not in asked and _is_near(name, asked, content)), None)
    if missing := [name for name in asked if name not in content]:
        hint = f"; {unknown} is none of them{did_you_mean(unknown, missing)}" if unknown else ""
        raise UserError(
            f"--row: lacks {', '.join(missing)}, which the model was trained with{hint}; give each, null where nothing "
            "is known"
        )
    try:
        return pl.DataFrame({name: [content[name]] for name in (*asked, *optional) if name in content})
    except (PolarsError, TypeError, OverflowError) as error:
        raise UserError(f"--row: {error}; give numbers, text, true, false or null") from None


def _is_near(name: str, asked: list[str], content: Mapping[str, Any]) -> bool:
    return "did you mean" in did_you_mean(name, [other for other in asked if other not in content])


def json_row(text: str) -> dict[str, Any]:
    """One row as a person gives it. Raises UserError for what is no JSON object."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f'--row: no JSON ({error}); write it such as \'{{"age": 41, "town": "Ulm"}}\'') from None
    if not isinstance(content, dict):
        raise UserError("--row: one JSON object is one row, such as '{\"age\": 41}'; for several rows give a file")
    return content


def _cells(text: str) -> dict[str, Any]:
    content = json_row(text)
    for name, value in content.items():
        if isinstance(value, list | dict):
            raise UserError(f"--row: {name} holds {json.dumps(value)[:80]}; give a number, text, true, false or null")
    return content
