"""docs/preparation.md: what its small tables show is what the stages do, and no setting is left out.

An example is a yaml block with one section of a pipeline, and the table below it. The table's columns are `NAME: TYPE`,
but for the last, which says what becomes of the column before the stage's name: `after clean` is the first column's
value, or *RULE* for a row that goes; `model input` is all inputs of all columns. A missing value is a dash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from tasks import clean
from tasks.columns import column_type
from tasks.model_input.inputs import as_matrix
from tasks.params import augment as params_augment
from tasks.params import clean as params_clean
from tasks.params import normalize as params_normalize
from tasks.params import split as params_split
from tasks.params.clean import Clean
from tasks.params.config import Config
from tasks.params.normalize import Normalize
from tasks.recipe.learning import learn
from tasks.tables import storage
from tasks.tables.dataset import Dataset, write_dataset
from tests.projects import REPOSITORY
from tests.small_tables import Kind, described, pipeline_in, write_split

PAGE = (REPOSITORY / "docs" / "preparation.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```yaml\n(?P<settings>(?:clean|normalize):.*?)```\n\n(?P<table>(?:\|[^\n]*\n)+)", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A section, the columns with their values, and what becomes of each row."""

    stage: str
    settings: dict[str, Any]
    columns: dict[str, Kind]
    rows: pl.DataFrame
    results: list[str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def value(cell: str) -> str | None:
    return None if cell == "—" else cell.removeprefix("`").removesuffix("`")


def example(match: re.Match[str]) -> Example:
    ((stage, settings),) = YAML(typ="safe").load(match["settings"]).items()
    header, _, *lines = [cells(line) for line in match["table"].splitlines()]
    columns: dict[str, Kind] = {}
    data = {}
    for place, title in enumerate(header[:-1]):
        name, kind = title.split(": ")
        columns[name] = (kind.split()[0], "target" if kind.endswith("target") else "feature")  # type: ignore[assignment]
        written = pl.Series(name, [value(line[place]) for line in lines], dtype=pl.String)
        data[name] = column_type(columns[name][0]).cast(written)
    if not any(role == "target" for _, role in columns.values()):
        columns["label"] = ("category", "target")
        data["label"] = pl.Series(["yes", "no"] * len(lines)).head(len(lines))
    return Example(stage, settings, columns, pl.DataFrame(data), [line[-1] for line in lines])


EXAMPLES = [example(match) for match in EXAMPLE.finditer(PAGE)]


def after_clean(shown: Example, root: Path) -> list[str]:
    paths = pipeline_in(root)
    # Rows that are equal have one id, as only rows that are equal in every column are one event.
    rows = shown.rows.rows()
    first = [str(rows.index(row)) for row in rows]
    # Another feature has a value, so that a missing one is no reason to go.
    numbered = shown.rows.with_columns(pl.Series("number", first), other=pl.lit(1.0))
    write_dataset(
        paths.dataset, described({**shown.columns, "other": ("number", "feature"), "number": ("category", "id")})
    )
    write_split(paths, [numbered])
    settings = {"duplicates": "keep", "conflicts": "keep", "max_quarantined": 0.99, **shown.settings}
    with patch.object(clean, "check_classes"):
        clean.run(Clean.model_validate(settings), paths)
    kept, gone = storage.read_table(paths.clean("train")), storage.read_table(paths.quarantine("clean"))
    flagged = storage.read_table(paths.flagged)
    name = next(iter(shown.columns))
    left = {number: _shown(kept, name, row) for row, number in enumerate(kept["number"])}
    left |= {number: f"{left[number]} *{rule}*" for number, rule in flagged.select("number", "_rule").rows()}
    taken = {number: f"*{rule}*" for number, rule in gone.select("number", "_rule").rows()}
    return [
        left[number] if number in left and int(number) == row else taken[number] if number in taken else left[number]
        for row, number in enumerate(first)
    ]


def _shown(rows: pl.DataFrame, name: str, row: int) -> str:
    if name not in rows.columns:
        return "(dropped)"
    found = rows[name][row]
    return "—" if found is None else f"`{found:g}`" if isinstance(found, float) else f"`{found}`"


def model_input(shown: Example) -> list[str]:
    dataset: Dataset = described(shown.columns, task="binary")
    if dataset.target.type == "number":
        dataset = described(shown.columns, task="regression")
    learnt = learn([shown.rows], dataset, Normalize.model_validate(shown.settings))
    matrix = as_matrix(learnt.recipe.spec(), learnt.recipe.encode(shown.rows))
    plain = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return [f"`{' '.join(f'{number + 0.0:.4g}' for number in np.round(row, 3))}`" for row in plain]


@pytest.mark.parametrize("shown", EXAMPLES, ids=[str(shown.settings) for shown in EXAMPLES])
def test_an_example_is_what_the_stage_does(shown: Example, tmp_path: Path) -> None:
    found = after_clean(shown, tmp_path) if shown.stage == "clean" else model_input(shown)
    assert found == shown.results


def test_there_are_examples_of_both_stages() -> None:
    assert {shown.stage for shown in EXAMPLES} == {"clean", "normalize"}
    assert len(EXAMPLES) > 10


def models(module: Any) -> Iterator[type[BaseModel]]:
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Config) and found.__module__ == module.__name__:
            yield found


@pytest.mark.parametrize("module", [params_clean, params_split, params_normalize, params_augment])
def test_every_setting_is_spoken_of(module: Any) -> None:
    names = {name for model in models(module) for name in model.model_fields}
    missing = [name for name in sorted(names) if not re.search(rf"\b{name}\b", PAGE)]
    assert not missing


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (params_normalize.NormalizeNumber, "scale"),
        (params_normalize.NormalizeNumber, "impute"),
        (params_normalize.NormalizeCategory, "encode"),
        (params_normalize.NormalizeText, "encode"),
        (params_normalize.NormalizeImage, "fit"),
        (params_normalize.NormalizeTimestamp, "parts"),
        (params_clean.Outliers, "method"),
        (params_clean.CleanColumn, "personal"),
        (params_augment.Mix, "kind"),
        (params_augment.Augment, "balance"),
    ],
)
def test_every_choice_is_spoken_of(model: type[BaseModel], name: str) -> None:
    choices = [choice for choice in _choices(model.model_fields[name].annotation) if isinstance(choice, str)]
    assert choices
    assert not [choice for choice in choices if not re.search(rf"\b{choice}\b", PAGE)]


def _choices(annotation: Any) -> Sequence[Any]:
    arguments = get_args(annotation)
    return [choice for one in arguments for choice in ([one] if isinstance(one, str) else _choices(one))]
