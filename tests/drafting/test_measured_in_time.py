"""What `init` says of models before there are test rows is what they do on later rows, known from simulated ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from tasks import augment, normalize
from tasks.drafting import candidates
from tasks.drafting.candidates import BOOSTED, LINEAR
from tasks.drafting.measured import as_trained
from tasks.drafting.pipeline import DraftedPipeline
from tasks.params.file import load_pipeline
from tasks.params.normalize import Normalize
from tasks.params.train import Train
from tasks.recipe.recipe import read_recipe
from tasks.training.cross_validation import held_out
from tests.drafting.small_tables import init, run_stages
from tests.shared_data import shared

START = datetime(2024, 1, 1)
NUM_TRAIN, NUM_TEST = 1_500, 500
LEVEL, NOISE = 4.0, 1.0
"""Standard deviations: of what drifts, and of what nobody can know."""


def simulated(seed: int) -> pl.DataFrame:
    """A row an hour: a slope that stays, and a level that forgets itself within two days (AR(1) with 0.95)."""
    drawn = np.random.default_rng(seed)
    num_rows = NUM_TRAIN + NUM_TEST
    level = np.zeros(num_rows)
    for number in range(1, num_rows):
        level[number] = 0.95 * level[number - 1] + drawn.normal(0, LEVEL * np.sqrt(1 - 0.95**2))
    hours, x = np.arange(num_rows), drawn.normal(size=num_rows)
    return pl.DataFrame(
        {
            "timestamp": [START + timedelta(hours=int(hour)) for hour in hours],
            # By which trees find the hours beside a row, and nothing of those to come.
            "age": hours / 24.0,
            "x": x,
            "y": 2 * x + level + drawn.normal(0, NOISE, num_rows),
        }
    )


def drafted(root: Path, rows: pl.DataFrame, **more: Any) -> DraftedPipeline:
    rows[NUM_TRAIN:].write_csv(root / "test.csv")
    return init(root, rows[:NUM_TRAIN], target="y", test=str(root / "test.csv"), minutes=10.0, **more)


def told(draft: DraftedPipeline, name: str) -> float:
    (line,) = (line for line in draft.decisions.choice.tried if f"{line} ".startswith(f"  {name}  "))
    return float(line.split(name)[1].split()[0])


def error_on_the_test_rows(root: Path, draft: DraftedPipeline, name: str) -> float:
    (candidate,) = (one for one in draft.decisions.candidates if one.name == name)
    config = load_pipeline(root / "params.yaml", "mine")
    paths = run_stages(root)
    normalize.run(Normalize.model_validate(candidate.normalize), paths)
    augment.run(config.augment, paths)
    train: Train = TypeAdapter(Train).validate_python(candidate.train)
    recipe = read_recipe(paths.recipe)
    answers = held_out(train, paths, lambda job: as_trained(train, job, recipe, paths))
    return float(np.sqrt(np.mean((answers.answers - answers.truth) ** 2)))


@pytest.fixture(autouse=True)
def _no_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes fifteen times as long, and is judged on the same rows."""
    monkeypatch.setattr(candidates, "_ENOUGH_FOR_ENSEMBLE", 100_000)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_told_of_a_model_is_its_error_on_later_rows(tmp_path: Path, seed: int) -> None:
    rows = simulated(seed)
    draft = drafted(tmp_path, rows, dry_run=False)
    assert draft.decisions.choice.tried[0].startswith("measured on 5 later stretches of 1,500 training rows, rmse")
    errors = {name: error_on_the_test_rows(tmp_path, draft, name) for name in (LINEAR, BOOSTED)}
    for name, error in errors.items():
        # The level of 500 hours is some 13 values that know nothing of each other: its error is one of 20 %.
        assert abs(told(draft, name) / error - 1) < 0.25
    # No model knows the level to come, whose spread is that of level and noise together; drawn folds say that trees do.
    assert errors[BOOSTED] > 0.8 * np.hypot(LEVEL, NOISE)
    drawn = drafted(tmp_path, rows, settings=["split.validation_by=key"])
    assert drawn.decisions.choice.tried[0].startswith("measured on 5 folds of")
    assert told(drawn, BOOSTED) < 0.6 * errors[BOOSTED]


def test_rows_split_by_time_are_measured_in_time_as_well(tmp_path: Path) -> None:
    rows = simulated(2)
    draft = init(tmp_path, rows, target="y", minutes=10.0, dry_run=False)
    assert "split: {kind: time, " in draft.block
    # All but the newest 15 % are there to measure by.
    assert draft.decisions.choice.tried[0].startswith("measured on 5 later stretches of 1,700 training rows, rmse")
    error = error_on_the_test_rows(tmp_path, draft, BOOSTED)
    assert abs(told(draft, BOOSTED) / error - 1) < 0.35


@pytest.mark.long
def test_bike_sharing(tmp_path: Path) -> None:
    """The last fifth of two years, given as a file of its own; what members and others rented is what was rented."""
    rows = pl.read_csv(shared("bike-sharing/hour.csv")).drop("instant", "casual", "registered").rename({"cnt": "y"})
    num_train = rows.height * 4 // 5
    rows[num_train:].write_csv(tmp_path / "test.csv")
    given: dict[str, Any] = {"target": "y", "test": str(tmp_path / "test.csv"), "minutes": 20.0}
    draft = init(tmp_path, rows[:num_train], dry_run=False, **given)
    assert "split: {kind: given, validation: 0.15, validation_by: time}" in draft.block
    error = error_on_the_test_rows(tmp_path, draft, BOOSTED)
    assert abs(told(draft, BOOSTED) / error - 1) < 0.35
    drawn = init(tmp_path, rows[:num_train], settings=["split.validation_by=key"], **given)
    assert told(drawn, BOOSTED) < 0.7 * error
