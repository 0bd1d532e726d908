"""Whether `init` offers intervals and sets of classes: where validation rows are enough, and the offer works."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import beta

from tasks.drafting.conformal import CONFORMAL, FEWEST_ROWS, offer
from tasks.drafting.pipeline import DraftedPipeline
from tasks.drafting.splits import SplitChoice
from tasks.params.evaluate import Conformal
from tasks.params.file import load_pipeline
from tests.drafting.small_tables import init, noise


def test_what_is_offered_is_a_setting_when_it_is_switched_on(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    size, old = random.normal(size=(2, 900))
    rows = pl.DataFrame({"size": size, "old": old, "price": 3 * size - old + random.normal(size=900)})
    draft = init(tmp_path, rows, target="price", dry_run=False)
    assert "# in its place: with each answer an interval that holds the true number in 90 % of rows" in draft.block
    params = tmp_path / "params.yaml"
    switched_on = params.read_text().replace("    evaluate: {}\n", "").replace("# evaluate: {conf", "evaluate: {conf")
    params.write_text(switched_on)
    assert load_pipeline(params, "mine").evaluate.conformal == Conformal(coverage=0.9)


@pytest.fixture(scope="module")
def of_patients(tmp_path_factory: pytest.TempPathFactory) -> DraftedPipeline:
    rows = noise(num_rows=900).insert_column(0, pl.Series("patient_id", [f"P{n % 50}" for n in range(900)]))
    return init(tmp_path_factory.mktemp("project"), rows)


@pytest.mark.parametrize(
    ("validation", "words"),
    [
        (0.5, "in its place: with each answer a set of classes that holds the true one in 90 % of rows"),
        (500, "in its place: with each answer a set of classes that holds the true one in 90 % of rows"),
        (0.1, "validation has some 90 rows to learn it from, and 100 or more are needed"),
        (9, "validation has some 9 rows to learn it from, and 100 or more are needed"),
        (0.15, "validation has some 7 values of patient_id to learn it from, and 20 or more are needed"),
        (None, ""),
    ],
)
def test_it_is_offered_where_rows_and_groups_are_enough_and_else_why_not(
    of_patients: DraftedPipeline, validation: float | None, words: str
) -> None:
    settings = {} if validation is None else {"validation": validation}
    decisions = replace(of_patients.decisions, split=SplitChoice(settings={"kind": "group", **settings}))
    is_offered, sentence = offer(decisions, of_patients.facts)
    assert is_offered == words.startswith("in its place")
    assert sentence.endswith(words)


def test_the_block_says_why_it_is_not_offered(of_patients: DraftedPipeline) -> None:
    text = re.sub(r"\n +# ", " ", of_patients.block)
    assert "evaluate.conformal would say how far off an answer may be, and is not offered: validation has" in text


def test_of_the_fewest_rows_coverage_is_near_what_is_promised() -> None:
    """What the rank of 100 rows keeps on new ones lies within 7 points of 90 %, 19 times in 20."""
    rank = int(np.ceil(CONFORMAL["coverage"] * (FEWEST_ROWS + 1)))
    assert beta(rank, FEWEST_ROWS + 1 - rank).ppf([0.025, 0.975]) == pytest.approx([0.836, 0.951], abs=5e-4)
