from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from tasks import ingest
from tasks.columns.words import words
from tasks.drafting.pipeline import init_pipeline
from tasks.params.file import load_pipeline
from tasks.params.ingest import Ingest
from tasks.params.normalize import Normalize
from tasks.paths import Project
from tasks.recipe.computed import with_computed
from tasks.recipe.declared_features import computations
from tasks.tables import storage
from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, of_kind, project_in
from tests.small_tables import described

NUMBERS = range(NUM_ROWS)


@pytest.mark.parametrize("name", ["userId", "user_id", "USER ID", "user-id"])
def test_a_names_words_are_the_same_however_they_are_joined(name: str) -> None:
    assert words(name) == ["user", "id"]


@pytest.mark.parametrize("name", ["Sex", "marital-status", "age", "native country", "customerGender"])
def test_sensitive_attributes_are_known_by_name_and_stay_features(tmp_path: Path, name: str) -> None:
    draft = init(tmp_path, noise().insert_column(0, pl.Series(name, [f"kind {number % 3}" for number in NUMBERS])))
    assert columns_of_kind(draft, "sensitive") == [name]
    assert name in draft.decisions.features
    assert "role: sensitive}" in draft.block


def test_the_sexes_are_known_by_their_values(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().insert_column(0, pl.Series("attribute 9", ["Male", "Female"] * 300)))
    assert columns_of_kind(draft, "sensitive") == ["attribute 9"]


@pytest.mark.parametrize("name", ["sexton", "page", "housing_median_age", "tracer"])
def test_words_that_only_look_alike_are_not_sensitive(tmp_path: Path, name: str) -> None:
    draft = init(tmp_path, noise().insert_column(0, pl.Series(name, [number % 50 for number in NUMBERS])))
    assert not of_kind(draft, "sensitive")


@pytest.mark.parametrize("values", [[number // 5 for number in NUMBERS], [f"P{number % 40}" for number in NUMBERS]])
def test_rows_of_one_patient_are_a_group(tmp_path: Path, values: list[object]) -> None:
    draft = init(tmp_path, noise().insert_column(0, pl.Series("patient_id", values)))
    assert columns_of_kind(draft, "group") == ["patient_id"]
    assert draft.decisions.role("patient_id") == "group"


def test_of_several_entities_one_is_the_group(tmp_path: Path) -> None:
    ids = {"basketId": [number // 3 for number in NUMBERS], "customer": [number % 90 for number in NUMBERS]}
    draft = init(tmp_path, noise().with_columns(**{name: pl.Series(values) for name, values in ids.items()}))
    assert columns_of_kind(draft, "group") == ["customer"]
    assert "As often repeated: basketId." in of_kind(draft, "group")[0].message


def test_a_user_in_each_row_is_no_group(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().insert_column(0, pl.Series("user_id", [f"u{number}" for number in NUMBERS])))
    assert not of_kind(draft, "group")
    assert draft.decisions.role("user_id") == "id"


def test_timestamps_in_the_rows_order_are_the_time(tmp_path: Path) -> None:
    days = [f"20{10 + number // 300}-0{1 + number % 300 // 40}-{1 + number % 300 % 40 // 2:02}" for number in NUMBERS]
    draft = init(tmp_path, noise().insert_column(0, pl.Series("seen", days)))
    assert draft.facts.types["seen"] == "timestamp"
    assert draft.decisions.role("seen") == "time"
    assert "the rows stand in its order" in of_kind(draft, "time")[0].message


@pytest.mark.parametrize(
    ("every", "feature"),
    [
        ("7h", {"hour": "extract(hour from {})"}),
        ("1d", {"weekday": "extract(isodow from {})"}),
        # The same weekday in every row says nothing.
        ("7d", None),
    ],
)
@pytest.mark.parametrize(("name", "written"), [("seen", "seen"), ("Seen at", '"Seen at"')])
def test_what_comes_again_of_a_time_is_proposed_as_a_feature_that_is_computed(
    tmp_path: Path, every: str, feature: dict[str, str] | None, name: str, written: str
) -> None:
    times = pl.datetime_range(datetime(2020, 1, 6), datetime(2040, 1, 1), every, eager=True)[:NUM_ROWS].alias(name)
    (finding,) = of_kind(init(tmp_path, noise().insert_column(0, times)), "time")
    proposed = re.search(r"make a feature of it: (.*?}})", finding.message)
    if feature is None:
        assert proposed is None
        return
    assert proposed is not None
    config = Normalize.model_validate(YAML(typ="safe").load(proposed[1])["normalize"])
    assert config.features == {part: sql.format(written) for part, sql in feature.items()}
    columns = described({name: ("timestamp", "time"), "y": ("number", "target")})
    (part,) = computations(columns, config)
    assert with_computed(pl.DataFrame([times]), [part])[part.name].n_unique() > 1


def test_seconds_since_1970_are_the_time_when_they_are_called_so(tmp_path: Path) -> None:
    seconds = pl.Series("timestamp", [1_500_000_000 + number * 7_919 % 100_003 for number in NUMBERS])
    assert columns_of_kind(init(tmp_path, noise().insert_column(0, seconds)), "time") == ["timestamp"]
    assert not of_kind(init(tmp_path, noise().insert_column(0, seconds.alias("payload"))), "time")


def test_a_birthday_is_not_when_the_row_came_to_be(tmp_path: Path) -> None:
    days = [f"19{50 + number % 40}-0{1 + number % 9}-{1 + number % 28:02}" for number in NUMBERS]
    draft = init(tmp_path, noise().insert_column(0, pl.Series("birth_date", days)))
    assert not of_kind(draft, "time")
    assert columns_of_kind(draft, "sensitive") == ["birth_date"]


@pytest.mark.parametrize(("day", "is_doubtful"), [(9, True), (28, False)])
def test_days_that_could_be_months_are_told(tmp_path: Path, day: int, is_doubtful: bool) -> None:
    days = [f"{1 + number % day:02}/{1 + number % 12:02}/2020" for number in NUMBERS]
    draft = init(tmp_path, noise().insert_column(0, pl.Series("paid", days)))
    assert draft.facts.types["paid"] == "timestamp"
    assert columns_of_kind(draft, "ambiguous_dates") == ["paid"] * is_doubtful


def test_amounts_in_which_a_point_may_be_either_are_told(tmp_path: Path) -> None:
    prices = [f"{1 + number % 9}.{100 + number % 900} €" for number in NUMBERS]
    draft = init(tmp_path, noise().insert_column(0, pl.Series("price", prices)), dry_run=False)
    assert draft.facts.types["price"] == "text"
    message = of_kind(draft, "ambiguous_amounts")[0].message
    assert 'price: {unit: €, decimal: ",", thousands: "."}' in message
    block = load_pipeline(tmp_path / "params.yaml", "mine").ingest.model_dump()
    block["columns"]["price"] = {"unit": "€", "decimal": ",", "thousands": "."}
    ingest.run(Ingest.model_validate(block), paths := Project(root=tmp_path).pipeline("mine"))
    amounts = [float(price.removesuffix(" €").replace(".", "")) for price in prices]
    assert storage.read_table(paths.raw)["price"].to_list() == amounts


def test_columns_without_names_are_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    noise().write_csv(file, include_header=False)
    draft = init_pipeline(project_in(tmp_path), "mine", str(file), dry_run=True)
    assert "called column_1, column_2, column_3, column_4" in of_kind(draft, "no_header")[0].message


def test_kinds_of_devices_are_a_feature_and_may_be_a_group(tmp_path: Path) -> None:
    kinds = pl.Series("device", [("mobile", "desktop", "tablet")[number % 3] for number in NUMBERS])
    draft = init(tmp_path, noise().insert_column(0, kinds))
    assert draft.decisions.role("device") == "feature"
    assert "split: {validation: 0.15" in draft.block
    (finding,) = of_kind(draft, "group")
    assert finding.message.startswith(
        "device may say whose rows these are, but with 3 values (desktop: 200 rows, mobile: 200 rows, tablet: 200 rows)"
    )
    assert "First: `mobile` at rows.csv:2, `desktop` at rows.csv:3, `tablet` at rows.csv:4." in finding.message
    assert "role: group" in draft.block


@pytest.mark.parametrize(
    "names", [["D1", "D2", "D3"], [f"device {'abcdefghijklmnopqrstuvwxyz'[n]}" for n in range(24)]]
)
def test_numbered_devices_and_many_names_are_groups(tmp_path: Path, names: list[str]) -> None:
    devices = pl.Series("device", [names[number % len(names)] for number in NUMBERS])
    draft = init(tmp_path, noise().insert_column(0, devices))
    assert draft.decisions.role("device") == "group"


def test_ids_that_a_spreadsheet_has_rounded_are_no_group(tmp_path: Path) -> None:
    users = pl.Series("user_id", [f"5.7030{number % 30:02d}E+17" for number in NUMBERS])
    draft = init(tmp_path, noise().insert_column(0, users))
    assert not of_kind(draft, "group")
    assert columns_of_kind(draft, "rounded") == ["user_id"]
    assert "user_id" not in draft.decisions.features
    # Nor the key that tells rows apart.
    assert draft.decisions.split.settings["key"] == ("width", "height", "shape")


def test_large_amounts_stay_features(tmp_path: Path) -> None:
    mass = pl.Series("mass", [f"{1 + number % 9}.5E+{12 + number % 7}" for number in NUMBERS])
    assert "mass" in init(tmp_path, noise().insert_column(0, mass)).decisions.features
