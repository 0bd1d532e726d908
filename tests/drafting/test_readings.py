"""Columns are read in another way where the truth is so, and as they are where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.drafting import readings as module
from tasks.drafting.pipeline import DraftedPipeline
from tasks.drafting.stated import Stated
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tests.drafting.small_tables import init, run_stages

NUM_ROWS = 480
"""Too few for an ensemble, so that it takes seconds."""


def table(*, is_code: bool, seed: int = 0) -> pl.DataFrame:
    """Whole numbers from 1 to 12 whose order says nothing of the amount, or all of it; and a plain number that says
    most, along a line, so that a linear model is drafted."""
    drawn = np.random.default_rng(seed)
    number, x = drawn.integers(1, 13, NUM_ROWS), drawn.normal(size=NUM_ROWS)
    effects = np.array([3, -2, 5, 0, -4, 1, -5, 4, 2, -1, -3, 0]) / 4 if is_code else np.arange(12) / 8
    amount = effects[number - 1] + 4 * x + 0.3 * drawn.normal(size=NUM_ROWS)
    return pl.DataFrame({"number": number, "x": x, "amount": amount})


def shops(num_shops: int, seed: int = 0) -> pl.DataFrame:
    """Categories of twelve rows each: too few for a tree to tell each one, enough for the mean of its rows."""
    drawn = np.random.default_rng(seed)
    shop = drawn.permutation(np.repeat(np.arange(num_shops), 12))
    x, noise = drawn.normal(size=len(shop)), drawn.normal(size=len(shop))
    amount = drawn.normal(size=num_shops)[shop] + np.where(x > 0, 2, 0) + noise
    return pl.DataFrame({"shop": [f"s{one:03d}" for one in shop], "x": x, "amount": amount})


def drafted(root: Path, rows: pl.DataFrame, **more: object) -> DraftedPipeline:
    return init(root, rows, **{"target": "amount", "minutes": 9.0, "deep": True, **more})


def line_of(draft: DraftedPipeline, what: str) -> str:
    (line,) = (line for line in draft.decisions.choice.tried if line.strip().startswith(what))
    return line


def test_a_code_becomes_a_category_and_an_amount_stays_a_number(tmp_path: Path) -> None:
    draft = drafted(tmp_path, table(is_code=True), dry_run=False)
    assert line_of(draft, "number as categories").endswith("  <- taken")
    # On all folds, also where the minutes were enough for fewer folds of the models.
    assert line_of(draft, "other ways to read").startswith(
        "other ways to read the columns, by the model that is drafted on 5 folds (difference and its standard error):"
    )
    config = load_pipeline(tmp_path / "params.yaml", "mine")
    assert config.ingest.columns["number"].type == "category"
    # The block goes through, and what is learnt of the column is a list of categories.
    recipe = (run_stages(tmp_path, "normalize").recipe).read_text()
    assert '"type": "category"' in recipe
    (tmp_path / "other").mkdir()
    amounts = drafted(tmp_path / "other", table(is_code=False))
    assert "taken" not in line_of(amounts, "number as categories")
    assert "number: {type: number}" in amounts.block


def test_categories_of_few_rows_are_read_by_their_target(tmp_path: Path) -> None:
    # A setting that trees alone have leaves out the other models, which take longer.
    given = {"settings": ["train.num_leaves=15"], "stated": Stated(types={"shop": "category"}), "dry_run": False}
    draft = drafted(tmp_path, shops(300), **given)
    assert line_of(draft, "categories by their target, smoothing 10:").endswith("  <- taken")
    assert "taken" not in line_of(draft, "categories of fewer than 1 %")
    config = load_pipeline(tmp_path / "params.yaml", "mine").normalize.category
    assert config.encode == "target"
    assert config.smoothing in (10, 100)
    run_stages(tmp_path, "normalize")


def test_noise_changes_nothing(tmp_path: Path) -> None:
    """A table of which nothing can be known: of five readings none is kept, or one by chance."""
    drawn = np.random.default_rng(0)
    codes = {f"code{number}": drawn.integers(0, 9, 240) for number in range(2)}
    rows = pl.DataFrame({**codes, "shop": [f"s{one:02d}" for one in drawn.integers(0, 20, 240)]})
    tried = drafted(tmp_path, rows.with_columns(amount=pl.Series(drawn.normal(size=240)))).decisions.choice.tried
    readings = [line for line in tried if line.startswith(("  code", "  categories"))]
    assert len(readings) == 5
    assert sum("taken" in line for line in readings) <= 1


def test_what_would_not_end_in_time_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def half_a_minute(*_: object) -> list[float]:
        nonlocal now
        now += 30
        return [1.0, 1.1]

    monkeypatch.setattr(module, "_scores", half_a_minute)
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    monkeypatch.setattr("tasks.drafting.pipeline.measured", lambda decisions, *_, **__: _as_measured(decisions))
    rows = table(is_code=True).with_columns(other=pl.col("number"), third=pl.col("number"))
    tried = drafted(tmp_path, rows, minutes=1.0).decisions.choice.tried
    assert tried[-1] == "  other as categories and what comes after it: not in these minutes; --minutes gives more"


def _as_measured(decisions: object) -> object:
    return replace(decisions, choice=replace(decisions.choice, tried=("measured",)))  # type: ignore[attr-defined, type-var]


@pytest.mark.parametrize("num_folds", [0, 1])
def test_what_one_fold_says_is_not_sure_and_what_none_says_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_folds: int
) -> None:
    scores = iter([9.0, 1.0])

    def scored(*_: object) -> list[float]:
        if not num_folds:
            raise UserError("rmse is undefined")
        return [next(scores)]

    monkeypatch.setattr(module, "_scores", scored)
    monkeypatch.setattr("tasks.drafting.pipeline.measured", lambda decisions, *_, **__: _as_measured(decisions))
    tried = drafted(tmp_path, table(is_code=True)).decisions.choice.tried
    assert "taken" not in tried[-1]
    assert ("could not be compared: rmse is undefined" in tried[-1]) == (num_folds == 0)


def test_an_ensemble_is_stood_for_by_its_trees_and_the_line_says_so(tmp_path: Path) -> None:
    decisions = drafted(tmp_path, table(is_code=True), minutes=0.0).decisions
    assert module._by(decisions, [1.0]) == "by the model that is drafted on 1 fold"
    choice = replace(decisions.choice, train={"kind": "ensemble"})
    assert module._by(replace(decisions, choice=choice), [1.0, 2.0]) == "by boosted trees alone on 2 folds"


def test_what_is_given_leaves_nothing_of_a_reading_to_compare(tmp_path: Path) -> None:
    given = Stated(types={"shop": "category"})
    draft = drafted(
        tmp_path, shops(20), settings=["normalize.category.encode=ordinal", "normalize.features={}"], stated=given
    )
    what = "categories by their target, smoothing 10"
    assert line_of(draft, f"{what}:") == f"  {what}: not tried, as normalize.category.encode is given"


def test_models_that_take_all_the_minutes_leave_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.drafting.pipeline.measured", lambda decisions, *_, **__: _as_measured(decisions))
    monkeypatch.setattr(module, "likely", lambda *_: [module.Reading(what="another")])
    now = iter(range(0, 10**6, 3600))
    monkeypatch.setattr("tasks.drafting.pipeline.time.monotonic", lambda: float(next(now)))
    tried = drafted(tmp_path, table(is_code=True), deep=False).decisions.choice.tried
    assert tried[-1] == "other ways to read the columns: not in these minutes; --minutes gives more"


def test_without_minutes_nothing_is_looked_at(tmp_path: Path) -> None:
    assert drafted(tmp_path, table(is_code=True), minutes=0.0).decisions.choice.tried == ()
