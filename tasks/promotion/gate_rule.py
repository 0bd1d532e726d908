"""A rule of the gate, with the numbers that it was judged by, and as a sentence."""

from __future__ import annotations

from tasks.params.config import Config
from tasks.params.register import Bounded, Sureness
from tasks.wording import counted


class GateRule(Config):
    """One bound of the gate, and how the version did on `num_rows` test rows.

    `metric` is what is bounded, a metric or another measure, and `of` the part of the test that it is of.
    `low` and `high` hold it with 95 % confidence on other rows; of a rule that asks for it `surely`, both have to keep
    the bound: `p_value` is how likely as good a value would be seen if the true one stood on the bound, and a true one
    that is `visible_gain` away from it would have kept it four times in five. A rule that refuses what is surely
    `broken`, as all rules for slices do, is the other way round: its `p_value` is how likely as bad a value would be
    seen if the bound held, and `adjusted_p_value` how likely one of all `num_tests` such rules and slices would look
    that bad if the bounds of all held.
    """

    metric: Bounded
    of: str | None = None
    min: float | None
    max: float | None
    surely: Sureness
    value: float
    low: float | None
    high: float | None
    num_rows: int | None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    visible_gain: float | None = None
    num_tests: int | None = None
    passed: bool

    @property
    def is_kept(self) -> bool:
        """By the value on the test rows, whatever chance did."""
        return (self.min is None or self.value >= self.min) and (self.max is None or self.value <= self.max)

    def sentence(self) -> str:
        """Such as `accuracy 0.9 is below the least that is allowed, 0.95`."""
        return self._beside_the_bound() + self._sureness()

    def _sureness(self) -> str:
        if self.adjusted_p_value is None or self.num_tests is None or self.is_kept:
            return ""
        sure = "but not surely" if self.passed else "and surely so"
        rows = "" if self.num_rows is None else f"{counted(self.num_rows, 'row')}, "
        tests = f" after all {self.num_tests:,} rules and slices" if self.num_tests > 1 else ""
        return f", {sure}: {rows}p {self.adjusted_p_value:.2g}{tests}"

    def _beside_the_bound(self) -> str:
        if self.min is not None and self.value < self.min:
            return f"{self._figure(self.min)} is below the least that is allowed, {self.min:g}"
        if self.max is not None and self.value > self.max:
            return f"{self._figure(self.max)} is above the most that is allowed, {self.max:g}"
        if self.passed:
            return f"{self._name} {self.value:g} keeps its bounds"
        if self.low is None or self.high is None:
            return f"{self._name} {self.value:g} has no interval on these rows, and the rule asks for a sure one"
        return f"{self._name} {self.value:g} keeps its bounds, but not surely: it may be {self.low:g} to {self.high:g}"

    @property
    def _name(self) -> str:
        return self.metric if self.of is None else f"{self.metric} ({self.of})"

    def _figure(self, bound: float) -> str:
        """The metric's value in so many digits that it does not look like the bound."""
        value = f"{self.value:g}" if f"{self.value:g}" != f"{bound:g}" else repr(self.value)
        return f"{self._name} {value}"
