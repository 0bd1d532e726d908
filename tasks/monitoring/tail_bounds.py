"""How improbable it is, at most, that rows drawn from many have so large a sum of scores: bounds that hold at any
level.

A look a day for years, at all columns, asks for p-values of a billionth, at which no asymptotic distribution can be
trusted: with many ties or rare values tails are far heavier than the normal ones. So each p-value is a Chernoff bound
(H. Chernoff, Annals of Mathematical Statistics 23, 1952). Where nothing has changed, the rows of a window are drawn
without replacement from those of window and reference together, and the moment generating function of such a sum is at
most that of draws with replacement (W. Hoeffding, Probability Inequalities for Sums of Bounded Random Variables,
Journal of the American Statistical Association 58, 1963, section 6). Within each stratum, such as a day of the week,
rows are drawn by themselves, and logarithms add up.

All arrays have leading axes [...] of many tests, then strata [S], then cells [K].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_DEVIATION = 3.0
"""Standard deviations below which a sum is never called improbable: nothing is worked on there, which is most."""
_STEPS = 6
"""Newton's, of which any gives a bound that holds."""


def log_tail(scores: Floats, window: Floats, reference: Floats) -> Floats:
    """The logarithm of a bound on P(|sum of the window's scores - its mean| is as large, on that side), [...].

    `scores` [..., S, K] are of the cells, `window` and `reference` [..., S, K] count their rows. Not more than 0.
    """
    num_window, num_reference = window.sum(axis=-1), reference.sum(axis=-1)
    pooled = window + reference
    shares = pooled / np.maximum(pooled.sum(axis=-1, keepdims=True), 1.0)
    centred = scores - (shares * scores).sum(axis=-1, keepdims=True)
    deviation = (window * centred).sum(axis=(-2, -1))
    num_draws = np.minimum(num_window, num_reference)
    variance = (num_draws * (shares * centred**2).sum(axis=-1)).sum(axis=-1)
    is_far = np.abs(deviation) > _LEAST_DEVIATION * np.sqrt(variance)
    logs = np.zeros(deviation.shape)
    if is_far.any():
        # The reference deviates by as much to the other side, and fewer draws give the smaller bound.
        side = np.sign(deviation)[..., None, None] * np.where(num_window <= num_reference, 1.0, -1.0)[..., None]
        logs[is_far] = _chernoff(
            (side * centred)[is_far], shares[is_far], num_draws[is_far], np.abs(deviation)[is_far], variance[is_far]
        )
    return logs


def _chernoff(centred: Floats, shares: Floats, num_draws: Floats, deviation: Floats, variance: Floats) -> Floats:
    """The least of the exponents along Newton's way to the best one: [T], of `centred` and `shares` [T, S, K]."""
    tilt = deviation / np.maximum(variance, np.finfo(np.float64).tiny)
    least = np.zeros(len(deviation))
    for _ in range(_STEPS):
        powers = tilt[:, None, None] * centred
        # Else the largest power of e would be beyond all doubles.
        highest = powers.max(axis=-1, keepdims=True)
        terms = shares * np.exp(powers - highest)
        total = terms.sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(total > 0, np.log(total) + highest[..., 0], 0.0)
            means = np.where(total > 0, (terms * centred).sum(axis=-1) / total, 0.0)
            squares = np.where(total > 0, (terms * centred**2).sum(axis=-1) / total, 0.0)
        least = np.minimum(least, (num_draws * logs).sum(axis=-1) - tilt * deviation)
        slope = (num_draws * (squares - means**2)).sum(axis=-1)
        step = ((num_draws * means).sum(axis=-1) - deviation) / np.maximum(slope, 1e-12)
        # Beyond twice the tilt Newton may shoot far over the mark, where rare cells have all the weight.
        tilt = np.clip(tilt - step, tilt / 2, tilt * 2)
    return least


def log_tail_of_share(window: Floats, reference: Floats, num_window: Floats, num_reference: Floats) -> Floats:
    """The same for rows of one kind: `window` and `reference` [..., S] of so many rows; up and down, [2, ...].

    Exactly Chernoff's bound where there is one stratum: rows times the divergence of Kullback and Leibler.
    """
    pooled = (window + reference) / np.maximum(num_window + num_reference, 1.0)
    deviation = (window - num_window * pooled).sum(axis=-1)
    variance = (np.minimum(num_window, num_reference) * pooled * (1 - pooled)).sum(axis=-1)
    logs = np.zeros((2, *deviation.shape))
    is_far = np.abs(deviation) > _LEAST_DEVIATION * np.sqrt(variance)
    if is_far.any():
        totals = np.broadcast_to(num_window, window.shape), np.broadcast_to(num_reference, reference.shape)
        logs[:, is_far] = _of_far_shares(*(one[is_far] for one in (window, reference, *totals)))
    return logs


def _of_far_shares(window: Floats, reference: Floats, num_window: Floats, num_reference: Floats) -> Floats:
    pooled = (window + reference) / np.maximum(num_window + num_reference, 1.0)
    deviation = (window - num_window * pooled).sum(axis=-1)
    of_window = _share(window.sum(axis=-1), num_window.sum(axis=-1))
    of_reference = _share(reference.sum(axis=-1), num_reference.sum(axis=-1))
    of_both = _share((window + reference).sum(axis=-1), (num_window + num_reference).sum(axis=-1))
    middle = _logit(of_both)
    logs = np.zeros((2, len(deviation)))
    for tilt in (_logit(of_window) - middle, middle - _logit(of_reference)):
        exponent = _exponent(tilt[..., None], pooled, num_window, num_reference).sum(axis=-1) - tilt * deviation
        logs[0] = np.where(tilt > 0, np.minimum(logs[0], exponent), logs[0])
        logs[1] = np.where(tilt < 0, np.minimum(logs[1], exponent), logs[1])
    return logs


def _exponent(tilt: Floats, shares: Floats, num_window: Floats, num_reference: Floats) -> Floats:
    """The logarithm of the moment generating function in each stratum, by the draws of either sample: the lesser."""
    by_window = num_window * (np.log1p(shares * np.expm1(tilt)) - tilt * shares)
    by_reference = num_reference * (np.log1p(shares * np.expm1(-tilt)) + tilt * shares)
    lesser: Floats = np.minimum(by_window, by_reference)
    return lesser


def _share(count: Floats, num_rows: Floats) -> Floats:
    """Kept from 0 and 1 by far less than a row: a tilt must be finite, and any is allowed."""
    share: Floats = np.clip(count / np.maximum(num_rows, 1.0), 1e-9, 1 - 1e-9)
    return share


def _logit(share: Floats) -> Floats:
    logit: Floats = np.log(share) - np.log1p(-share)
    return logit
