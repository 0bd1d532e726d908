"""A challenger beside the champion on live rows: whether it takes the place, goes, or needs more rows. Pure functions.

The n-th look at a champion on live rows may spend one part of n (n + 1) of `register.alpha`, over all that challenge it
(tasks.promotion.looks): so looking each day, until something is seen, promotes none that is no better with a larger
chance than that. As much may be spent, apart from it, on calling a challenger worse that is not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from tasks.params.config import Config, Metric
from tasks.params.register import Register
from tasks.promotion.contest import (
    Comparison,
    chance,
    difference,
    figures,
    gain_of,
    not_sure,
    surely_better,
)
from tasks.promotion.looks import alpha_of
from tasks.promotion.power import visible_gain
from tasks.wording import number

BY_LIVE_ROWS = "live rows, by the rules of params.yaml"
"""Who signs what no person decided."""

_MOST_NOTES = 5
"""A tag of MLflow's ends at 5,000 signs."""

Decision = Literal["promote", "reject", "hold"]


class ShadowPair(Config):
    """Which versions stand beside each other, and since when the challenger has its alias (ISO 8601, with a zone)."""

    champion: int
    challenger: int
    since: str

    @property
    def moment(self) -> datetime:
        """Since when."""
        return datetime.fromisoformat(self.since)


class ShadowVerdict(Config):
    """What a look at both versions' answers to the same live rows has decided.

    `promote`: surely better by the margin; `reject`: surely worse; `hold`: neither, and more rows may tell. `gain` is
    how much better the challenger is, in the metric's unit, with the ends of its 95 % interval. `p_value` is how likely
    as large a gain would be seen if the true one were the margin, `p_worse` how likely as bad an outcome if the
    challenger were no worse; each decides at `alpha` at most, the share of `register.alpha` that this `look` has.
    """

    decision: Decision
    pair: ShadowPair
    metric: Metric
    margin: float
    challenger: float
    champion: float
    gain: float
    low: float
    high: float
    test: str
    p_value: float
    p_worse: float
    alpha: float
    look: int
    visible_gain: float
    num_rows: int
    num_groups: int | None = None
    is_final: bool = False
    """Whether the time or the rows were over that `register.shadow` allows: no look follows."""
    is_carried_out: bool = False
    """Whether the aliases were moved by it; always False of `hold`."""
    notes: tuple[str, ...] = ()
    sentence: str

    def is_of(self, pair: ShadowPair) -> bool:
        """Whether it is a verdict on these two, and since then.

        The history cannot tell an alias that was to be taken away, and was not as the process was killed, from one that
        was given again: a version that lost, and still has it, is the same as before.
        """
        is_cut_off = self.decision == "reject" and not self.is_carried_out
        same_versions = (self.pair.champion, self.pair.challenger) == (pair.champion, pair.challenger)
        return self.pair == pair or (is_cut_off and same_versions)


def shadow_verdict(
    config: Register,
    comparison: Comparison,
    p_worse: float,
    look: int,
    pair: ShadowPair,
    *,
    is_final: bool = False,
) -> ShadowVerdict:
    """The verdict at this look at the champion on live rows, counted from 1 over all its challengers."""
    alpha = alpha_of(look, config.alpha)
    decision: Decision = "hold"
    if comparison.p_value <= alpha:
        decision = "promote"
    elif p_worse <= alpha:
        decision = "reject"
    return ShadowVerdict(
        decision=decision,
        pair=pair,
        metric=config.metric,
        margin=config.margin,
        challenger=comparison.challenger,
        champion=comparison.champion,
        gain=gain_of(config.metric, comparison),
        low=comparison.low,
        high=comparison.high,
        test=comparison.test,
        p_value=comparison.p_value,
        p_worse=p_worse,
        alpha=alpha,
        look=look,
        visible_gain=visible_gain(comparison.standard_error, alpha),
        num_rows=comparison.num_rows,
        num_groups=comparison.num_groups,
        is_final=is_final,
        notes=comparison.notes[:_MOST_NOTES],
        sentence=_sentence(config, comparison, decision, p_worse if decision == "reject" else comparison.p_value, look),
    )


def is_due(num_rows: int, last: ShadowVerdict | None, min_rows: int, *, is_final: bool) -> bool:
    """Whether so many labelled rows are enough for the next look; the final one, once, takes what has come."""
    if num_rows < min_rows or (last is not None and last.is_final and is_final):
        return False
    return last is None or num_rows >= last.num_rows + (1 if is_final else min_rows)


def _sentence(config: Register, comparison: Comparison, decision: Decision, p_value: float, look: int) -> str:
    alpha = alpha_of(look, config.alpha)
    asking = "a first look at a champion on live rows" if look == 1 else f"look {look} at this champion on live rows"
    sure = f"{difference(comparison, p_value)}, and {asking} asks for {chance(alpha)} at most"
    visible = number(visible_gain(comparison.standard_error, alpha))
    outcome = {
        "promote": f"{surely_better(config.margin)}, so it takes the champion's place",
        "reject": "surely worse, so it is challenger no more, and the champion stays",
        "hold": f"{not_sure(config.margin)} yet; less than {visible} would hardly be seen on these rows",
    }[decision]
    return f"{figures(config.metric, comparison, 'live')} ({sure}), {outcome}"
