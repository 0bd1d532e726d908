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
from tasks.recipe.raw_values import at_rest
from tasks.recipe.recipe import read_recipe
from tasks.repair.units import UnitFormat
from tasks.sources.base import NumberFormat
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tables.origins import read_origins
from tests.drafting.small_tables import project_in, run_stages
from tests.workbooks import write_workbook

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
        (["$5", "$12.50", "n/a", None], UnitFormat(before="$", thousands=",")),
        (["5 kg", "7 kg"], UnitFormat(after="kg")),
        (["5 kg", "7 lb"], None),
        ([*(f"{number},5 kW" for number in range(20)), "12.5V"], UnitFormat(after="kW", decimal=",", thousands=".")),
        # Either 1.2 or 1200.
        (["1.200 €", "3.500 €"], None),
        (["a", "b"], None),
        (["1", "2"], None),
    ],
)
def test_the_unit_is_told_by_the_values(cells: list[str | None], written: UnitFormat | None) -> None:
    assert unit_in(pl.Series(cells), NumberFormat()) == written


def weighed(root: Path, weights: list[str], *, append: bool = False, **column: Any) -> tuple[str, list[Any]]:
    """The type of a feature, and its values as ingest leaves them."""
    (root / "days").mkdir()
    for day, cells in enumerate((weights[:50], weights[50:])):
        rows = pl.DataFrame({"weight": cells, "label": ["a", "b"] * (len(cells) // 2)})
        rows.write_csv(root / f"days/{day}.csv")
    paths = Project(root=root).pipeline("parcels")
    source = {"kind": "table", "path": "days", "append": append}
    ingest.run(
        Ingest.model_validate(
            {"source": source, "target": "label", "columns": {"weight": column}, "rows_per_part": 40}
        ),
        paths,
    )
    types = {column.name: column.type for column in read_dataset(paths.dataset).columns}
    return types["weight"], pl.read_parquet(root / "data/parcels/raw/*.parquet")["weight"].to_list()


KILOS = [f"{place % 37} kg" for place in range(100)]


@pytest.mark.parametrize("append", [False, True])
def test_a_feature_with_a_unit_is_one_of_numbers(tmp_path: Path, append: bool) -> None:
    assert weighed(tmp_path, KILOS, append=append) == ("number", [float(place % 37) for place in range(100)])


@pytest.mark.parametrize("append", [False, True])
def test_a_word_in_a_late_row_says_that_all_are_words(tmp_path: Path, append: bool) -> None:
    late = [*KILOS[:-1], "heavy"]
    assert weighed(tmp_path, late, append=append)[1] == late


@pytest.mark.parametrize("append", [False, True])
def test_a_bad_cell_of_what_is_said_to_have_a_unit_is_one_row(tmp_path: Path, append: bool) -> None:
    kind, cells = weighed(tmp_path, [*KILOS[:-1], "heavy"], append=append, unit="kg")
    assert (kind, cells[-2:]) == ("number", [98.0 % 37, None])
    parts = [read_origins(part) for part in sorted((tmp_path / "data/parcels/raw").glob("*.parquet"))]
    assert [(cell.column, cell.cell) for part in parts if part for cell in part.unread] == [("weight", "heavy")]


def test_a_mark_for_a_missing_value_may_have_a_unit(tmp_path: Path) -> None:
    assert weighed(tmp_path, [*KILOS[:-2], "-999 kg", "-999"], missing=["-999"])[1][-3:] == [97.0 % 37, None, None]


def test_numbers_with_a_unit_stay_words_when_told(tmp_path: Path) -> None:
    assert weighed(tmp_path, KILOS, type="text", unit="kg")[1] == KILOS


FEATURES = pl.DataFrame(
    {
        "price": [dollars(price) for price in PRICES],
        "rate": [f"{place % 9 * 1.5} %" for place in range(len(PRICES))],
        "weight": [f"{place % 7} kg" for place in range(len(PRICES))],
        "kind": ["ab"[place % 2] for place in range(len(PRICES))],
    }
)


def test_what_init_pins_makes_one_row_of_a_bad_cell(tmp_path: Path) -> None:
    FEATURES.write_csv(tmp_path / "rows.csv")
    project = project_in(tmp_path)
    init_pipeline(project, "homes", str(tmp_path / "rows.csv"), "kind")
    later = [["dear", "1.5 %", "2 kg", "a"], ["$5,000.00", "?", "3 lb", "b"]]
    pl.concat([FEATURES, pl.DataFrame(later, FEATURES.schema, orient="row")]).write_csv(tmp_path / "rows.csv")
    ingest.run(load_pipeline(project.params, "homes").ingest, project.pipeline("homes"))
    [part] = storage.part_files(project.pipeline("homes").raw)
    table, origins = pl.read_parquet(part), read_origins(part)
    assert origins is not None
    assert table["price"].to_list() == [*PRICES, None, 5000.0]
    assert table["weight"].to_list()[-2:] == [2.0, None]
    assert {(cell.row - len(PRICES), cell.column, cell.cell) for cell in origins.unread} == {
        (0, "price", "dear"),
        (1, "rate", "?"),
        (1, "weight", "3 lb"),
    }


def test_one_strange_cell_among_amounts_is_told(tmp_path: Path) -> None:
    FEATURES.with_columns(price=pl.Series([*FEATURES["price"][:-1], "dear"])).write_csv(tmp_path / "rows.csv")
    draft = init_pipeline(project_in(tmp_path), "homes", str(tmp_path / "rows.csv"), "kind", dry_run=True)
    [finding] = [finding for finding in draft.findings if finding.kind == "nearly_numbers"]
    assert (finding.columns, finding.missing) == (("price",), ("dear",))


def test_a_feature_is_served_as_the_source_writes_it_and_as_programs_do(tmp_path: Path) -> None:
    FEATURES.write_csv(tmp_path / "rows.csv")
    init_pipeline(project_in(tmp_path), "homes", str(tmp_path / "rows.csv"), "kind")
    recipe = read_recipe(run_stages(tmp_path, "normalize", "homes").recipe)
    price = next(feature for feature in recipe.features if feature.name == "price")
    served = ["$1,017.81", "1017.81", "-$5", 1017.81, ""]
    assert at_rest(served, price).to_list() == [1017.81, 1017.81, -5, 1017.81, None]
    with pytest.raises(UserError, match=r"'dear' is no number; give a number, or text such as \$1,234.5"):
        at_rest(["dear"], price)


def test_text_numbers_of_a_sheet_are_read_beside_its_own(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    amounts = [f"{price:,.2f}".replace(",", "'").replace(".", ",").replace("'", ".") for price in PRICES]
    rows = [
        [amount, price / 7, "ab"[place % 2]] for place, (amount, price) in enumerate(zip(amounts, PRICES, strict=True))
    ]
    write_workbook(tmp_path / "rows.xlsx", {"May": [["amount", "share", "kind"], *rows]})
    project = project_in(tmp_path)
    init_pipeline(project, "homes", str(tmp_path / "rows.xlsx"), "kind")
    ingest.run(load_pipeline(project.params, "homes").ingest, project.pipeline("homes"))
    table = pl.read_parquet(tmp_path / "data/homes/raw/*.parquet")
    assert table["amount"].to_list() == PRICES
    assert table["share"].to_list() == [price / 7 for price in PRICES]
    recipe = read_recipe(run_stages(tmp_path, "normalize", "homes").recipe)
    amount = next(feature for feature in recipe.features if feature.name == "amount")
    assert at_rest(["1.017,81", "1017.81", 1017.81], amount).to_list() == [1017.81] * 3


def test_a_columns_own_decimal_sign_is_no_thousands_of_the_source(tmp_path: Path) -> None:
    write(tmp_path, ["1.5", "2.25", "1000.125"], ";")
    block = {"source": {"separator": ";", "decimal": ",", "thousands": "."}, "columns": {"price": {"decimal": "."}}}
    assert raw(tmp_path, task="regression", **block)[1] == [1.5, 2.25, 1000.125]


def test_a_guessed_target_may_be_an_amount_of_money(tmp_path: Path) -> None:
    file = write(tmp_path, [dollars(price) for price in PRICES])
    target = init_pipeline(project_in(tmp_path), "homes", str(file)).decisions.target
    assert (target.name, target.task) == ("price", "regression")
