"""Numbers that go together become ratios, those against each other products, and places get axes that are turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.drafting.pipeline import DraftedPipeline
from tasks.params.file import load_pipeline
from tests.drafting.small_tables import init, run_stages

NUM_ROWS = 700


def households(seed: int = 0) -> pl.DataFrame:
    """Rooms and people of blocks of many sizes; what is asked is how many rooms there are for each of them."""
    drawn = np.random.default_rng(seed)
    people = np.exp(drawn.normal(5, 1, NUM_ROWS))
    rooms = people * np.exp(drawn.normal(0, 0.3, NUM_ROWS))
    noise = drawn.normal(0, 0.05, NUM_ROWS)
    columns = {"all rooms": rooms, "people": people, "x": drawn.normal(size=NUM_ROWS)}
    return pl.DataFrame({name: values.round(3) for name, values in columns.items()}).with_columns(
        amount=pl.Series((rooms / people + noise).round(4))
    )


def on_a_map(*, turned: bool, seed: int = 0) -> pl.DataFrame:
    """Places, and an amount that changes across a line on the map: along a parallel, or askew."""
    drawn = np.random.default_rng(seed)
    north, east = drawn.uniform(47, 48, NUM_ROWS), drawn.uniform(8, 9, NUM_ROWS)
    across = north - 47 + (8 - east if turned else -0.5)
    amount = np.sin(9 * across) + 0.05 * drawn.normal(size=NUM_ROWS)
    return pl.DataFrame({"Start-Lat": north, "start_lng": east, "amount": amount}).select(pl.all().round(5))


def drafted(root: Path, rows: pl.DataFrame, **more: object) -> DraftedPipeline:
    # A setting that trees alone have leaves out the other models, which take longer.
    settings = ["train.num_leaves=15"]
    return init(root, rows, **{"target": "amount", "minutes": 9.0, "settings": settings, **more})


def lines_of(draft: DraftedPipeline, what: str) -> list[str]:
    return [line for line in draft.decisions.choice.tried if line.strip().startswith(what)]


def test_what_depends_on_a_ratio_is_learnt_from_it(tmp_path: Path) -> None:
    draft = drafted(tmp_path, households(), dry_run=False)
    (line,) = lines_of(draft, "ratios and products of numbers that go together, 1 feature:")
    assert line.endswith("  <- taken")
    features = load_pipeline(tmp_path / "params.yaml", "mine").normalize.features
    assert features == {"all rooms_per_people": '"all rooms" / "people"'}
    # The block goes through, and the ratio is a column of the rows that the model reads.
    assert "all rooms_per_people" in run_stages(tmp_path, "normalize").recipe.read_text()


@pytest.mark.parametrize("turned", [True, False])
def test_a_border_that_runs_askew_is_learnt_from_axes_that_are_turned(tmp_path: Path, turned: bool) -> None:
    (line,) = lines_of(drafted(tmp_path, on_a_map(turned=turned)), "places by axes that are turned, 6 features")
    assert line.endswith("  <- taken") == turned


def test_a_turned_axis_is_the_map_turned(tmp_path: Path) -> None:
    """By 45 degrees: what lies to the north-east has grown by both, what lies to the north-west by none."""
    draft = drafted(tmp_path, on_a_map(turned=True), dry_run=False)
    made = load_pipeline(tmp_path / "params.yaml", "mine").normalize.features
    assert made["start_lng_turned_45"] == '0.7071 * "start_lng" + 0.7071 * "Start-Lat"'
    assert made["Start-Lat_turned_45"] == '0.7071 * "Start-Lat" - 0.7071 * "start_lng"'
    assert len(made) == 6
    assert "turned" in draft.block


def test_power_is_torque_times_speed(tmp_path: Path) -> None:
    """As one rises the other falls, and what counts is both."""
    drawn = np.random.default_rng(1)
    speed = np.exp(drawn.normal(7, 0.4, NUM_ROWS))
    torque = 50_000 / speed * np.exp(drawn.normal(0, 0.2, NUM_ROWS))
    amount = torque * speed / 50_000 + drawn.normal(0, 0.02, NUM_ROWS)
    rows = pl.DataFrame({"speed": speed, "torque": torque, "amount": amount}).select(pl.all().round(4))
    draft = drafted(tmp_path, rows, dry_run=False)
    assert lines_of(draft, "ratios and products")[0].endswith("  <- taken")
    assert load_pipeline(tmp_path / "params.yaml", "mine").normalize.features == {
        "speed_times_torque": '"speed" * "torque"'
    }


@pytest.mark.parametrize(
    "columns",
    [
        {"one": "below 0", "other": "with it"},
        {"latitude": "metres", "longitude": "metres"},
        {"one": "few values", "other": "few values"},
        {"one": "its own", "other": "its own"},
        {"one": "the same", "other": "the same"},
    ],
    ids=lambda columns: next(iter(columns.values())),
)
def test_columns_that_do_not_call_for_it_are_left_as_they_are(tmp_path: Path, columns: dict[str, str]) -> None:
    drawn = np.random.default_rng(2)
    base = np.exp(drawn.normal(3, 1, NUM_ROWS))
    kinds = {
        "below 0": lambda: np.log(base) - 3,
        "with it": lambda: base * np.exp(drawn.normal(0, 0.1, NUM_ROWS)),
        # Coordinates of a grid in metres: as far apart as they are alike.
        "metres": lambda: drawn.uniform(-5e6, 5e6, NUM_ROWS),
        "few values": lambda: np.minimum(base // 30, 5),
        "its own": lambda: np.exp(drawn.normal(3, 1, NUM_ROWS)),
        "the same": lambda: base,
    }
    rows = pl.DataFrame({name: kinds[kind]() for name, kind in columns.items()})
    rows = rows.with_columns(amount=pl.Series(drawn.normal(size=NUM_ROWS)))
    tried = drafted(tmp_path, rows.select(pl.all().round(4))).decisions.choice.tried
    assert tried
    assert not [line for line in tried if "ways to read" in line]


def test_none_is_tried_without_time(tmp_path: Path) -> None:
    assert drafted(tmp_path, households(), minutes=0.0).decisions.choice.tried == ()
