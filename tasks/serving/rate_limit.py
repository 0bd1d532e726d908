"""How many requests a caller may send: a bucket of tokens each, which fills up again with time."""

from __future__ import annotations

from collections import OrderedDict

_MOST_CALLERS = 10_000
"""Whose buckets are kept; beyond these, whoever was silent for longest begins anew."""


class RateLimit:
    """`rate` requests a second, and as many at once as a second has, one at least."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._size = max(1.0, rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, now: float) -> float:
        """Seconds until the caller may send one more; 0 when it may now, which takes a token. `now` is in seconds."""
        tokens, since = self._buckets.pop(caller, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self.rate)
        self._buckets[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if tokens >= 1 else (1 - tokens) / self.rate
