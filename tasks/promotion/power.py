"""What a comparison could have seen: a difference that is not found may be none, or too small for so few rows."""

from __future__ import annotations

USUAL_POWER = 0.8
"""Four times in five: what trials are planned by (Cohen, Statistical Power Analysis, 1988)."""


def visible_gain(standard_error: float, alpha: float, power: float = USUAL_POWER) -> float:
    """The true gain beyond the margin that is found with this power, at a one-sided p-value of at most `alpha`.

    `standard_error` is that of the gain that was measured.
    """
    from scipy.stats import norm

    return float(standard_error * (norm.isf(alpha) + norm.ppf(power)))


def power_for(gain: float, standard_error: float, alpha: float) -> float:
    """How likely it is that a true gain of so much beyond the margin is found."""
    from scipy.stats import norm

    if standard_error == 0:
        return 1.0
    return float(norm.cdf(gain / standard_error - norm.isf(alpha)))
