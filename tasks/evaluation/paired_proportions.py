"""Two models that are right or wrong on the same rows: how sure it is that one is right more often.

Only rows on which one of them alone is right tell them apart. Of two models that are equally good such a row goes to
either with a chance of a half, which McNemar's exact test asks about (McNemar, 1947; Psychometrika 12). Where a margin
is asked for, there is no such chance to count by, and Tango's score test stands in (Tango, Statistics in Medicine 17,
1998), which at a margin of 0 is McNemar's own approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, kw_only=True)
class Discordant:
    """Of `num_rows` rows, on how many the first alone is right, and on how many the second."""

    first: int
    second: int
    num_rows: int

    @property
    def gain(self) -> float:
        """By how much the first is right more often, a share of the rows."""
        return (self.first - self.second) / self.num_rows


def p_value(counts: Discordant, margin: float) -> float:
    """How likely such counts or clearer ones are, if the first is no more than `margin` better: one-sided."""
    from scipy.stats import binom, norm

    if margin == 0:
        return float(binom.sf(counts.first - 1, counts.first + counts.second, 0.5))
    return float(norm.sf(score(counts, margin)))


def interval(counts: Discordant, confidence: float) -> tuple[float, float]:
    """Where the gain lies: all of it that Tango's test would not refuse."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    reach = float(norm.isf((1 - confidence) / 2))

    def end(at_least: float, beyond: float) -> float:
        # Where all rows tell them apart, no difference beyond what was seen can be.
        if abs(counts.gain) == 1 and counts.gain == beyond:
            return beyond
        return float(brentq(lambda gain: score(counts, gain) - at_least, -1 + 1e-12, 1 - 1e-12, xtol=1e-10))

    return end(reach, -1.0), end(-reach, 1.0)


def score(counts: Discordant, gain: float) -> float:
    """Tango's statistic, a standard normal number if the true gain is `gain`; larger where more was seen."""
    n, excess = counts.num_rows, counts.first - counts.second - counts.num_rows * gain
    share = _share_of_second(counts, gain)
    variance = n * (2 * share + gain - gain**2)
    if variance <= 0:
        return 0.0 if excess == 0 else float("inf") if excess > 0 else float("-inf")
    return excess / sqrt(variance)


def _share_of_second(counts: Discordant, gain: float) -> float:
    """The likeliest share of rows that the second alone has right, given that gain: Tango's equation 8."""
    a = 2.0 * counts.num_rows
    b = -counts.first - counts.second + (a - counts.first + counts.second) * gain
    c = -counts.second * gain * (1 - gain)
    share = (sqrt(max(0.0, b**2 - 4 * a * c)) - b) / (2 * a)
    # No share is negative, and the first's, which is larger by the gain, is none either.
    return max(share, 0.0, -gain)
