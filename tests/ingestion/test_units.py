from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import ingest
from tasks.drafting.pipeline import init_pipeline
from tasks.errors import UserError
from tasks.ingestion.units import unit_in
from tasks.params.file import load_pipeline
from tasks.params.ingest import Ingest
from tasks.paths import Project
from tasks.repair.repair import InText
from tasks.tables.dataset import read_dataset
from tests.drafting.small_tables import project_in

PRICES = [float(price) for price in np.random.default_rng(0).lognormal(5, 1, 200).round(2)]


def dollars(price: float) -> str:
    return f"${price:,.2f}"


def euros(price: float) -> str:
    return dollars(price)[1:].replace(",", "'").replace(".", ",").replace("'", ".") + "\u00a0€"


def write(root: Path, prices: list[str], separator: str = ",") -> Path:
    rows = pl.DataFrame({"beds": [str(place % 7) for place in range(len(prices))], "price": prices})
    rows.write_csv(root / "rows.csv", separator=separator)
    return root / "rows.csv"


def raw(root: Path, **block: Any) -> tuple[str, list[float | None]]:
    """The task, and the target as ingest leaves it."""
    source = {"kind": "table", "path": "rows.csv", **block.pop("source", {})}
    paths = Project(root=root).pipeline("homes")
    ingest.run(Ingest.model_validate({"source": source, "target": "price", **block}), paths)
    return read_dataset(paths.dataset).task, pl.read_parquet(root / "data/homes/raw/*.parquet")["price"].to_list()


@pytest.mark.parametrize(("write_price", "separator"), [(dollars, ","), (euros, ";")])
def test_init_makes_a_regression_of_amounts_of_money(tmp_path: Path, write_price: Any, separator: str) -> None:
    file = write(tmp_path, [write_price(price) for price in PRICES], separator)
    project = project_in(tmp_path)
    draft = init_pipeline(project, "homes", str(file), "price")
    assert draft.decisions.target.task == "regression"
    paths = project.pipeline("homes")
    ingest.run(load_pipeline(project.params, "homes").ingest, paths)
    assert pl.read_parquet(tmp_path / "data/homes/raw/*.parquet")["price"].to_list() == PRICES


def test_the_task_alone_is_enough(tmp_path: Path) -> None:
    write(tmp_path, [dollars(price) for price in PRICES])
    assert raw(tmp_path, task="regression") == ("regression", PRICES)


def test_amounts_that_are_missing_or_bare_or_below_zero_are_read_as_such(tmp_path: Path) -> None:
    write(tmp_path, [*(dollars(price) for price in PRICES), "n/a", "12.50", "($1,017.81)", "\u2212$5"])
    settings = {"price": {"unit": "$", "thousands": ",", "missing": ["n/a"]}}
    assert raw(tmp_path, columns=settings, task="regression")[1][-4:] == [None, 12.5, -1017.81, -5.0]


def test_the_units_writing_may_be_another_than_that_of_the_source(tmp_path: Path) -> None:
    write(tmp_path, ["$1,017.81", "$5.50", "$7"], ";")
    settings = {"price": {"unit": "$", "decimal": ".", "thousands": ","}}
    block = {"source": {"separator": ";", "decimal": ",", "thousands": "."}, "columns": settings}
    assert raw(tmp_path, task="regression", **block)[1] == [1017.81, 5.5, 7.0]


def test_files_that_are_only_added_are_read_alike(tmp_path: Path) -> None:
    file = write(tmp_path, [dollars(price) for price in PRICES])
    (tmp_path / "days").mkdir()
    for day in ("a", "b"):
        (tmp_path / "days" / f"{day}.csv").write_text(file.read_text())
    assert raw(tmp_path, source={"path": "days", "append": True}, task="regression")[1] == PRICES * 2


def test_words_are_still_no_numbers(tmp_path: Path) -> None:
    write(tmp_path, ["cheap", "dear"] * 100)
    with pytest.raises(UserError, match="holds values that are no numbers"):
        raw(tmp_path, task="regression")


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (["$5", "$12.50", "n/a", None], InText(before="$")),
        (["5 kg", "7 kg"], InText(after="kg")),
        (["5 kg", "7 lb"], None),
        # Either 1.2 or 1200.
        (["1.200 €", "3.500 €"], None),
        (["a", "b"], None),
        (["1", "2"], None),
    ],
)
def test_the_unit_is_told_by_the_values(cells: list[str | None], written: InText | None) -> None:
    assert unit_in(pl.Series(cells)) == written


def test_a_feature_has_no_unit_here() -> None:
    source = {"kind": "table", "path": "rows.csv"}
    with pytest.raises(ValueError, match="for the target alone"):
        Ingest.model_validate({"source": source, "target": "price", "columns": {"beds": {"unit": "kg"}}})
    with pytest.raises(ValueError, match="go with its unit"):
        Ingest.model_validate({"source": source, "target": "price", "columns": {"price": {"decimal": ","}}})
