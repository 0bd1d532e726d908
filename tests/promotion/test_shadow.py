"""A challenger on live rows: what each look decides, how often an equal one is promoted, and a better one is found."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, norm

from tasks.evaluation.paired_proportions import Discordant, p_value
from tasks.params.register import Register, ShadowRules
from tasks.promotion.contest import Comparison
from tasks.promotion.looks import alpha_of
from tasks.promotion.shadow import ShadowPair, ShadowVerdict, is_due, shadow_verdict

PAIR = ShadowPair(champion=3, challenger=4, since="2026-03-01T09:00:00.000+00:00")
NUM_DRAWS = 2_000


def verdict(gain: float, error: float, look: int = 1, margin: float = 0.0, **more: Any) -> ShadowVerdict:
    """Of a gain that is normal around the true one."""
    reach = norm.isf(0.025) * error
    comparison = Comparison(
        challenger=0.8 + gain, champion=0.8, low=gain - reach, high=gain + reach, test="McNemar's exact test",
        p_value=norm.sf((gain - margin) / error), standard_error=error, num_rows=600,
    )  # fmt: skip
    p_worse = float(norm.cdf((gain - min(margin, 0.0)) / error))
    config = Register(metric="accuracy", margin=margin, shadow=ShadowRules())
    return shadow_verdict(config, comparison, p_worse, look, PAIR, **more)


@pytest.mark.parametrize(
    ("gain", "look", "margin", "decision", "outcome"),
    [
        (0.06, 1, 0.0, "promote", "surely better, so it takes the champion's place"),
        (0.06, 6, 0.0, "hold", "no sure difference yet; less than 0.09"),
        (-0.06, 1, 0.0, "reject", "surely worse, so it is challenger no more, and the champion stays"),
        (-0.06, 6, 0.0, "hold", "no sure difference yet"),
        (0.06, 1, 0.05, "hold", "not surely better by more than the margin of 0.05 yet"),
        # Of a challenger that must be better by some, worse is what is worse than the champion.
        (0.01, 1, 0.1, "hold", "not surely better by more than the margin of 0.1 yet"),
        (-0.06, 1, 0.1, "reject", "surely worse"),
        # And of one that may be worse by some, what is worse by more.
        (-0.06, 1, -0.1, "hold", "not surely within the margin of 0.1 yet"),
        (-0.2, 1, -0.1, "reject", "surely worse"),
        (0.0, 1, -0.1, "promote", "surely not 0.1 worse, so it takes the champion's place"),
    ],
)
def test_a_look_decides_by_its_share_of_the_chance(
    gain: float, look: int, margin: float, decision: str, outcome: str
) -> None:
    result = verdict(gain, 0.025, look, margin)
    assert result.decision == decision
    assert outcome in result.sentence
    assert (result.alpha, result.gain) == (alpha_of(look, 0.05), pytest.approx(gain))


def test_the_sentence_has_the_live_rows_the_figures_and_the_test() -> None:
    assert verdict(0.06, 0.02, 2).sentence == (
        "accuracy 0.8600 against the champion's 0.8000 on the same 600 live rows: +0.0600 (95 % interval of the "
        "difference +0.0208 to +0.0992; McNemar's exact test, p 0.0013, and look 2 at this champion on live rows asks "
        "for 0.0083 at most), surely better, so it takes the champion's place"
    )
    # Of what is worse the chance that it is no worse decides.
    assert "p 0.0013, and a first look at a champion on live rows asks for 0.025" in verdict(-0.06, 0.02).sentence


def test_the_next_look_is_due_when_as_many_new_rows_have_come() -> None:
    assert not is_due(199, None, 200, is_final=False)
    assert is_due(200, None, 200, is_final=False)
    last = verdict(0.0, 0.02)
    assert not is_due(799, last, 200, is_final=False)
    assert is_due(800, last, 200, is_final=False)
    # Labels that were taken back, or rows past their retention, are no new ones.
    assert not is_due(500, last, 200, is_final=False)
    # At the end what has come is looked at, once; where the limit was raised it goes on.
    assert is_due(601, last, 200, is_final=True)
    assert not is_due(600, last, 200, is_final=True)
    final = verdict(0.0, 0.02, is_final=True)
    assert not is_due(2_000, final, 200, is_final=True)
    assert is_due(800, final, 200, is_final=False)


@cache
def looks(first: float, second: float, num_looks: int, rows_of_look: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The p-values [draws, looks] of McNemar's test, for better and for worse, as rows come in.

    The challenger alone is right on a share `first` of all rows, the champion alone on a share `second`.
    """
    random = np.random.default_rng(3)
    shares = [first, second, 1 - first - second]
    alone = random.multinomial(rows_of_look, shares, size=(NUM_DRAWS, num_looks)).cumsum(axis=1)
    better, worse = alone[..., 0], alone[..., 1]
    return binom.sf(better - 1, better + worse, 0.5), binom.sf(worse - 1, better + worse, 0.5)


def outcomes(first: float, second: float, num_looks: int, rows_of_look: int) -> tuple[float, float]:
    """The shares of challengers that are promoted, and rejected, by whichever look decides first."""
    alphas = np.array([alpha_of(look, 0.05) for look in range(1, num_looks + 1)])
    is_better, is_worse = (p_values <= alphas for p_values in looks(first, second, num_looks, rows_of_look))
    never = num_looks + 1
    promoted, rejected = (np.where(one.any(axis=1), one.argmax(axis=1), never) for one in (is_better, is_worse))
    return float((promoted < rejected).mean()), float((rejected < promoted).mean())


def test_the_simulation_asks_the_gates_own_test() -> None:
    better, worse = looks(0.1, 0.06, 2, 250)
    counts = Discordant(first=25, second=9, num_rows=300)
    assert binom.sf(24, 34, 0.5) == p_value(counts, 0.0)
    assert better.shape == worse.shape == (NUM_DRAWS, 2)


@pytest.mark.parametrize(("share", "num_looks"), [(0.05, 1), (0.05, 100), (0.2, 100)])
def test_of_equal_versions_no_more_than_the_stated_share_is_promoted_over_a_hundred_looks(
    share: float, num_looks: int
) -> None:
    promoted, rejected = outcomes(share, share, num_looks, 100)
    assert promoted <= 0.05
    assert rejected <= 0.05
    if num_looks > 1:
        # What it is there for: each look by itself at the first one's level promotes many of them.
        assert (looks(share, share, num_looks, 100)[0] <= 0.025).any(axis=1).mean() > 0.1


@pytest.mark.parametrize("looks_in_plan", [2, 5, 10])
def test_a_better_version_is_promoted_with_the_power_that_was_planned(looks_in_plan: int) -> None:
    """Better by 0.04, planned for 0.8 at the level of the last look, as `visible_gain` tells."""
    first, second = 0.1, 0.06
    error_of_row = np.sqrt(first + second - (first - second) ** 2)
    level = alpha_of(looks_in_plan, 0.05)
    planned = ((norm.isf(level) + norm.isf(0.2)) * error_of_row / (first - second)) ** 2
    promoted, rejected = outcomes(first, second, looks_in_plan, int(np.ceil(planned / looks_in_plan)))
    assert promoted >= 0.8 - 3 * np.sqrt(0.8 * 0.2 / NUM_DRAWS)
    assert rejected <= 0.05
    # And the worse of the two is rejected as often as the better one is promoted.
    assert outcomes(second, first, looks_in_plan, int(np.ceil(planned / looks_in_plan)))[1] == pytest.approx(
        promoted, abs=0.03
    )
