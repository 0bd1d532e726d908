from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, numbers, of_kind

DICE = np.random.default_rng(2)
MOODS = DICE.choice(["bad", "good", "neutral"], NUM_ROWS, p=[0.4, 0.3, 0.3])
EVERY = np.arange(NUM_ROWS)


def moods(**columns: Any) -> pl.DataFrame:
    return noise().drop("outcome").with_columns(**{k: pl.Series(v) for k, v in columns.items()}, mood=pl.Series(MOODS))


def only(values: Any, where: Any) -> list[Any]:
    """The values there, and gaps elsewhere."""
    return [value if is_there else None for value, is_there in zip(list(values), where.tolist(), strict=True)]


REASONS = DICE.choice(["late", "rude", "refund"], NUM_ROWS).tolist()


def test_what_is_filled_exactly_with_one_class_is_left_out(tmp_path: Path) -> None:
    draft = init(tmp_path, moods(reason=only(REASONS, MOODS == "bad")), target="mood")
    assert columns_of_kind(draft, "leak") == ["reason"]
    assert draft.decisions.role("reason") == "id"
    assert f"has a value exactly where mood is bad ({sum(MOODS == 'bad')} rows)" in of_kind(draft, "leak")[0].message


def test_what_comes_only_with_one_class_is_left_out_though_not_all_of_it_has_it(tmp_path: Path) -> None:
    notes = only(
        [f"we talked about {reason} {n}" for n, reason in enumerate(REASONS)], (MOODS == "good") & (EVERY % 5 == 0)
    )
    draft = init(tmp_path, moods(note=notes), target="mood")
    assert draft.decisions.role("note") == "id"
    assert "note has a value only where mood is good" in of_kind(draft, "leak")[0].message


@pytest.mark.parametrize("again", [lambda mood: mood, lambda mood: {"bad": 1, "good": 5, "neutral": 3}[mood]])
def test_what_repeats_the_target_in_few_rows_is_left_out(tmp_path: Path, again: Any) -> None:
    verdicts = only([again(mood) for mood in MOODS], EVERY % 30 == 0)
    draft = init(tmp_path, moods(verdict=verdicts), target="mood")
    assert draft.decisions.role("verdict") == "id"
    assert of_kind(draft, "leak")[0].message == (
        "in the 20 rows where verdict has a value, it is mood again, a value for each class: "
        "left out, as it is written down after mood is known."
    )


@pytest.mark.parametrize(
    ("where", "message"),
    [
        # All but a few slips of the pen.
        ((MOODS == "bad") ^ (EVERY % 200 == 0), "of the rows where mood is bad, and in"),
        (~((MOODS == "bad") & (EVERY % 2 == 0)), "mood is always bad"),
    ],
)
def test_gaps_that_nearly_tell_are_suspected_and_kept(tmp_path: Path, where: Any, message: str) -> None:
    draft = init(tmp_path, moods(reason=only(REASONS, where)), target="mood")
    assert "reason" in draft.decisions.features
    [finding] = of_kind(draft, "leak")
    assert message in finding.message
    assert finding.proposal == "role: id"


def test_codes_that_each_go_with_one_class_are_suspected(tmp_path: Path) -> None:
    codes = [f"{mood}-{n % 3}"[-6:] for n, mood in enumerate(MOODS)]
    draft = init(tmp_path, moods(code=only(codes, EVERY % 4 == 0)), target="mood")
    assert "code" in draft.decisions.features
    assert "it tells mood in 100.0 % of them" in of_kind(draft, "leak")[0].message


@pytest.mark.parametrize("seed", range(5))
def test_gaps_by_chance_are_no_leak(tmp_path: Path, seed: int) -> None:
    dice = np.random.default_rng(seed)
    columns = {
        f"gaps_{share}": pl.Series(only(dice.choice(["a", "b", "c"], NUM_ROWS).tolist(), dice.random(NUM_ROWS) < share))
        for share in (0.02, 0.05, 0.3, 0.95)
    }
    rare = dice.choice(["no", "yes"], NUM_ROWS, p=[0.97, 0.03])
    draft = init(tmp_path, noise(seed).drop("outcome").with_columns(**columns, rare=pl.Series(rare)), target="rare")
    assert not of_kind(draft, "leak")


def test_amounts_that_stand_there_again_in_few_rows_are_left_out(tmp_path: Path) -> None:
    rows = numbers()
    draft = init(
        tmp_path,
        rows.with_columns(
            paid=pl.Series(only(rows["third"], EVERY % 25 == 0)),
            in_euros=pl.Series(only((rows["third"] * 0.92 + DICE.normal(size=NUM_ROWS)).round(2), EVERY % 5 == 0)),
        ),
        target="third",
    )
    assert draft.decisions.role("paid") == "id"
    assert "in_euros" in draft.decisions.features
    assert {name: bool(finding.proposal) for finding in of_kind(draft, "leak") for name in finding.columns} == {
        "paid": False,
        "in_euros": True,
    }


def test_a_value_only_where_the_amount_is_one_is_left_out(tmp_path: Path) -> None:
    amounts = np.where(EVERY % 4 == 0, 0, DICE.integers(1, 9_000, NUM_ROWS))
    rows = (
        numbers().drop("third").with_columns(refused=pl.Series(only(REASONS, amounts == 0)), amount=pl.Series(amounts))
    )
    draft = init(tmp_path, rows, target="amount")
    assert draft.decisions.role("refused") == "id"


def test_the_last_column_is_kept_though_its_gaps_tell(tmp_path: Path) -> None:
    rows = pl.DataFrame({"reason": only(REASONS, MOODS == "bad"), "mood": MOODS})
    draft = init(tmp_path, rows, target="mood")
    assert draft.decisions.features == ("reason",)
    assert of_kind(draft, "leak")[0].message.endswith("kept, as there is no other column.")
